//! What a file is: `fstat(2)`, `fstatat(2)`. An `O_PATH` descriptor is enough.

use rustix::fs::AtFlags;
use std::ffi::OsStr;
use std::io;
use std::os::fd::BorrowedFd;

/// What `stat` tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Type and permissions, as `st_mode`.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Bytes.
    pub size: u64,
    /// Last change of its contents: seconds and nanoseconds since 1970.
    pub mtime: (i64, u32),
    /// Major and minor number, of a device node.
    pub device: (u32, u32),
    /// The file system it lies on, and its number there.
    pub identity: (u64, u64),
    /// How many names it has.
    pub names: u64,
}

impl Stat {
    /// The type alone: `S_IFREG` and its kin.
    pub fn kind(&self) -> u32 {
        self.mode & libc::S_IFMT
    }

    /// Whether it is a directory.
    pub fn is_directory(&self) -> bool {
        self.kind() == libc::S_IFDIR
    }

    /// Whether it is a regular file.
    pub fn is_file(&self) -> bool {
        self.kind() == libc::S_IFREG
    }

    /// Whether it is a symbolic link.
    pub fn is_symlink(&self) -> bool {
        self.kind() == libc::S_IFLNK
    }
}

/// Of an open file, or of the name that an `O_PATH` descriptor is.
pub fn of(file: BorrowedFd<'_>) -> io::Result<Stat> {
    Ok(told(&rustix::fs::fstat(file)?))
}

/// Of `name` in `dir`, of a link itself; `None` where nothing has that name.
pub fn at(dir: BorrowedFd<'_>, name: &OsStr) -> io::Result<Option<Stat>> {
    match rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(told(&stat))),
        Err(rustix::io::Errno::NOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn told(stat: &rustix::fs::Stat) -> Stat {
    Stat {
        mode: stat.st_mode,
        uid: stat.st_uid,
        gid: stat.st_gid,
        size: u64::try_from(stat.st_size).unwrap_or(0),
        mtime: (stat.st_mtime, u32::try_from(stat.st_mtime_nsec).unwrap_or(0)),
        device: (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev)),
        identity: (stat.st_dev, stat.st_ino),
        names: stat.st_nlink,
    }
}
