//! The root: attached, filled, write-protected, and made the root.

use super::report::{At, Step};
use super::{Build, devices, hide, mounts, place};
use crate::error::Stage;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use teu_kernel::child_fs::{self, Within};
use teu_kernel::libc::EINVAL;
use teu_kernel::mount::{self, Filesystem, MountAttr, Propagation, SetAttr};

/// Builds all below `build.root`. `terminal` is called when /dev and /dev/pts are there.
pub(super) fn build(
    build: &Build,
    terminal: impl Fn(BorrowedFd<'_>) -> Step<Option<OwnedFd>>,
) -> Step<Option<OwnedFd>> {
    teu_kernel::ids::umask(0);
    let root = build.root.as_fd();
    attach(root).at(Stage::Root, 0)?;
    let mounted = mounts::all(root, &build.mounts)?;
    devices::all(root, build)?;
    let terminal = terminal(root)?;
    set_sysctls(build, mounted.proc.as_ref())?;
    make_cwd(root, build)?;
    hide::mask(root, build)?;
    hide::protect(root, build)?;
    if let Some(dev) = mounted.dev_to_protect {
        protect(dev.as_fd()).at(Stage::ReadOnly, usize::MAX)?;
    }
    if build.readonly {
        protect(root).at(Stage::Root, 1)?;
    }
    Ok(terminal)
}

/// Puts the root on top of the old one, in this mount namespace only.
fn attach(root: BorrowedFd<'_>) -> io::Result<()> {
    // What the host mounts later may still come in here until pivot_root; nothing goes out.
    mount::set_propagation(c"/", Propagation::Slave, true)?;
    let private =
        SetAttr { propagation: Some(Propagation::Private), recursive: true, ..SetAttr::default() };
    mount::set_attr(root, &private)?;
    let old = child_fs::place_here(c"/")?;
    mount::attach(root, old.as_fd())
}

fn protect(what: BorrowedFd<'_>) -> io::Result<()> {
    let readonly = SetAttr { set: Some(MountAttr::RDONLY), ..SetAttr::default() };
    mount::set_attr(what, &readonly)
}

/// Through a procfs that nobody else can reach, so that what an image or a volume has put at /proc
/// decides nothing.
fn set_sysctls(build: &Build, proc: Option<&OwnedFd>) -> Step {
    if build.sysctls.is_empty() {
        return Ok(());
    }
    let made;
    let proc = match proc {
        Some(proc) => proc,
        None => {
            let mount = Filesystem::open(c"proc").and_then(|new| new.mount(MountAttr::empty()));
            made = mount.at(Stage::Sysctl, usize::MAX)?;
            &made
        }
    };
    let settings = child_fs::directory(proc.as_fd(), c"sys", Within::SameMount);
    let settings = settings.at(Stage::Sysctl, usize::MAX)?;
    for (index, (path, value)) in build.sysctls.iter().enumerate() {
        child_fs::open_for_writing(settings.as_fd(), path, Within::SameMount)
            .and_then(|file| child_fs::write_at_once(file.as_fd(), value.to_bytes()))
            .at(Stage::Sysctl, index)?;
    }
    Ok(())
}

/// Docker and runc make a working directory that is missing.
fn make_cwd(root: BorrowedFd<'_>, build: &Build) -> Step {
    match place::make_directory(root, &build.cwd) {
        // /proc/self/fd/N and its kin: the program's own chdir says what is wrong, or that nothing is.
        Err(error) if error.raw_os_error() == Some(teu_kernel::libc::ELOOP) => Ok(()),
        // It is there, on something that cannot be written.
        other => other.map(drop).at(Stage::WorkingDirectory, 0),
    }
}

/// `pivot_root(2)`, "pivot_root(".", ".")": no directory for the old root is needed.
pub(super) fn pivot(build: &Build) -> Step {
    change_root(build.root.as_fd()).at(Stage::Pivot, 0)?;
    if let Some(propagation) = build.propagation {
        mount::set_propagation(c"/", propagation, false).at(Stage::Pivot, 1)?;
    }
    Ok(())
}

fn change_root(root: BorrowedFd<'_>) -> io::Result<()> {
    child_fs::change_directory(root)?;
    match mount::pivot_root_here() {
        Ok(()) => mount::unmount_lazily(Path::new("."))?,
        // The initial ramfs cannot be pivoted away; the new root already covers it.
        Err(error) if error.raw_os_error() == Some(EINVAL) => child_fs::chroot_here()?,
        Err(error) => return Err(error),
    }
    child_fs::change_directory_to(c"/")
}
