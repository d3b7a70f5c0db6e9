//! Changing the user and groups of the calling thread: `setresuid(2)`, `setresgid(2)`, `setgroups(2)`,
//! `setsid(2)`, `umask(2)`.
//!
//! The C library's functions change all threads, with signals and locks; between clone and exec there
//! is only one thread, and these are the bare calls.

use std::io;

/// The effective user and group id of the calling process.
pub fn effective() -> (u32, u32) {
    (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw())
}

/// The real, effective and saved user id.
pub fn set_user(uid: u32) -> io::Result<()> {
    // SAFETY: integers.
    check(unsafe { libc::syscall(libc::SYS_setresuid, uid, uid, uid) })
}

/// The real, effective and saved group id.
pub fn set_group(gid: u32) -> io::Result<()> {
    // SAFETY: integers.
    check(unsafe { libc::syscall(libc::SYS_setresgid, gid, gid, gid) })
}

/// The whole list of supplementary groups.
pub fn set_groups(groups: &[u32]) -> io::Result<()> {
    // SAFETY: the address and the true length of `groups`, whose elements are gid_t.
    check(unsafe { libc::syscall(libc::SYS_setgroups, groups.len(), groups.as_ptr()) })
}

/// A session of its own, without a terminal.
pub fn new_session() -> io::Result<()> {
    rustix::process::setsid()?;
    Ok(())
}

/// Bits that new files do not get.
pub fn umask(bits: u32) {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(bits));
}

/// Makes `terminal` the controlling terminal of this session (`TIOCSCTTY`, `ioctl_tty(2)`).
pub fn take_terminal(terminal: std::os::fd::BorrowedFd<'_>) -> io::Result<()> {
    Ok(rustix::process::ioctl_tiocsctty(terminal)?)
}

/// Makes the calling process the first of a process group of its own, and that group the one in
/// the foreground of `terminal`, if there is one. With SIGTTOU blocked, which otherwise stops
/// whoever does this from the background.
pub fn lead_foreground(terminal: Option<std::os::fd::BorrowedFd<'_>>) -> io::Result<()> {
    rustix::process::setpgid(None, None)?;
    if let Some(terminal) = terminal {
        rustix::termios::tcsetpgrp(terminal, rustix::process::getpid())?;
    }
    Ok(())
}

fn check(result: libc::c_long) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
