//! Files, for a process between clone and exec: C strings in, nothing allocated on the way.
//!
//! `openat2(2)`, `mkdirat(2)`, `mknodat(2)`, `symlinkat(2)`, `fchownat(2)`, `fchdir(2)`, `chroot(2)`,
//! `dup3(2)`, `getcwd(2)`, `fstat(2)`, `statfs(2)`, `faccessat2(2)`.

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags};
use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// How far a path may lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Within {
    /// As if the directory were the root; links are followed in it, magic links are not.
    Root,
    /// Below the directory, and no link at all is followed.
    NoLinks,
    /// Below the directory, no link, and on the directory's own mount.
    SameMount,
}

/// `O_PATH`: a name for a place.
pub fn place(dir: BorrowedFd<'_>, path: &CStr, within: Within) -> io::Result<OwnedFd> {
    open(dir, path, within, OFlags::PATH)
}

/// `O_PATH`, for a directory only.
pub fn directory(dir: BorrowedFd<'_>, path: &CStr, within: Within) -> io::Result<OwnedFd> {
    open(dir, path, within, OFlags::PATH | OFlags::DIRECTORY)
}

/// For writing, without making or cutting it.
pub fn open_for_writing(dir: BorrowedFd<'_>, path: &CStr, within: Within) -> io::Result<OwnedFd> {
    open(dir, path, within, OFlags::WRONLY)
}

/// For reading and writing, as nobody's controlling terminal.
pub fn open_terminal(dir: BorrowedFd<'_>, path: &CStr, within: Within) -> io::Result<OwnedFd> {
    open(dir, path, within, OFlags::RDWR | OFlags::NOCTTY)
}

fn open(dir: BorrowedFd<'_>, path: &CStr, within: Within, flags: OFlags) -> io::Result<OwnedFd> {
    let path = if path.is_empty() { c"." } else { path };
    let within = match within {
        Within::Root => ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS,
        Within::NoLinks => ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS,
        Within::SameMount => {
            ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV
        }
    };
    // EAGAIN: something was renamed or mounted beside us; "the caller should retry". A racer can do
    // that for long, so there is an end.
    for _ in 0..128 {
        match rustix::fs::openat2(dir, path, flags | OFlags::CLOEXEC, Mode::empty(), within) {
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
            Ok(fd) => return Ok(fd),
        }
    }
    Err(rustix::io::Errno::AGAIN.into())
}

/// `O_PATH`, as the calling process sees `path`, links followed.
pub fn place_here(path: &CStr) -> io::Result<OwnedFd> {
    Ok(rustix::fs::openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?)
}

/// Makes a directory; one that is there already is fine.
pub fn mkdir(dir: BorrowedFd<'_>, name: &CStr, mode: u32) -> io::Result<()> {
    match rustix::fs::mkdirat(dir, name, Mode::from_raw_mode(mode)) {
        Ok(()) | Err(rustix::io::Errno::EXIST) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Makes an empty regular file; what is there already, whatever it is, is left alone.
pub fn make_file(dir: BorrowedFd<'_>, name: &CStr, mode: u32) -> io::Result<()> {
    match rustix::fs::mknodat(dir, name, FileType::RegularFile, Mode::from_raw_mode(mode), 0) {
        Ok(()) | Err(rustix::io::Errno::EXIST) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Makes a link; what is there already is left alone.
pub fn symlink(target: &CStr, dir: BorrowedFd<'_>, name: &CStr) -> io::Result<()> {
    match rustix::fs::symlinkat(target, dir, name) {
        Ok(()) | Err(rustix::io::Errno::EXIST) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Makes a device or pipe (`type_and_mode` as in `st_mode`), its mode not cut by the umask only if
/// that is 0. Fails where something has that name.
pub fn mknod(
    dir: BorrowedFd<'_>,
    name: &CStr,
    type_and_mode: u32,
    major: u32,
    minor: u32,
) -> io::Result<()> {
    let kind = FileType::from_raw_mode(type_and_mode);
    let mode = Mode::from_raw_mode(type_and_mode);
    Ok(rustix::fs::mknodat(dir, name, kind, mode, rustix::fs::makedev(major, minor))?)
}

/// Gives `name` in `dir` to a user and a group; a link itself.
pub fn chown(dir: BorrowedFd<'_>, name: &CStr, uid: u32, gid: u32) -> io::Result<()> {
    let (uid, gid) = (rustix::fs::Uid::from_raw(uid), rustix::fs::Gid::from_raw(gid));
    Ok(rustix::fs::chownat(dir, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?)
}

/// Gives the open file to a user; its group stays.
pub fn give_to_user(file: BorrowedFd<'_>, uid: u32) -> io::Result<()> {
    Ok(rustix::fs::fchown(file, Some(rustix::fs::Uid::from_raw(uid)), None)?)
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    /// Type and permissions, as `st_mode`.
    pub mode: u32,
    /// Major and minor number, of a device node.
    pub device: (u32, u32),
    /// Its owner.
    pub uid: u32,
    /// The file system it lies on, and its number there.
    pub identity: (u64, u64),
}

impl About {
    /// Whether it is a directory.
    pub fn is_directory(&self) -> bool {
        self.mode & libc::S_IFMT == libc::S_IFDIR
    }

    /// Whether it is a pipe, a socket or a terminal: what data flow through.
    pub fn is_stream(&self) -> bool {
        let kind = self.mode & libc::S_IFMT;
        kind == libc::S_IFIFO || kind == libc::S_IFSOCK || self.is_terminal()
    }

    /// A pseudoterminal's end, by its major number.
    pub fn is_terminal(&self) -> bool {
        self.mode & libc::S_IFMT == libc::S_IFCHR && matches!(self.device.0, 4 | 136..=143)
    }

    /// Whether it is the character device `major:minor`.
    pub fn is_character(&self, major: u32, minor: u32) -> bool {
        self.mode & libc::S_IFMT == libc::S_IFCHR && self.device == (major, minor)
    }
}

/// `fstat(2)`, of an `O_PATH` descriptor too.
pub fn about(file: BorrowedFd<'_>) -> io::Result<About> {
    let stat = rustix::fs::fstat(file)?;
    let device = (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev));
    let identity = (stat.st_dev, stat.st_ino);
    Ok(About { mode: stat.st_mode, device, uid: stat.st_uid, identity })
}

/// The magic number of the file system that `file` lies on.
pub fn filesystem_magic(file: BorrowedFd<'_>) -> io::Result<u64> {
    #[expect(clippy::cast_sign_loss, reason = "magic numbers are bit patterns")]
    Ok(rustix::fs::fstatfs(file)?.f_type as u64)
}

/// procfs's magic number.
pub const PROC_MAGIC: u64 = 0x9fa0;
/// devpts's magic number.
pub const DEVPTS_MAGIC: u64 = 0x1cd1;

/// `stat(2)` as the calling process sees `path`.
pub fn about_path(path: &CStr) -> io::Result<About> {
    about(place_here(path)?.as_fd())
}

/// Whether the calling process, by its effective ids, may execute what is at `path`.
pub fn may_execute(path: &CStr) -> io::Result<()> {
    // faccessat2(2), Linux 5.8, knows AT_EACCESS; the C library's fallback would read more files.
    // SAFETY: a C string that lives through the call, and integers.
    let result = unsafe {
        libc::syscall(
            libc::SYS_faccessat2,
            libc::AT_FDCWD,
            path.as_ptr(),
            libc::X_OK,
            libc::AT_EACCESS,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Goes to the directory behind `dir`.
pub fn change_directory(dir: BorrowedFd<'_>) -> io::Result<()> {
    Ok(rustix::process::fchdir(dir)?)
}

/// Goes to `path`, links followed.
pub fn change_directory_to(path: &CStr) -> io::Result<()> {
    Ok(rustix::process::chdir(path)?)
}

/// Makes the current directory the root: `chroot(".")`.
pub fn chroot_here() -> io::Result<()> {
    Ok(rustix::process::chroot(c".")?)
}

/// Whether the current directory can be reached from the root: `getcwd(2)` says "(unreachable)" of
/// one that lies outside, and of one that is deleted ENOENT.
pub fn current_directory_is_inside() -> io::Result<bool> {
    let mut path = [0u8; 4096];
    // SAFETY: the address and the true length of `path`. The bare call: the C library's allocates
    // where it thinks it must.
    let length = unsafe { libc::syscall(libc::SYS_getcwd, path.as_mut_ptr(), path.len()) };
    if length < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(path[0] == b'/')
}

/// Makes `number` another name for `file`; what had it is closed. Stays open through exec.
pub fn duplicate_to(file: BorrowedFd<'_>, number: i32) -> io::Result<()> {
    duplicate(file, number, 0)
}

/// The same, closed on exec.
pub fn duplicate_to_cloexec(file: BorrowedFd<'_>, number: i32) -> io::Result<()> {
    duplicate(file, number, libc::O_CLOEXEC)
}

fn duplicate(file: BorrowedFd<'_>, number: i32, flags: i32) -> io::Result<()> {
    if file.as_raw_fd() == number {
        // dup3(2) refuses this; only the flag is to be set.
        let flags = if flags == 0 { 0 } else { libc::FD_CLOEXEC };
        // SAFETY: an open descriptor and integers.
        let result = unsafe { libc::fcntl(number, libc::F_SETFD, flags) };
        return if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) };
    }
    // SAFETY: an open descriptor and integers. Whoever owned `number` is, by the contract of
    // `close_range::close_from`, done with it: this serves a process right before its exec.
    let result = unsafe { libc::dup3(file.as_raw_fd(), number, flags) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// A descriptor for the same open file, not below `least`, closed on exec.
pub fn duplicate_above(file: BorrowedFd<'_>, least: i32) -> io::Result<OwnedFd> {
    Ok(rustix::io::fcntl_dupfd_cloexec(file, least)?)
}

/// The open descriptor `number`, for a process that was told which it is.
pub fn borrowed(number: i32) -> io::Result<BorrowedFd<'static>> {
    // SAFETY: an integer; tells only whether it is open.
    if unsafe { libc::fcntl(number, libc::F_GETFD) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: just seen to be open. It is used right before exec, when nobody closes any more.
    Ok(unsafe { BorrowedFd::borrow_raw(number) })
}

/// Closes the descriptor `number` in a process that was copied with it, and whose owner's copy is
/// never dropped here.
pub fn close_number(number: i32) {
    // SAFETY: an integer. By this function's contract nobody here uses or closes it any more.
    unsafe { libc::close(number) };
}

/// Makes the regular file `path` if it is missing, as a process whose root is `root` would: also
/// where a link that leads nowhere says it should be.
pub fn make_file_at_link(root: BorrowedFd<'_>, path: &CStr, mode: u32) -> io::Result<()> {
    let within = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NONBLOCK;
    rustix::fs::openat2(root, path, flags, Mode::from_raw_mode(mode), within)?;
    Ok(())
}

/// What the link `name` in `dir` says, into `buffer`.
pub fn read_link<'buffer>(
    dir: BorrowedFd<'_>,
    name: &CStr,
    buffer: &'buffer mut [u8],
) -> io::Result<&'buffer [u8]> {
    let length = rustix::fs::readlinkat_raw(dir, name, &mut *buffer)?;
    Ok(&buffer[..length])
}

/// All of `bytes` in one `write(2)`, as files of /proc and of cgroups want it.
pub fn write_at_once(file: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<()> {
    let written = loop {
        match rustix::io::write(file, bytes) {
            Err(rustix::io::Errno::INTR) => {}
            other => break other?,
        }
    };
    if written == bytes.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

/// One `read(2)`, repeated when a signal came.
pub fn read_once(file: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match rustix::io::read(file, &mut *buffer) {
            Err(rustix::io::Errno::INTR) => {}
            other => return Ok(other?),
        }
    }
}

/// Lets two names change places, in one step (`renameat2(2)`, `RENAME_EXCHANGE`).
pub fn exchange(a: &CStr, b: &CStr) -> io::Result<()> {
    Ok(rustix::fs::renameat_with(CWD, a, CWD, b, rustix::fs::RenameFlags::EXCHANGE)?)
}

/// One message with one descriptor, over a unix socket.
pub fn send_descriptor(
    socket: BorrowedFd<'_>,
    bytes: &[u8],
    file: BorrowedFd<'_>,
) -> io::Result<()> {
    use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let files = [file];
    if !ancillary.push(SendAncillaryMessage::ScmRights(&files)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let parts = [io::IoSlice::new(bytes)];
    rustix::net::sendmsg(socket, &parts, &mut ancillary, SendFlags::NOSIGNAL)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_leads_as_far_as_it_may() {
        let top = std::env::temp_dir().join(format!("teu-child-fs-{}", std::process::id()));
        std::fs::create_dir_all(top.join("dir")).unwrap();
        std::os::unix::fs::symlink("/dir", top.join("link")).unwrap();
        std::os::unix::fs::symlink("/proc/self/fd/0", top.join("dir/magic")).unwrap();
        let root = std::fs::File::open(&top).unwrap();
        let at = |path, within| place(root.as_fd(), path, within).map(drop);
        at(c"link", Within::Root).unwrap();
        at(c"../../dir", Within::Root).unwrap();
        at(c"", Within::Root).unwrap();
        assert!(at(c"dir/magic", Within::Root).is_err());
        at(c"dir", Within::NoLinks).unwrap();
        assert!(at(c"link", Within::NoLinks).is_err());
        assert!(at(c"../x", Within::SameMount).is_err());
        mkdir(root.as_fd(), c"dir", 0o755).unwrap();
        make_file(root.as_fd(), c"file", 0o644).unwrap();
        make_file(root.as_fd(), c"file", 0o644).unwrap();
        assert!(
            !about(place(root.as_fd(), c"file", Within::Root).unwrap().as_fd())
                .unwrap()
                .is_directory()
        );
        std::fs::remove_dir_all(&top).unwrap();
    }

    #[test]
    fn null_is_told_from_others() {
        let null = about_path(c"/dev/null").unwrap();
        assert!(null.is_character(1, 3) && !null.is_stream());
        assert!(current_directory_is_inside().unwrap());
        let proc = place_here(c"/proc").unwrap();
        assert_eq!(filesystem_magic(proc.as_fd()).unwrap(), PROC_MAGIC);
    }
}
