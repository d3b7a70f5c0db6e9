//! Files made and changed by their directory's descriptor and one name: `openat(2)`, `mkdirat(2)`,
//! `mknodat(2)`, `symlinkat(2)`, `linkat(2)`, `fchownat(2)`, `fchmod(2)`, `utimensat(2)`.
//!
//! A name has no slash, and no link is ever followed: who walks a tree with these stays in it.

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Timespec, Timestamps};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

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

/// A name for `name` in `dir`, of a link itself, without opening what is there (`O_PATH`).
pub fn place(dir: BorrowedFd<'_>, name: &OsStr) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(dir, name, flags, Mode::empty())?)
}

/// Opens for reading what a mere name (`O_PATH`) stands for: that very file, whatever has its name now.
pub fn open_place(place: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let path = format!("/proc/self/fd/{}", place.as_raw_fd());
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    Ok(rustix::fs::open(&*path, flags, Mode::empty())?)
}

/// The names in the open directory `dir`, sorted as bytes; an `O_PATH` descriptor is enough.
pub fn names(dir: BorrowedFd<'_>) -> io::Result<Vec<OsString>> {
    use std::os::unix::ffi::OsStringExt;
    let open = open_directory(dir, OsStr::new("."))?;
    let mut names = Vec::new();
    for entry in rustix::fs::Dir::read_from(&open)? {
        let name = entry?.file_name().to_bytes().to_vec();
        if name != b"." && name != b".." {
            names.push(OsString::from_vec(name));
        }
    }
    names.sort();
    Ok(names)
}

/// Where the link `link` (`O_PATH | O_NOFOLLOW`) leads, byte for byte.
pub fn target_of(link: BorrowedFd<'_>) -> io::Result<Vec<u8>> {
    Ok(rustix::fs::readlinkat(link, c"", Vec::new())?.into_bytes())
}

/// Removes `name` from `dir`; a directory only by `rmdir`.
pub fn unlink(dir: BorrowedFd<'_>, name: &OsStr) -> io::Result<()> {
    Ok(rustix::fs::unlinkat(dir, name, AtFlags::empty())?)
}

/// `fchmod(2)`.
pub fn chmod_open(file: BorrowedFd<'_>, mode: u32) -> io::Result<()> {
    Ok(rustix::fs::fchmod(file, Mode::from_raw_mode(mode))?)
}

/// `fchown(2)`.
pub fn chown_open(file: BorrowedFd<'_>, uid: u32, gid: u32) -> io::Result<()> {
    let (uid, gid) = (rustix::fs::Uid::from_raw(uid), rustix::fs::Gid::from_raw(gid));
    Ok(rustix::fs::fchown(file, Some(uid), Some(gid))?)
}

/// `futimens(2)`: access and change time.
pub fn set_times_open(file: BorrowedFd<'_>, seconds: i64, nanoseconds: u32) -> io::Result<()> {
    let time = Timespec { tv_sec: seconds, tv_nsec: nanoseconds.into() };
    let times = Timestamps { last_access: time, last_modification: time };
    Ok(rustix::fs::futimens(file, &times)?)
}

/// Whether nothing can be written through the mount that `file` lies on.
pub fn is_read_only(file: BorrowedFd<'_>) -> io::Result<bool> {
    let about = rustix::fs::fstatvfs(file)?;
    Ok(about.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY))
}

/// Writes everything of the file system that `fd` lies on to the disk: `syncfs(2)`.
pub fn sync_filesystem(fd: BorrowedFd<'_>) -> io::Result<()> {
    Ok(rustix::fs::syncfs(fd)?)
}
