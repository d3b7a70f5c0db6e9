//! Running this binary again, from a mount that nobody can write through.
//!
//! A process that the container's processes can see (`/proc/PID/exe`) must not lead them to the
//! file on the host: through it CVE-2019-5736 replaced the runtime. So the binary is executed from a
//! detached, read-only copy of its mount: opening it for writing fails with EROFS, for root too, and
//! a mount that stands in no namespace cannot be remounted. It costs two system calls and no memory.

use crate::clone::{CloneArgs, clone3};
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
/// [`PASSED_FD`]. Returns its process id; it is a child of the caller, which does not wait: what cannot
/// be executed ends with status 127.
///
/// `cgroup` is the v2 directory in which it is born: to move there later makes the kernel wait 13 ms
/// for all its processors, with the lock held that every other change of cgroups needs.
pub fn spawn_detached(
    binary: BorrowedFd<'_>,
    arguments: &[CString],
    environment: &[CString],
    pass: Option<BorrowedFd<'_>>,
    cgroup: Option<BorrowedFd<'_>>,
) -> io::Result<u32> {
    // Out of the way of the numbers 0 to 3, which are given anew in the child.
    let binary = rustix::io::fcntl_dupfd_cloexec(binary, 10)?;
    let pass = pass.map(|fd| rustix::io::fcntl_dupfd_cloexec(fd, 10)).transpose()?;
    let path = CString::new(format!("/proc/self/fd/{}", binary.as_raw_fd()))?;
    let (arguments, environment) = (pointers(arguments), pointers(environment));
    let pass = pass.as_ref().map(AsRawFd::as_raw_fd);
    let args = CloneArgs { cgroup, ..CloneArgs::default() };
    let mut child = || {
        become_detached(pass);
        // SAFETY: the path and both null-ended arrays of pointers to strings live in this copy too.
        unsafe { libc::execve(path.as_ptr(), arguments.as_ptr(), environment.as_ptr()) };
        127
    };
    clone3(&args, &mut child).map(|(pid, _)| pid)
}

/// In the child, between clone and exec: system calls only. A failure leaves something of the caller's
/// behind, which is no reason not to start.
fn become_detached(pass: Option<i32>) {
    // SAFETY: no argument.
    unsafe { libc::setsid() };
    // SAFETY: plain data of C; all zeros are the default action, no flag and an empty set.
    let default: libc::sigaction = unsafe { std::mem::zeroed() };
    for signal in 1..=SIGNAL_MAX {
        // SAFETY: a valid pointer, and null for what is not asked. Some numbers are refused.
        unsafe { libc::sigaction(signal, &raw const default, ptr::null_mut()) };
    }
    // SAFETY: a valid pointer to an empty set, and null for what is not asked.
    unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const default.sa_mask, ptr::null_mut()) };
    // SAFETY: a string that ends in a zero byte.
    let null = unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDWR | libc::O_CLOEXEC) };
    for number in 0..3 {
        // SAFETY: integers.
        unsafe { libc::dup2(null, number) };
    }
    if let Some(pass) = pass {
        // SAFETY: integers.
        unsafe { libc::dup2(pass, PASSED_FD) };
    }
}

/// `SIGRTMAX`.
const SIGNAL_MAX: i32 = 64;

fn pointers(strings: &[CString]) -> Vec<*const libc::c_char> {
    strings.iter().map(|one| one.as_ptr()).chain([ptr::null()]).collect()
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
