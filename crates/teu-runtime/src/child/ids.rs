//! Who the process is: session, groups, user, capabilities.

use super::Program;
use super::report::{At, Step};
use crate::error::Stage;
use teu_kernel::capability::{self, Sets};
use teu_kernel::libc::{EINVAL, EPERM};
use teu_kernel::{ids, keyctl};

/// `CAP_SYS_ADMIN`: loading a filter needs it, where new rights are not given up.
const SYS_ADMIN: u64 = 1 << 21;

/// A session and a keyring of its own.
pub(super) fn new_session(program: &Program) -> Step {
    // Fails where the process leads a group already: then it has a session of its own.
    match ids::new_session() {
        Err(error) if error.raw_os_error() != Some(EPERM) => return Err(error).at(Stage::Stdio, 0),
        _ => {}
    }
    // A kernel without keys, or a user with too many, is no reason not to start: nothing of the
    // caller's session is reachable by keys that root has not put there.
    keyctl::join_session_keyring(&program.keyring).unwrap_or(());
    Ok(())
}

/// In a user namespace that was just made or joined: its root, for all that is to be mounted.
pub(super) fn become_root() -> Step {
    // A map without the group 0, or setgroups denied: what then needs rights says so itself.
    match ids::set_group(0) {
        Err(error) if error.raw_os_error() != Some(EINVAL) => return Err(error).at(Stage::Ids, 0),
        _ => {}
    }
    match ids::set_user(0) {
        Err(error) if error.raw_os_error() != Some(EINVAL) => Err(error).at(Stage::Ids, 0),
        _ => Ok(()),
    }
}

/// Groups and user as asked, and all capabilities that go over that border.
///
/// The filter is loaded later and wants CAP_SYS_ADMIN, so that one stays until [`take_capabilities`].
pub(super) fn take_ids(program: &Program) -> Step {
    let before = capability::get().at(Stage::Capabilities, 0)?;
    match capability::drop_bounding(program.bounding) {
        // Not allowed to a process without CAP_SETPCAP, which can pass on no more than it has.
        Err(error) if error.raw_os_error() == Some(EPERM) => {}
        other => other.at(Stage::Capabilities, 1)?,
    }
    capability::keep_over_setuid(true).at(Stage::Capabilities, 2)?;
    set_groups(program)?;
    ids::set_group(program.gid).at(Stage::Ids, 0)?;
    ids::set_user(program.uid).at(Stage::Ids, 0)?;
    let mut sets = limit(program, before);
    sets.permitted |= SYS_ADMIN & before.permitted;
    sets.effective |= SYS_ADMIN & before.permitted;
    capability::set(sets).at(Stage::Capabilities, 3)
}

/// The sets as asked, and no other.
pub(super) fn take_capabilities(program: &Program) -> Step {
    let now = capability::get().at(Stage::Capabilities, 0)?;
    capability::set(limit(program, now)).at(Stage::Capabilities, 3)?;
    let ambient = program.ambient & now.permitted & program.capabilities.inheritable;
    if ambient != 0 {
        capability::raise_ambient(ambient).at(Stage::Capabilities, 4)?;
    }
    Ok(())
}

/// Nobody can pass on what he does not have: in a container in a container less is there.
fn limit(program: &Program, have: Sets) -> Sets {
    let asked = program.capabilities;
    let permitted = asked.permitted & have.permitted;
    Sets {
        permitted,
        effective: asked.effective & permitted,
        inheritable: asked.inheritable & have.permitted,
    }
}

fn set_groups(program: &Program) -> Step {
    match ids::set_groups(&program.groups) {
        // `/proc/PID/setgroups` says "deny" in a user namespace made by an ordinary user: nothing to
        // take away, nothing to give.
        Err(error) if error.raw_os_error() == Some(EPERM) && program.groups.is_empty() => Ok(()),
        other => other.at(Stage::Ids, 1),
    }
}
