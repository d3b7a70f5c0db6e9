//! `teu unshare`'s plan carried out: one call after the other, in the order in which they can be made.
//!
//! ```text
//!  unshare ── maps of users ── offsets of clocks ── (fork) ── propagation ── root ── proc ── exec
//! ```

use crate::Refusal;
use crate::unshare::{Mapped, Plan};
use std::ffi::{CString, OsStr, OsString};
use std::fs;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use teu_kernel::clone::{CloneArgs, NewNamespaces, clone3};
use teu_kernel::mount::{Filesystem, MountAttr, Propagation, attach, open_path, set_propagation};
use teu_kernel::unshare::unshare;
use teu_kernel::wait::{Ended, wait};
use teu_kernel::{capability, ids, libc, prctl, signal};

/// Carries it out. Returns only where the program was a child, or could not be run.
pub(crate) fn apply(plan: &Plan) -> Result<u8, Refusal> {
    let (uid, gid) = ids::effective();
    unshare(plan.kinds).map_err(|error| {
        let needs_root = error.raw_os_error() == Some(libc::EPERM) && !capability::is_root();
        let hint = if needs_root { " (with --map-root-user it needs no root)" } else { "" };
        Refusal::of("make new namespaces", format!("{error}{hint}"))
    })?;
    if let Some(mapped) = plan.mapped {
        let inside = |id| if mapped == Mapped::Root { 0 } else { id };
        // Else the kernel takes no map of groups from an ordinary user.
        write("/proc/self/setgroups", "deny")?;
        write("/proc/self/gid_map", &format!("{} {gid} 1", inside(gid)))?;
        write("/proc/self/uid_map", &format!("{} {uid} 1", inside(uid)))?;
    }
    for (clock, seconds) in &plan.clocks {
        write("/proc/self/timens_offsets", &format!("{clock} {seconds} 0"))?;
    }
    if !plan.fork {
        return Err(become_program(plan));
    }
    let told = |refusal: Refusal| crate::answer("unshare", Err(refusal));
    let (_, child) = clone3(&CloneArgs::default(), &mut || told(become_program(plan)))
        .map_err(|error| Refusal::of("make a process", error))?;
    // The child gets them from the terminal, too, and decides.
    for number in [libc::SIGINT, libc::SIGTERM] {
        if plan.kill_child.is_none() || number == libc::SIGINT {
            signal::ignore(number).map_err(|error| Refusal::of("ignore a signal", error))?;
        }
    }
    match wait(child.as_fd()).map_err(|error| Refusal::of("wait for the program", error))? {
        Ended::Exited(status) => Ok(status),
        killed => Ok(killed.shell_status()),
    }
}

/// All that is left to do in the process that becomes the program. Comes back only with why not.
fn become_program(plan: &Plan) -> Refusal {
    if let Err(refusal) = prepare(plan) {
        return refusal;
    }
    let shell = std::env::var_os("SHELL").filter(|shell| !shell.is_empty());
    let shell = shell.unwrap_or_else(|| "/bin/sh".into());
    let (program, arguments) = match plan.program.split_first() {
        Some((program, arguments)) => (program.clone(), arguments),
        None => (shell, &[] as &[OsString]),
    };
    let mut command = Command::new(&program);
    command.args(arguments);
    if plan.program.is_empty() {
        // As a login shell.
        let name = Path::new(&program).file_name().unwrap_or_else(|| OsStr::new("sh"));
        command.arg0([OsStr::new("-"), name].into_iter().collect::<OsString>());
    }
    let error = command.exec();
    let code = if error.kind() == std::io::ErrorKind::NotFound { 127 } else { 126 };
    Refusal { code, ..Refusal::of(format!("run {}", program.display()), error) }
}

fn prepare(plan: &Plan) -> Result<(), Refusal> {
    if let Some(number) = plan.kill_child {
        prctl::set_parent_death_signal(number)
            .map_err(|error| Refusal::of("ask for a signal at the parent's end", error))?;
    }
    if plan.kinds.contains(NewNamespaces::MOUNT)
        && let Some(propagation) = plan.propagation
    {
        set_propagation(c"/", propagation, true)
            .map_err(|error| Refusal::of("change the propagation of mounts", error))?;
    }
    if let Some(root) = &plan.root {
        std::os::unix::fs::chroot(root)
            .map_err(|error| Refusal::of(format!("use the root {}", root.display()), error))?;
        change_directory(Path::new("/"))?;
    }
    if let Some(directory) = &plan.directory {
        change_directory(directory)?;
    }
    match &plan.proc {
        Some(place) => mount_proc(plan, place),
        None => Ok(()),
    }
}

fn mount_proc(plan: &Plan, place: &Path) -> Result<(), Refusal> {
    let failed =
        |error: std::io::Error| Refusal::of(format!("mount proc on {}", place.display()), error);
    if plan.propagation.is_none() && plan.root.is_none() {
        // The new one is this namespace's alone, whatever was asked for all others.
        let path = CString::new(place.as_os_str().as_encoded_bytes())
            .map_err(|error| failed(error.into()))?;
        match set_propagation(&path, Propagation::Private, true) {
            // Nothing is mounted there.
            Err(error) if error.raw_os_error() != Some(libc::EINVAL) => return Err(failed(error)),
            _ => {}
        }
    }
    let attributes = MountAttr::NOSUID | MountAttr::NOEXEC | MountAttr::NODEV;
    let proc = Filesystem::open(c"proc").map_err(failed)?.mount(attributes).map_err(failed)?;
    attach(proc.as_fd(), open_path(place).map_err(failed)?.as_fd()).map_err(failed)
}

fn change_directory(directory: &Path) -> Result<(), Refusal> {
    std::env::set_current_dir(directory)
        .map_err(|error| Refusal::of(format!("go to {}", directory.display()), error))
}

fn write(path: &str, text: &str) -> Result<(), Refusal> {
    fs::write(path, text).map_err(|error| Refusal::of(format!("write {path}"), error))
}
