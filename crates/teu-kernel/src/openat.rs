//! Files made and changed by their directory's descriptor and one name: `openat(2)`, `mkdirat(2)`,
//! `mknodat(2)`, `symlinkat(2)`, `linkat(2)`, `fchownat(2)`, `fchmod(2)`, `utimensat(2)`.
//!
//! A name has no slash, and no link is ever followed: who walks a tree with these stays in it.

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Timespec, Timestamps};
use std::ffi::OsStr;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

/// Opens the directory `name` in `dir`.
pub fn open_directory(dir: BorrowedFd<'_>, name: &OsStr) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(dir, name, flags, Mode::empty())?)
}

/// Makes the regular file `name` in `dir`, which must not be there yet, and opens it for writing.
pub fn create_new(dir: BorrowedFd<'_>, name: &OsStr, mode: u32) -> io::Result<OwnedFd> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(dir, name, flags, Mode::from_raw_mode(mode))?)
}

/// Makes the directory `name` in `dir`.
pub fn mkdir(dir: BorrowedFd<'_>, name: &OsStr, mode: u32) -> io::Result<()> {
    Ok(rustix::fs::mkdirat(dir, name, Mode::from_raw_mode(mode))?)
}

/// Makes the symbolic link `name` in `dir`.
pub fn symlink(target: &OsStr, dir: BorrowedFd<'_>, name: &OsStr) -> io::Result<()> {
    Ok(rustix::fs::symlinkat(target, dir, name)?)
}

/// Gives the file `from` in `from_dir` one more name: `name` in `dir`. A symbolic link gets it itself.
pub fn link(
    from_dir: BorrowedFd<'_>,
    from: &OsStr,
    dir: BorrowedFd<'_>,
    name: &OsStr,
) -> io::Result<()> {
    Ok(rustix::fs::linkat(from_dir, from, dir, name, AtFlags::empty())?)
}

/// Makes a device or a pipe: `type_and_mode` as in `st_mode`.
pub fn mknod(
    dir: BorrowedFd<'_>,
    name: &OsStr,
    type_and_mode: u32,
    major: u32,
    minor: u32,
) -> io::Result<()> {
    let kind = FileType::from_raw_mode(type_and_mode);
    let mode = Mode::from_raw_mode(type_and_mode);
    Ok(rustix::fs::mknodat(dir, name, kind, mode, rustix::fs::makedev(major, minor))?)
}

/// Gives `name` in `dir` to `uid` and `gid`. Takes set-id bits and capabilities away: before the mode.
pub fn chown(dir: BorrowedFd<'_>, name: &OsStr, uid: u32, gid: u32) -> io::Result<()> {
    let (uid, gid) = (rustix::fs::Uid::from_raw(uid), rustix::fs::Gid::from_raw(gid));
    Ok(rustix::fs::chownat(dir, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?)
}

/// Sets the mode of `name` in `dir`, which must be no symbolic link: those have none.
pub fn chmod(dir: BorrowedFd<'_>, name: &OsStr, mode: u32) -> io::Result<()> {
    Ok(rustix::fs::chmodat(dir, name, Mode::from_raw_mode(mode), AtFlags::empty())?)
}

/// Sets access and change time of `name` in `dir`.
pub fn set_times(
    dir: BorrowedFd<'_>,
    name: &OsStr,
    seconds: i64,
    nanoseconds: u32,
) -> io::Result<()> {
    let time = Timespec { tv_sec: seconds, tv_nsec: nanoseconds.into() };
    let times = Timestamps { last_access: time, last_modification: time };
    Ok(rustix::fs::utimensat(dir, name, &times, AtFlags::SYMLINK_NOFOLLOW)?)
}

/// Writes everything of the file system that `fd` lies on to the disk: `syncfs(2)`.
pub fn sync_filesystem(fd: BorrowedFd<'_>) -> io::Result<()> {
    Ok(rustix::fs::syncfs(fd)?)
}
