//! Running this binary again, from a mount that nobody can write through.
//!
//! A process that the container's processes can see (`/proc/PID/exe`) must not lead them to the
//! file on the host: through it CVE-2019-5736 replaced the runtime. So the binary is executed from a
//! detached, read-only copy of its mount: opening it for writing fails with EROFS, for root too, and
//! a mount that stands in no namespace cannot be remounted. It costs two system calls and no memory.

use crate::mount;
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::ptr;

/// The number under which a spawned process finds the descriptor that it was given.
pub const PASSED_FD: i32 = 3;

/// This binary on a read-only mount of its own, ready to be executed. A process that runs from such
/// a mount already gets that one.
pub fn own_binary() -> io::Result<OwnedFd> {
    binary(Path::new("/proc/self/exe"))
}

/// The same for any program.
pub fn binary(path: &Path) -> io::Result<OwnedFd> {
    let file = mount::open_path(path)?;
    match mount::clone_tree(file.as_fd(), Path::new(""), false) {
        Ok(copy) => {
            let read_only = mount::SetAttr {
                set: Some(mount::MountAttr::RDONLY | mount::MountAttr::NOSUID),
                ..mount::SetAttr::default()
            };
            mount::set_attr(copy.as_fd(), &read_only)?;
            Ok(copy)
        }
        // A mount in no namespace cannot be copied before Linux 6.15; and need not be.
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) && on_read_only_mount(&file)? => {
            Ok(file)
        }
        Err(error) => Err(error),
    }
}

fn on_read_only_mount(file: &OwnedFd) -> io::Result<bool> {
    let flags = rustix::fs::fstatvfs(file)?.f_flag;
    Ok(flags.contains(rustix::fs::StatVfsMountFlags::RDONLY))
}

/// Starts `binary` in a session of its own, away from everything that belongs to its caller: standard
/// input, output and error are /dev/null, signals are as at boot, and `pass` becomes descriptor
/// [`PASSED_FD`]. Returns its process id; it is a child of the caller.
///
/// `posix_spawn(3)`: the child borrows our memory until it executes, so its cost does not grow with ours.
pub fn spawn_detached(
    binary: BorrowedFd<'_>,
    arguments: &[CString],
    environment: &[CString],
    pass: Option<BorrowedFd<'_>>,
) -> io::Result<u32> {
    // Out of the way of the numbers 0 to 3, which are given anew in the child.
    let binary = rustix::io::fcntl_dupfd_cloexec(binary, 10)?;
    let pass = pass.map(|fd| rustix::io::fcntl_dupfd_cloexec(fd, 10)).transpose()?;
    let path = CString::new(format!("/proc/self/fd/{}", binary.as_raw_fd()))?;
    let mut actions = Actions::new()?;
    for number in 0..3 {
        actions.open(number, c"/dev/null")?;
    }
    if let Some(pass) = &pass {
        actions.dup2(pass.as_raw_fd(), PASSED_FD)?;
    }
    let attributes = Attributes::new_session_and_signals()?;
    let arguments = pointers(arguments);
    let environment = pointers(environment);
    let mut pid = 0;
    // SAFETY: all strings and both null-ended arrays of pointers to them, the actions and the
    // attributes live through the call, and each was initialised by its own init function.
    let result = unsafe {
        libc::posix_spawn(
            &raw mut pid,
            path.as_ptr(),
            &raw const actions.0,
            &raw const attributes.0,
            arguments.as_ptr(),
            environment.as_ptr(),
        )
    };
    told(result)?;
    u32::try_from(pid).map_err(io::Error::other)
}

fn pointers(strings: &[CString]) -> Vec<*mut libc::c_char> {
    strings.iter().map(|one| one.as_ptr().cast_mut()).chain([ptr::null_mut()]).collect()
}

/// The posix_spawn family returns the error instead of setting errno.
fn told(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(result)) }
}

struct Actions(libc::posix_spawn_file_actions_t);

impl Actions {
    fn new() -> io::Result<Actions> {
        // SAFETY: plain data of C, which the next call initialises.
        let mut actions = Actions(unsafe { std::mem::zeroed() });
        // SAFETY: a valid pointer; initialised exactly once.
        told(unsafe { libc::posix_spawn_file_actions_init(&raw mut actions.0) })?;
        Ok(actions)
    }

    fn open(&mut self, number: i32, path: &CStr) -> io::Result<()> {
        // SAFETY: initialised in `new`; glibc copies the path.
        told(unsafe {
            libc::posix_spawn_file_actions_addopen(
                &raw mut self.0,
                number,
                path.as_ptr(),
                libc::O_RDWR,
                0,
            )
        })
    }

    fn dup2(&mut self, from: i32, to: i32) -> io::Result<()> {
        // SAFETY: initialised in `new`; two integers.
        told(unsafe { libc::posix_spawn_file_actions_adddup2(&raw mut self.0, from, to) })
    }
}

impl Drop for Actions {
    fn drop(&mut self) {
        // SAFETY: initialised in `new`, destroyed once.
        unsafe { libc::posix_spawn_file_actions_destroy(&raw mut self.0) };
    }
}

struct Attributes(libc::posix_spawnattr_t);

impl Attributes {
    fn new_session_and_signals() -> io::Result<Attributes> {
        // SAFETY: plain data of C, which the next call initialises.
        let mut attributes = Attributes(unsafe { std::mem::zeroed() });
        // SAFETY: a valid pointer; initialised exactly once.
        told(unsafe { libc::posix_spawnattr_init(&raw mut attributes.0) })?;
        // SAFETY: plain data of C, which the next call initialises.
        let mut none: libc::sigset_t = unsafe { std::mem::zeroed() };
        let mut all = none;
        // SAFETY: a valid pointer to a sigset.
        unsafe { libc::sigemptyset(&raw mut none) };
        // SAFETY: a valid pointer to a sigset.
        unsafe { libc::sigfillset(&raw mut all) };
        // SAFETY: both pointers are valid; the set is copied.
        told(unsafe { libc::posix_spawnattr_setsigmask(&raw mut attributes.0, &raw const none) })?;
        // SAFETY: both pointers are valid; the set is copied.
        told(unsafe {
            libc::posix_spawnattr_setsigdefault(&raw mut attributes.0, &raw const all)
        })?;
        let flags = libc::POSIX_SPAWN_SETSIGMASK
            | libc::POSIX_SPAWN_SETSIGDEF
            | libc::POSIX_SPAWN_SETSID as i32;
        let flags = libc::c_short::try_from(flags).map_err(io::Error::other)?;
        // SAFETY: a valid pointer and an integer.
        told(unsafe { libc::posix_spawnattr_setflags(&raw mut attributes.0, flags) })?;
        Ok(attributes)
    }
}

impl Drop for Attributes {
    fn drop(&mut self) {
        // SAFETY: initialised in `new`, destroyed once.
        unsafe { libc::posix_spawnattr_destroy(&raw mut self.0) };
    }
}

/// What a process does first that was started by [`spawn_detached`]: takes the name `name` (`ps`,
/// `top`; 15 bytes), goes to `/`, so that it keeps no mount busy, and closes every descriptor from
/// `close_from` on, which a careless ancestor may have left open.
///
/// # Safety of descriptors
/// Call it before anything else is opened: whoever owns a descriptor from `close_from` on loses it.
pub fn settle(name: &CStr, close_from: u32) -> io::Result<()> {
    rustix::thread::set_name(name)?;
    rustix::process::chdir(c"/")?;
    // SAFETY: three integers. By this function's contract nobody owns these descriptors yet.
    let result = unsafe { libc::syscall(libc::SYS_close_range, close_from, u32::MAX, 0) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The descriptor that [`spawn_detached`] passed, closed on exec from now on. `None` where there is none.
pub fn take_passed_fd() -> Option<OwnedFd> {
    use std::os::fd::FromRawFd;
    // SAFETY: an integer; tells whether the number is open and changes only that descriptor's flag.
    if unsafe { libc::fcntl(PASSED_FD, libc::F_SETFD, libc::FD_CLOEXEC) } < 0 {
        return None;
    }
    // SAFETY: it is open, and was opened for this process by its parent: nobody here owns it.
    Some(unsafe { OwnedFd::from_raw_fd(PASSED_FD) })
}
