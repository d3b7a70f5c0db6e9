//! Paths that cannot be seen, and paths that cannot be written.
//!
//! A hidden file is covered by /dev/null, a hidden directory by one empty, write-protected tmpfs,
//! the same for all. The first use attaches the mount itself, all others a copy of it: a mount that
//! stands nowhere cannot be copied before Linux 6.15.

use super::Build;
use super::report::{At, Failure, Step};
use crate::error::Stage;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use teu_kernel::child_fs::{self, Within};
use teu_kernel::libc::{ENOENT, ENOTDIR};
use teu_kernel::mount::{self, Filesystem, MountAttr, SetAttr};

/// A mount that covers places.
struct Cover<'fd> {
    mount: BorrowedFd<'fd>,
    used: bool,
}

impl Cover<'_> {
    fn put_on(&mut self, place: BorrowedFd<'_>) -> io::Result<()> {
        if std::mem::replace(&mut self.used, true) {
            let copy = mount::clone_tree(self.mount, Path::new(""), false)?;
            return mount::attach(copy.as_fd(), place);
        }
        mount::attach(self.mount, place)
    }
}

pub(super) fn mask(root: BorrowedFd<'_>, build: &Build) -> Step {
    let Some(null) = &build.null else { return Ok(()) };
    let mut null = Cover { mount: null.as_fd(), used: false };
    let mut empty: Option<OwnedFd> = None;
    let mut empty_used = false;
    for (index, path) in build.masked.iter().enumerate() {
        let Some(place) = find(root, path).at(Stage::Mask, index)? else { continue };
        if !child_fs::about(place.as_fd()).at(Stage::Mask, index)?.is_directory() {
            null.put_on(place.as_fd()).at(Stage::Mask, index)?;
            continue;
        }
        let mount = match &empty {
            Some(mount) => mount,
            None => empty.insert(empty_directory(index)?),
        };
        let mut cover = Cover { mount: mount.as_fd(), used: empty_used };
        cover.put_on(place.as_fd()).at(Stage::Mask, index)?;
        empty_used = true;
    }
    Ok(())
}

fn empty_directory(index: usize) -> Step<OwnedFd> {
    let make = || {
        let tmpfs = Filesystem::open(c"tmpfs")?;
        tmpfs.set(c"size", c"0k")?.set(c"mode", c"755")?.set(c"nr_inodes", c"1")?;
        tmpfs.mount(MountAttr::RDONLY | MountAttr::NOSUID | MountAttr::NODEV | MountAttr::NOEXEC)
    };
    make().map_err(|error| Failure::new(Stage::Mask, index, &error))
}

pub(super) fn protect(root: BorrowedFd<'_>, build: &Build) -> Step {
    for (index, path) in build.readonly_paths.iter().enumerate() {
        let Some(place) = find(root, path).at(Stage::ReadOnly, index)? else { continue };
        let cover = || {
            let copy = mount::clone_tree(place.as_fd(), Path::new(""), true)?;
            let readonly =
                SetAttr { set: Some(MountAttr::RDONLY), recursive: true, ..SetAttr::default() };
            mount::set_attr(copy.as_fd(), &readonly)?;
            mount::attach(copy.as_fd(), place.as_fd())
        };
        cover().at(Stage::ReadOnly, index)?;
    }
    Ok(())
}

/// What is not there needs no cover.
fn find(root: BorrowedFd<'_>, path: &std::ffi::CStr) -> io::Result<Option<OwnedFd>> {
    match child_fs::place(root, path, Within::Root) {
        Err(error) if matches!(error.raw_os_error(), Some(ENOENT | ENOTDIR)) => Ok(None),
        found => found.map(Some),
    }
}
