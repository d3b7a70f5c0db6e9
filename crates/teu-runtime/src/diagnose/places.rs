//! Files as the container's process saw them: its root, and mounts that the root does not show.

use crate::user::Ids;
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use teu_kernel::openat2::{OpenFlags, open_in_root};
use teu_kernel::statvfs::is_noexec;

/// A mount that is not part of the root descriptor.
#[derive(Clone, Copy, Debug)]
pub struct MountView<'a> {
    /// Where, inside the container; absolute.
    pub destination: &'a str,
    /// Whether it has the option noexec.
    pub noexec: bool,
    /// What is there, opened. `None`: nothing is said about what lies in it.
    pub root: Option<BorrowedFd<'a>>,
}

/// The root with its mounts.
pub(super) struct Places<'a> {
    pub root: BorrowedFd<'a>,
    pub mounts: &'a [MountView<'a>],
}

pub(super) const EXECUTE: u32 = 1;
pub(super) const READ: u32 = 4;

impl Places<'_> {
    pub fn stat(&self, path: &str) -> io::Result<Metadata> {
        self.open(path, OpenFlags::PATH)?.metadata()
    }

    /// For reading; never waits, whatever it is.
    pub fn read(&self, path: &str) -> io::Result<File> {
        let file = self.open(path, OpenFlags::RDONLY | OpenFlags::NONBLOCK | OpenFlags::NOCTTY)?;
        if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::InvalidInput.into()) }
    }

    /// Where the link at `path` leads; `None` where there is none.
    pub fn link(&self, path: &str) -> Option<String> {
        let file = self.open(path, OpenFlags::PATH | OpenFlags::NOFOLLOW).ok()?;
        if !file.metadata().ok()?.is_symlink() {
            return None;
        }
        teu_kernel::statvfs::read_link(file.as_fd()).ok()
    }

    pub fn is_noexec(&self, path: &str) -> bool {
        let by_name = self.mount_of(path).is_some_and(|(mount, _)| mount.noexec);
        let opened = self.open(path, OpenFlags::PATH);
        by_name || opened.is_ok_and(|file| is_noexec(file.as_fd()).unwrap_or(false))
    }

    /// Whether `path` lies where nothing can be said.
    pub fn is_unknown(&self, path: &str) -> bool {
        self.mount_of(path).is_some_and(|(mount, _)| mount.root.is_none())
    }

    fn open(&self, path: &str, flags: OpenFlags) -> io::Result<File> {
        let (root, path) = match self.mount_of(path) {
            None => (self.root, path),
            Some((mount, rest)) => (mount.root.ok_or(io::ErrorKind::Unsupported)?, rest),
        };
        if path.is_empty() {
            return Ok(File::from(root.try_clone_to_owned()?));
        }
        open_in_root(root, Path::new(path), flags, 0).map(File::from)
    }

    /// The innermost mount that `path` lies in, and the rest of the path.
    fn mount_of<'p>(&self, path: &'p str) -> Option<(&MountView<'_>, &'p str)> {
        let below = |mount: &MountView<'_>| {
            let rest = path.strip_prefix(mount.destination.trim_end_matches('/'))?;
            (rest.is_empty() || rest.starts_with('/')).then_some(rest)
        };
        let all = self.mounts.iter().filter_map(|mount| Some((mount, below(mount)?)));
        all.max_by_key(|(mount, _)| mount.destination.len())
    }
}

/// Whether the kernel would let `ids` do `what`. User 0 may read everything, and execute what anybody
/// may.
pub(super) fn may(about: &Metadata, ids: &Ids, what: u32) -> bool {
    let mode = about.mode();
    if ids.uid == 0 {
        return what != EXECUTE || about.is_dir() || mode & 0o111 != 0;
    }
    let shift = if about.uid() == ids.uid {
        6
    } else if about.gid() == ids.gid || ids.groups.contains(&about.gid()) {
        3
    } else {
        0
    };
    mode >> shift & what == what
}

/// Permission bits.
pub(super) fn mode(about: &Metadata) -> u32 {
    about.mode() & 0o7777
}
