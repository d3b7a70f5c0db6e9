//! Each mount of the list: made, given its flags, and only then a place.

use super::report::{At, Failure, Step};
use super::{Cgroups, HierarchyMount, Mount, NewFilesystem, What, place};
use crate::error::Stage;
use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use teu_kernel::child_fs::{self, PROC_MAGIC, Within};
use teu_kernel::libc::EPERM;
use teu_kernel::mount::{self, Filesystem, MountAttr, SetAttr};

/// What later steps need.
#[derive(Default)]
pub(super) struct Mounted {
    /// The container's procfs, as it was made.
    pub proc: Option<OwnedFd>,
    /// /dev, if it is to be write-protected once it is filled.
    pub dev_to_protect: Option<OwnedFd>,
}

pub(super) fn all(root: BorrowedFd<'_>, mounts: &[Mount]) -> Step<Mounted> {
    let mut mounted = Mounted::default();
    for (index, mount) in mounts.iter().enumerate() {
        one(root, index, mount, &mut mounted)?;
    }
    Ok(mounted)
}

fn one(root: BorrowedFd<'_>, index: usize, mount: &Mount, mounted: &mut Mounted) -> Step {
    match &mount.what {
        What::Tree { mount: tree, directory } => {
            let target = target(root, mount, *directory).at(Stage::Mount, index)?;
            mount::attach(tree.as_fd(), target.as_fd()).at(Stage::Mount, index)
        }
        What::New(filesystem) => {
            let made = make(filesystem, index)?;
            if filesystem.kind.as_c_str() == c"sysfs" {
                return attach_plainly(root, mount, &made, index);
            }
            attach(root, mount, &made).at(Stage::Mount, index)
        }
        What::Proc(filesystem) => {
            let made = make(filesystem, index)?;
            attach_plainly(root, mount, &made, index)?;
            mounted.proc = Some(made);
            Ok(())
        }
        What::Dev { filesystem, readonly } => {
            let made = make(filesystem, index)?;
            attach(root, mount, &made).at(Stage::Mount, index)?;
            mounted.dev_to_protect = readonly.then_some(made);
            Ok(())
        }
        What::Cgroups(wanted) => {
            let tree = make(&wanted.tmpfs, index)?;
            attach(root, mount, &tree).at(Stage::Mount, index)?;
            cgroups(tree.as_fd(), wanted, index)
        }
    }
}

/// For procfs and sysfs, which programs trust by their names: where a link led elsewhere, an image
/// could put its own in their place (CVE-2019-19921). runc's words.
fn attach_plainly(root: BorrowedFd<'_>, mount: &Mount, made: &OwnedFd, index: usize) -> Step {
    let words = b"must be mounted on ordinary directory";
    let place = place::make_plain_directory(root, &mount.target)
        .map_err(|error| Failure::new(Stage::Mount, index, &error).because(words))?;
    mount::attach(made.as_fd(), place.as_fd()).at(Stage::Mount, index)
}

fn attach(root: BorrowedFd<'_>, mount: &Mount, made: &OwnedFd) -> io::Result<()> {
    let target = target(root, mount, true)?;
    mount::attach(made.as_fd(), target.as_fd())
}

/// Where it goes. Nothing goes into the container's procfs but the few files that may (CVE-2019-16884
/// and its kin), whatever links led there.
fn target(root: BorrowedFd<'_>, mount: &Mount, directory: bool) -> io::Result<OwnedFd> {
    let target = if directory {
        place::make_directory(root, &mount.target)?
    } else {
        place::make_file(root, &mount.target)?
    };
    if !mount.inside_proc && child_fs::filesystem_magic(target.as_fd())? == PROC_MAGIC {
        return Err(io::Error::from_raw_os_error(EPERM));
    }
    Ok(target)
}

/// A new file system, detached. Where the kernel has words for a failure, they go along.
pub(super) fn make(new: &NewFilesystem, index: usize) -> Step<OwnedFd> {
    let filesystem = Filesystem::open(&new.kind).at(Stage::Mount, index)?;
    let made = configure(&filesystem, new).and_then(|()| filesystem.try_mount(new.attributes));
    let made = made.map_err(|error| {
        let mut words = [0; super::report::DETAIL];
        let length = filesystem.first_message(&mut words);
        Failure::new(Stage::Mount, index, &error).because(&words[..length])
    })?;
    if let Some(propagation) = new.propagation {
        let change = SetAttr { propagation: Some(propagation), ..SetAttr::default() };
        mount::set_attr(made.as_fd(), &change).at(Stage::Mount, index)?;
    }
    Ok(made)
}

fn configure(filesystem: &Filesystem, new: &NewFilesystem) -> io::Result<()> {
    for (name, value) in &new.options {
        match value {
            Some(value) => filesystem.set(name, value)?,
            None => filesystem.flag(name)?,
        };
    }
    Ok(())
}

/// One directory with one mount for each hierarchy, and other names for them.
fn cgroups(tree: BorrowedFd<'_>, wanted: &Cgroups, index: usize) -> Step {
    for hierarchy in &wanted.hierarchies {
        child_fs::mkdir(tree, &hierarchy.name, 0o755).at(Stage::Mount, index)?;
        let place = open_own(tree, &hierarchy.name).at(Stage::Mount, index)?;
        let made;
        let mount = match &hierarchy.what {
            HierarchyMount::Tree(mount) => mount,
            HierarchyMount::New(new) => {
                made = make(new, index)?;
                &made
            }
        };
        mount::attach(mount.as_fd(), place.as_fd()).at(Stage::Mount, index)?;
    }
    for (name, target) in &wanted.links {
        child_fs::symlink(target, tree, name).at(Stage::Mount, index)?;
    }
    if !wanted.readonly {
        return Ok(());
    }
    let protect = SetAttr { set: Some(MountAttr::RDONLY), ..SetAttr::default() };
    mount::set_attr(tree, &protect).at(Stage::Mount, index)
}

fn open_own(tree: BorrowedFd<'_>, name: &CStr) -> io::Result<OwnedFd> {
    child_fs::directory(tree, name, Within::NoLinks)
}
