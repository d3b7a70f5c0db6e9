//! How a child ended: `waitid(2)` by pidfd (Linux 5.4), and by anybody for an init.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with this status.
    Exited(u8),
    /// By this signal.
    Killed(u8),
    /// By this signal, and a core was written.
    Dumped(u8),
}

impl Ended {
    /// The status as shells tell it: 128 and the signal's number where there was one.
    pub fn shell_status(self) -> u8 {
        match self {
            Ended::Exited(status) => status,
            Ended::Killed(signal) | Ended::Dumped(signal) => signal.saturating_add(128),
        }
    }
}

/// Waits for the end of the child that `process` stands for, and reaps it.
pub fn wait(process: BorrowedFd<'_>) -> io::Result<Ended> {
    loop {
        match waitid(libc::P_PIDFD, process.as_raw_fd().unsigned_abs(), libc::WEXITED) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
            Ok(Some((_, ended))) => return Ok(ended),
            Ok(None) => {}
        }
    }
}

/// The same without waiting: `None` while it runs.
pub fn try_wait(process: BorrowedFd<'_>) -> io::Result<Option<Ended>> {
    let flags = libc::WEXITED | libc::WNOHANG;
    let ended = waitid(libc::P_PIDFD, process.as_raw_fd().unsigned_abs(), flags)?;
    Ok(ended.map(|(_, ended)| ended))
}

/// Reaps any child that has ended: its number, and how. `None` where all still run; `ECHILD` where
/// there are none.
pub fn try_wait_any() -> io::Result<Option<(u32, Ended)>> {
    waitid(libc::P_ALL, 0, libc::WEXITED | libc::WNOHANG)
}

fn waitid(kind: libc::idtype_t, id: u32, flags: i32) -> io::Result<Option<(u32, Ended)>> {
    // SAFETY: plain data of C; all zero is "nothing happened".
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    // SAFETY: `info` outlives the call.
    if unsafe { libc::waitid(kind, id, &raw mut info, flags) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: waitid fills the part of siginfo that SIGCHLD has, or leaves zeros.
    let pid = unsafe { info.si_pid() };
    let Some(pid) = u32::try_from(pid).ok().filter(|pid| *pid != 0) else {
        return Ok(None);
    };
    // SAFETY: as above.
    let status = unsafe { info.si_status() };
    // Statuses have 8 bits, signals 7.
    let status = u8::try_from(status & 0xff).unwrap_or(u8::MAX);
    let ended = match info.si_code {
        libc::CLD_EXITED => Ended::Exited(status),
        libc::CLD_DUMPED => Ended::Dumped(status),
        _ => Ended::Killed(status),
    };
    Ok(Some((pid, ended)))
}
