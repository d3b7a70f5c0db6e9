//! A process between the parent and K, where K's namespaces need one: joining a PID or time
//! namespace, and setting the clocks of a new one, count only for children made afterwards, and the
//! parent must stay where it is.
//!
//! K is made as the parent's child, not the helper's, so nobody has to pass on how it ends.

use super::report::{self, At, Step};
use super::{Helper, Start, start};
use crate::error::Stage;
use std::os::fd::{AsFd, BorrowedFd};
use teu_kernel::child_fs;
use teu_kernel::clone::{CloneArgs, NewNamespaces, clone3};
use teu_kernel::{prctl, setns, unshare};

/// Makes K, and tells its number.
pub(crate) fn run(helper: &Helper, k: &Start, socket: BorrowedFd<'_>, parents_end: i32) -> u8 {
    match make(helper, k, socket, parents_end) {
        Ok(()) => 0,
        Err(failure) => {
            report::helper_failure(socket, &failure);
            1
        }
    }
}

fn make(helper: &Helper, k: &Start, socket: BorrowedFd<'_>, parents_end: i32) -> Step {
    // Processes of the namespaces that are joined could otherwise look into this one (CVE-2016-9962).
    prctl::set_dumpable(false).at(Stage::Join, usize::MAX)?;
    if let Some(offsets) = &helper.time {
        unshare::unshare(NewNamespaces::TIME).at(Stage::Time, 0)?;
        if !offsets.is_empty() {
            // The helper is in the parent's PID and mount namespaces still, whose /proc this is.
            let proc = child_fs::place_here(c"/proc/self/").at(Stage::Time, 1)?;
            let within = child_fs::Within::SameMount;
            child_fs::open_for_writing(proc.as_fd(), c"timens_offsets", within)
                .and_then(|file| child_fs::write_at_once(file.as_fd(), offsets.to_bytes()))
                .at(Stage::Time, 1)?;
        }
    }
    for (index, (namespace, kind)) in helper.join.iter().enumerate() {
        setns::join(namespace.as_fd(), *kind).at(Stage::Join, index)?;
    }
    let args = CloneArgs { namespaces: helper.new, sibling: true, cgroup: None };
    let child = &mut || start::run(k, socket, parents_end);
    let (pid, _pidfd) = clone3(&args, child).at(Stage::Clone, 0)?;
    report::pid(socket, pid).at(Stage::Clone, 1)?;
    Ok(())
}
