//! Members become files below a directory.
//!
//! Rules as docker's `cp` and `tar`: a directory that is there stays and takes the member's attributes; any other
//! thing that is there is replaced; a directory never becomes something else, nor something else a directory.

use crate::error::At;
use crate::{ArchiveError, Data, Sink};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use teu_kernel::openat2::{OpenFlags, mkdir_in_root, open_beneath, open_in_root};
use teu_kernel::stat::{self, Stat};
use teu_kernel::{copy_file_range, openat, xattr};
use teu_tar::{Contents, Entry, Kind, Time};

/// Whose the files will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owners {
    /// As the members say.
    AsTold,
    /// Whoever makes them.
    Makers,
    /// One user's and group's.
    All(u32, u32),
}

/// How links on the way to a member are taken.
#[derive(Clone, Copy, Debug)]
pub enum Within<'a> {
    /// The directory is the whole world, and no link on the way is followed.
    Directory,
    /// It lies in this root at this path: links are followed inside the root, as a process in it would.
    Root(BorrowedFd<'a>, &'a Path),
}

/// Makes files below one directory.
pub struct Extractor<'a> {
    top: BorrowedFd<'a>,
    within: Within<'a>,
    owners: Owners,
    describes_top: bool,
    /// The directory that the last member went into.
    last: Option<(Vec<u8>, OwnedFd)>,
    /// Times of directories, set when nothing is made in them any more.
    times: Vec<(Vec<u8>, Time)>,
    bytes: u64,
}

impl<'a> Extractor<'a> {
    /// Into the directory `top`, which a descriptor for reading or an `O_PATH` one stands for.
    pub fn new(top: BorrowedFd<'a>, within: Within<'a>, owners: Owners) -> Extractor<'a> {
        let (last, times) = (None, Vec::new());
        Extractor { top, within, owners, describes_top: false, last, times, bytes: 0 }
    }

    /// The top itself takes the attributes of the member that stands for it.
    #[must_use]
    pub fn describing_top(self) -> Extractor<'a> {
        Extractor { describes_top: true, ..self }
    }

    /// Bytes of files written so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The last of it: directories get their times.
    pub fn finish(mut self) -> Result<u64, ArchiveError> {
        self.last = None;
        for (path, time) in std::mem::take(&mut self.times).into_iter().rev() {
            let flags = OpenFlags::RDONLY | OpenFlags::DIRECTORY | OpenFlags::NOFOLLOW;
            let set = self.open(&path, flags).and_then(|directory| {
                openat::set_times_open(directory.as_fd(), time.seconds, time.nanoseconds)
            });
            match set {
                // Somebody else took it away.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                other => other.at("set the time of", &path)?,
            }
        }
        Ok(self.bytes)
    }

    fn open(&self, path: &[u8], flags: OpenFlags) -> io::Result<OwnedFd> {
        let path = Path::new(OsStr::from_bytes(path));
        match self.within {
            Within::Directory => open_beneath(self.top, path, flags, 0),
            Within::Root(root, base) => open_in_root(root, &base.join(path), flags, 0),
        }
    }

    /// The directory that holds `path`'s last name; made where the archive does not tell of it.
    fn parent(&mut self, path: &[u8]) -> Result<BorrowedFd<'_>, ArchiveError> {
        let known = self.last.as_ref().is_some_and(|(known, _)| known == path);
        if !known {
            let flags = OpenFlags::PATH | OpenFlags::DIRECTORY;
            let opened = match self.open(path, flags) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => self.make(path),
                other => other,
            };
            self.last = Some((path.to_vec(), opened.at("open", path)?));
        }
        // Set in the lines above.
        Ok(self.last.as_ref().map_or(self.top, |(_, fd)| fd.as_fd()))
    }

    fn make(&self, path: &[u8]) -> io::Result<OwnedFd> {
        let path = Path::new(OsStr::from_bytes(path));
        match self.within {
            Within::Root(root, base) => mkdir_in_root(root, &base.join(path), 0o755),
            Within::Directory => {
                let mut done = PathBuf::new();
                for name in path {
                    let here = open_beneath(self.top, &done, OpenFlags::PATH, 0)?;
                    match openat::mkdir(here.as_fd(), name, 0o755) {
                        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                            return Err(error);
                        }
                        _ => done.push(name),
                    }
                }
                open_beneath(self.top, &done, OpenFlags::PATH | OpenFlags::DIRECTORY, 0)
            }
        }
    }

    fn make_room(
        &self,
        here: BorrowedFd<'_>,
        name: &OsStr,
        entry: &Entry,
    ) -> Result<Option<Stat>, ArchiveError> {
        let Some(there) = stat::at(here, name).at("look at", &entry.path)? else {
            return Ok(None);
        };
        let path = || PathBuf::from(OsStr::from_bytes(&entry.path));
        let into = || match self.within {
            Within::Root(_, base) => base.to_path_buf(),
            Within::Directory => PathBuf::from("."),
        };
        match (there.is_directory(), &entry.kind) {
            (true, Kind::Directory) => Ok(Some(there)),
            (true, _) => Err(ArchiveError::DirectoryThere { path: path(), into: into() }),
            (false, Kind::Directory) => Err(ArchiveError::FileThere { path: path(), into: into() }),
            (false, _) => match openat::unlink(here, name) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    Err(error).at("replace", &entry.path)
                }
                _ => Ok(None),
            },
        }
    }

    fn file(
        &mut self,
        here: BorrowedFd<'_>,
        name: &OsStr,
        entry: &Entry,
        contents: &Contents,
        data: Data<'_>,
    ) -> io::Result<()> {
        let file = File::from(openat::create_new(here, name, 0o600)?);
        match data {
            Data::None => {}
            Data::File(from) => {
                self.bytes += copy_file_range::copy(from, &file, contents.size)?;
            }
            Data::Stream(stream) => self.bytes += pour(stream, &file, contents)?,
        }
        self.describe_open(file.as_fd(), entry)?;
        openat::set_times_open(file.as_fd(), entry.mtime.seconds, entry.mtime.nanoseconds)
    }

    /// Owner, attributes, mode, in this order: a change of owner takes capabilities and set-id bits away.
    fn describe_open(&self, file: BorrowedFd<'_>, entry: &Entry) -> io::Result<()> {
        match self.owners {
            Owners::AsTold => openat::chown_open(file, entry.uid, entry.gid)?,
            Owners::All(uid, gid) => openat::chown_open(file, uid, gid)?,
            Owners::Makers => {}
        }
        for attribute in &entry.xattrs {
            match xattr::set_on(file, &attribute.name, &attribute.value) {
                // As docker: a file system without such attributes, or a caller who may not.
                Err(error) if is_refused(&error) => {}
                other => other?,
            }
        }
        openat::chmod_open(file, entry.mode)
    }

    fn describe_named(&self, here: BorrowedFd<'_>, name: &OsStr, entry: &Entry) -> io::Result<()> {
        match self.owners {
            Owners::AsTold => openat::chown(here, name, entry.uid, entry.gid)?,
            Owners::All(uid, gid) => openat::chown(here, name, uid, gid)?,
            Owners::Makers => {}
        }
        let path = PathBuf::from(format!("/proc/self/fd/{}", here.as_raw_fd())).join(name);
        for attribute in &entry.xattrs {
            let Ok(key) = std::ffi::CString::new(attribute.name.clone()) else { continue };
            match xattr::set(&path, &key, &attribute.value) {
                Err(error) if is_refused(&error) => {}
                other => other?,
            }
        }
        if !matches!(entry.kind, Kind::Symlink { .. }) {
            // Not through a link that somebody put there meanwhile.
            let place = openat::place(here, name)?;
            if !stat::of(place.as_fd())?.is_symlink() {
                openat::chmod(here, name, entry.mode)?;
            }
        }
        openat::set_times(here, name, entry.mtime.seconds, entry.mtime.nanoseconds)
    }

    fn hard_link(&self, here: BorrowedFd<'_>, name: &OsStr, target: &[u8]) -> io::Result<()> {
        let (directory, first) = split(target);
        let from = self.open(directory, OpenFlags::PATH | OpenFlags::DIRECTORY)?;
        openat::link(from.as_fd(), OsStr::from_bytes(first), here, name)
    }

    fn top(&mut self, entry: &Entry) -> Result<(), ArchiveError> {
        if self.describes_top && entry.kind == Kind::Directory {
            let open = openat::open_directory(self.top, OsStr::new(".")).at("open", b".")?;
            self.describe_open(open.as_fd(), entry).at("describe", b".")?;
            self.times.push((Vec::new(), entry.mtime));
        }
        Ok(())
    }
}

impl Sink for Extractor<'_> {
    fn put(&mut self, entry: &Entry, data: Data<'_>) -> Result<(), ArchiveError> {
        let path = &entry.path;
        if path.is_empty() {
            return self.top(entry);
        }
        let (directory, name) = split(path);
        let name = OsStr::from_bytes(name);
        // A descriptor of its own, so that `self` stays free: cheap, and gone with this member.
        let here = self.parent(directory)?.try_clone_to_owned().at("open", directory)?;
        let here = here.as_fd();
        let there = self.make_room(here, name, entry)?;
        match &entry.kind {
            Kind::File(contents) => self.file(here, name, entry, contents, data).at("write", path),
            Kind::Directory => {
                if there.is_none() {
                    openat::mkdir(here, name, 0o700).at("make", path)?;
                }
                let open = openat::open_directory(here, name).at("open", path)?;
                self.describe_open(open.as_fd(), entry).at("describe", path)?;
                self.times.push((path.clone(), entry.mtime));
                Ok(())
            }
            Kind::HardLink { target } => self.hard_link(here, name, target).at("link", path),
            Kind::Symlink { target } => {
                openat::symlink(OsStr::from_bytes(target), here, name).at("make", path)?;
                self.describe_named(here, name, entry).at("describe", path)
            }
            Kind::Character { major, minor } | Kind::Block { major, minor } => {
                let mode = entry.kind.type_bits() | (entry.mode & 0o777);
                openat::mknod(here, name, mode, *major, *minor).at("make", path)?;
                self.describe_named(here, name, entry).at("describe", path)
            }
            Kind::Fifo => {
                let mode = entry.kind.type_bits() | (entry.mode & 0o777);
                openat::mknod(here, name, mode, 0, 0).at("make", path)?;
                self.describe_named(here, name, entry).at("describe", path)
            }
            // Only layers mean these.
            Kind::Whiteout | Kind::Opaque => Ok(()),
        }
    }
}

fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|&byte| byte == b'/') {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (b"", path),
    }
}

fn is_refused(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied)
}

/// The stored bytes to their places.
fn pour(stream: &mut dyn Read, to: &File, contents: &Contents) -> io::Result<u64> {
    let whole = [teu_tar::Extent { at: 0, offset: 0, length: contents.size }];
    let pieces = contents.extents.as_deref().unwrap_or(&whole);
    let mut buffer = vec![0; 1 << 18];
    let mut written = 0;
    for piece in pieces {
        let (mut at, mut left) = (piece.at, piece.length);
        while left > 0 {
            let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
            let count = match stream.read(&mut buffer[..wanted]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other?,
            };
            to.write_all_at(&buffer[..count], at)?;
            at += count as u64;
            left -= count as u64;
            written += count as u64;
        }
    }
    to.set_len(contents.size)?;
    Ok(written)
}
