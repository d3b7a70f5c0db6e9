//! A tree, read: each file told as a member of an archive.

use crate::error::At;
use crate::{ArchiveError, Data, Sink};
use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use teu_kernel::openat2::{OpenFlags, open_beneath};
use teu_kernel::stat::{self, Stat};
use teu_kernel::{libc, openat, xattr};
use teu_tar::{Contents, Entry, Kind, Time, Xattr};

/// Reads below one directory. Files with several names are one file in the archive, too.
pub struct Packer<'a> {
    top: BorrowedFd<'a>,
    sink: &'a mut dyn Sink,
    first_names: HashMap<(u64, u64), Vec<u8>>,
    is_left_out: &'a dyn Fn(BorrowedFd<'_>, &[u8]) -> bool,
}

impl<'a> Packer<'a> {
    /// Of what lies below `top`.
    pub fn new(top: BorrowedFd<'a>, sink: &'a mut dyn Sink) -> Packer<'a> {
        Packer { top, sink, first_names: HashMap::new(), is_left_out: &|_, _| false }
    }

    /// Of directories for which `is_left_out` holds (it sees the directory and its path below the top)
    /// nothing is told but that they are there.
    #[must_use]
    pub fn leave_out(self, is_left_out: &'a dyn Fn(BorrowedFd<'_>, &[u8]) -> bool) -> Packer<'a> {
        Packer { is_left_out, ..self }
    }

    /// What lies at `path` below the top, with all in it; in the archive it is called `name`. An empty path is the
    /// top itself.
    pub fn tree(&mut self, path: &[u8], name: &[u8]) -> Result<(), ArchiveError> {
        let mut todo = vec![(path.to_vec(), name.to_vec())];
        let mut is_first = true;
        while let Some((path, name)) = todo.pop() {
            let found = match self.open(&path) {
                // Gone meanwhile, or not what it was: a tree in use is told as it is found.
                Err(error) if !is_first && is_change(&error) => continue,
                other => other.at("open", &path)?,
            };
            is_first = false;
            let about = stat::of(found.as_fd()).at("look at", &path)?;
            self.tell(&found, &about, &path, &name)?;
            if !about.is_directory() || (self.is_left_out)(found.as_fd(), &path) {
                continue;
            }
            let names = match openat::names(found.as_fd()) {
                Err(error) if is_change(&error) => continue,
                other => other.at("list", &path)?,
            };
            for child in names.into_iter().rev() {
                todo.push((join(&path, child.as_bytes()), join(&name, child.as_bytes())));
            }
        }
        Ok(())
    }

    /// Only what lies at `path`, without what is in it.
    pub fn one(&mut self, path: &[u8], name: &[u8]) -> Result<(), ArchiveError> {
        let found = match self.open(path) {
            Err(error) if is_change(&error) => return Ok(()),
            other => other.at("open", path)?,
        };
        let about = stat::of(found.as_fd()).at("look at", path)?;
        self.tell(&found, &about, path, name)
    }

    /// A member that is no file: a whiteout.
    pub fn mark(&mut self, name: &[u8], kind: Kind) -> Result<(), ArchiveError> {
        let (path, mtime, xattrs) = (name.to_vec(), Time::default(), Vec::new());
        self.sink.put(&Entry { path, kind, mode: 0, uid: 0, gid: 0, mtime, xattrs }, Data::None)
    }

    fn open(&self, path: &[u8]) -> io::Result<OwnedFd> {
        let path = Path::new(OsStr::from_bytes(path));
        open_beneath(self.top, path, OpenFlags::PATH | OpenFlags::NOFOLLOW, 0)
    }

    fn tell(
        &mut self,
        found: &OwnedFd,
        about: &Stat,
        path: &[u8],
        name: &[u8],
    ) -> Result<(), ArchiveError> {
        let Some(mut entry) = describe(found.as_fd(), about, name).at("read", path)? else {
            return Ok(());
        };
        if about.names > 1 && !about.is_directory() {
            if let Some(first) = self.first_names.get(&about.identity) {
                entry.kind = Kind::HardLink { target: first.clone() };
                entry.xattrs.clear();
                return self.sink.put(&entry, Data::None);
            }
            self.first_names.insert(about.identity, name.to_vec());
        }
        if !about.is_file() {
            return self.sink.put(&entry, Data::None);
        }
        let file = File::from(openat::open_place(found.as_fd()).at("open", path)?);
        self.sink.put(&entry, Data::File(&file))
    }
}

/// Another process changed the tree while it was read.
fn is_change(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ENOTDIR | libc::ELOOP | libc::ESTALE))
}

fn join(path: &[u8], name: &[u8]) -> Vec<u8> {
    if path.is_empty() { name.to_vec() } else { [path, b"/", name].concat() }
}

/// What is behind `file` as a member called `name`; `None` for what no archive holds.
pub fn describe(file: BorrowedFd<'_>, about: &Stat, name: &[u8]) -> io::Result<Option<Entry>> {
    let (major, minor) = about.device;
    let kind = match about.kind() {
        libc::S_IFREG => Kind::File(Contents { size: about.size, offset: 0, extents: None }),
        libc::S_IFDIR => Kind::Directory,
        libc::S_IFLNK => Kind::Symlink { target: openat::target_of(file)? },
        libc::S_IFCHR => Kind::Character { major, minor },
        libc::S_IFBLK => Kind::Block { major, minor },
        libc::S_IFIFO => Kind::Fifo,
        _ => return Ok(None),
    };
    let kept = |name: &[u8]| {
        !name.starts_with(b"trusted.overlay.")
            && !name.starts_with(b"user.overlay.")
            && name != b"security.selinux"
    };
    let xattrs = xattr::all_of(file)?.into_iter().filter(|(name, _)| kept(name));
    Ok(Some(Entry {
        path: name.to_vec(),
        kind,
        mode: about.mode & 0o7777,
        uid: about.uid,
        gid: about.gid,
        mtime: Time { seconds: about.mtime.0, nanoseconds: about.mtime.1 },
        xattrs: xattrs.map(|(name, value)| Xattr { name, value }).collect(),
    }))
}
