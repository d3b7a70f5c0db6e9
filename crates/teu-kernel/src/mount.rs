//! Mounts as descriptors: `fsopen(2)`, `fsconfig(2)`, `fsmount(2)`, `open_tree(2)`, `move_mount(2)`,
//! `mount_setattr(2)`, `umount2(2)`, `pivot_root(2)`. Linux 5.12 has them all.
//!
//! A mount made here is attached nowhere until [`attach`] says where, by descriptor: no path is
//! looked up twice, so nobody can swap it in between.

use rustix::mount as sys;
use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::path::Path;

bitflags::bitflags! {
    /// `MOUNT_ATTR_*` of `mount_setattr(2)`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct MountAttr: u64 {
        /// No writes through this mount.
        const RDONLY = 0x01;
        /// Set-user-id bits have no effect.
        const NOSUID = 0x02;
        /// Device nodes cannot be opened.
        const NODEV = 0x04;
        /// Nothing can be executed.
        const NOEXEC = 0x08;
        /// All the bits that choose how access times are kept. Relatime is none of them.
        const ATIME = 0x70;
        /// Access times never change.
        const NOATIME = 0x10;
        /// Every access changes them.
        const STRICTATIME = 0x20;
        /// Not for directories.
        const NODIRATIME = 0x80;
        /// Files take their owners through the user namespace given beside.
        const IDMAP = 0x0010_0000;
        /// Links are not followed.
        const NOSYMFOLLOW = 0x0020_0000;
    }
}

/// How mounts and unmounts travel between namespaces: `mount_namespaces(7)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Propagation {
    /// Neither way.
    Private,
    /// Both ways.
    Shared,
    /// Inwards only.
    Slave,
    /// Private, and cannot be bind-mounted.
    Unbindable,
}

impl Propagation {
    /// The `MS_*` bit that `mount(2)` and `mount_setattr(2)` take.
    pub fn bit(self) -> u64 {
        match self {
            Propagation::Private => libc::MS_PRIVATE,
            Propagation::Shared => libc::MS_SHARED,
            Propagation::Slave => libc::MS_SLAVE,
            Propagation::Unbindable => libc::MS_UNBINDABLE,
        }
    }
}

/// A file system being configured: `fsopen(2)`.
#[derive(Debug)]
pub struct Filesystem {
    context: OwnedFd,
}

impl Filesystem {
    /// Begins a new instance of the type `name`: `overlay`, `tmpfs`, `proc`, …
    pub fn open(name: &CStr) -> io::Result<Filesystem> {
        Ok(Filesystem { context: sys::fsopen(name, sys::FsOpenFlags::FSOPEN_CLOEXEC)? })
    }

    /// `name=value`. The kernel refuses a value of 256 bytes or more.
    pub fn set(&self, name: &CStr, value: &CStr) -> io::Result<&Filesystem> {
        sys::fsconfig_set_string(self.context.as_fd(), name, value)?;
        Ok(self)
    }

    /// `name` alone.
    pub fn flag(&self, name: &CStr) -> io::Result<&Filesystem> {
        sys::fsconfig_set_flag(self.context.as_fd(), name)?;
        Ok(self)
    }

    /// `name=<descriptor>`, for the options that take one (`FSCONFIG_SET_FD`).
    pub fn set_fd(&self, name: &CStr, fd: BorrowedFd<'_>) -> io::Result<&Filesystem> {
        sys::fsconfig_set_fd(self.context.as_fd(), name, fd)?;
        Ok(self)
    }

    /// Creates the instance, and a mount of it that is attached nowhere.
    pub fn mount(self, attributes: MountAttr) -> io::Result<OwnedFd> {
        self.try_mount(attributes)
    }

    /// The same; where it fails, [`Filesystem::messages`] can still be asked why.
    pub fn try_mount(&self, attributes: MountAttr) -> io::Result<OwnedFd> {
        sys::fsconfig_create(self.context.as_fd())?;
        let attributes = sys::MountAttrFlags::from_bits_retain(
            u32::try_from(attributes.bits()).unwrap_or(u32::MAX),
        );
        Ok(sys::fsmount(self.context.as_fd(), sys::FsMountFlags::FSMOUNT_CLOEXEC, attributes)?)
    }

    /// The first line of [`Filesystem::messages`] into `buffer`, with nothing allocated: its length.
    pub fn first_message(&self, buffer: &mut [u8]) -> usize {
        let length = rustix::io::read(&self.context, &mut *buffer).unwrap_or(0);
        // "e text\n": the letter tells how serious it is.
        let text = buffer[..length].strip_prefix(b"e ").unwrap_or(&buffer[..length]);
        let text = text.trim_ascii_end();
        let (start, kept) = (length - (text.len() + trailing(&buffer[..length])), text.len());
        buffer.copy_within(start..start + kept, 0);
        kept
    }

    /// What the kernel has to say about the last failure: it writes one line per message into the
    /// context (`e overlay: …`). Empty where it said nothing.
    pub fn messages(&self) -> String {
        let mut text = String::new();
        let mut line = [0u8; 512];
        while let Ok(length) = rustix::io::read(&self.context, &mut line) {
            if length == 0 || text.len() > 4096 {
                break;
            }
            let message = String::from_utf8_lossy(&line[..length]);
            let message = message.get(2..).unwrap_or(&message).trim_end();
            if !text.is_empty() {
                text.push_str("; ");
            }
            text.push_str(message);
        }
        text
    }
}

fn trailing(text: &[u8]) -> usize {
    text.len() - text.trim_ascii_end().len()
}

/// A private copy of the mount at `path` below `dir`, attached nowhere: `open_tree(2)` with
/// `OPEN_TREE_CLONE`. With `recursive`, of all mounts below it too. An empty path copies `dir` itself.
pub fn clone_tree(dir: BorrowedFd<'_>, path: &Path, recursive: bool) -> io::Result<OwnedFd> {
    let mut flags = sys::OpenTreeFlags::OPEN_TREE_CLONE | sys::OpenTreeFlags::OPEN_TREE_CLOEXEC;
    if recursive {
        flags |= sys::OpenTreeFlags::AT_RECURSIVE;
    }
    if path.as_os_str().is_empty() {
        flags |= sys::OpenTreeFlags::AT_EMPTY_PATH;
    }
    Ok(sys::open_tree(dir, path, flags)?)
}

/// Puts the detached mount `mount` on what `target` stands for: `move_mount(2)`, both by descriptor.
pub fn attach(mount: BorrowedFd<'_>, target: BorrowedFd<'_>) -> io::Result<()> {
    let flags =
        sys::MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | sys::MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    Ok(sys::move_mount(mount, c"", target, c"", flags)?)
}

/// The layout of `struct mount_attr`.
#[repr(C)]
struct RawAttr {
    set: u64,
    clear: u64,
    propagation: u64,
    userns: u64,
}

/// What `mount_setattr(2)` is asked to change.
#[derive(Debug, Default)]
pub struct SetAttr<'fd> {
    /// Bits to set.
    pub set: Option<MountAttr>,
    /// Bits to clear, before `set`.
    pub clear: Option<MountAttr>,
    /// Propagation to give, if any.
    pub propagation: Option<Propagation>,
    /// With [`MountAttr::IDMAP`]: the user namespace whose map is used.
    pub userns: Option<BorrowedFd<'fd>>,
    /// For all mounts below too.
    pub recursive: bool,
}

/// Changes the mount that `mount` stands for: `mount_setattr(2)`, Linux 5.12.
pub fn set_attr(mount: BorrowedFd<'_>, change: &SetAttr<'_>) -> io::Result<()> {
    let raw = RawAttr {
        set: change.set.unwrap_or(MountAttr::empty()).bits(),
        clear: change.clear.unwrap_or(MountAttr::empty()).bits(),
        propagation: change.propagation.map_or(0, Propagation::bit),
        userns: change.userns.map_or(0, |fd| u64::try_from(fd.as_raw_fd()).unwrap_or(0)),
    };
    let flags = libc::AT_EMPTY_PATH | if change.recursive { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: the path is a literal, `raw` is a whole struct mount_attr and lives through the call,
    // and its size is told.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const raw,
            std::mem::size_of::<RawAttr>(),
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Changes only the propagation of what is mounted at `path`, by `mount(2)`; with `recursive`, of
/// all below it.
pub fn set_propagation(path: &CStr, propagation: Propagation, recursive: bool) -> io::Result<()> {
    let flags = propagation.bit() | if recursive { libc::MS_REC } else { 0 };
    // SAFETY: `path` is a C string; the other pointers may be null for a change of propagation.
    let result = unsafe {
        libc::mount(std::ptr::null(), path.as_ptr(), std::ptr::null(), flags, std::ptr::null())
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Takes the mount at `path` away at once; what still uses it keeps it until done (`MNT_DETACH`).
pub fn unmount_lazily(path: &Path) -> io::Result<()> {
    Ok(sys::unmount(path, sys::UnmountFlags::DETACH | sys::UnmountFlags::NOFOLLOW)?)
}

/// Makes the current directory the root and the old root a mount on top of it: `pivot_root(".", ".")`,
/// `pivot_root(2)`, "pivot_root(".", ".")". The old root is then unmounted from `.`.
pub fn pivot_root_here() -> io::Result<()> {
    Ok(rustix::process::pivot_root(c".", c".")?)
}

/// `AT_FDCWD`, for paths that are looked up from the current directory.
pub fn cwd() -> BorrowedFd<'static> {
    rustix::fs::CWD
}

/// An `O_PATH` descriptor for `path`: a name for the place, without opening what is there.
pub fn open_path(path: &Path) -> io::Result<OwnedFd> {
    let flags = libc::O_PATH | libc::O_CLOEXEC;
    let path = std::ffi::CString::new(path.as_os_str().as_encoded_bytes())?;
    // SAFETY: `path` is a C string that lives through the call.
    let fd = unsafe { libc::open(path.as_ptr(), flags) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made `fd` for us, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
