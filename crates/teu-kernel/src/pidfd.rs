//! pidfd: a process named by a descriptor, so that its number cannot be reused.

use rustix::process::{Pid, PidfdFlags};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

/// `pidfd_open(2)`, Linux 5.3.
pub fn pidfd_open(pid: u32) -> io::Result<OwnedFd> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| io::Error::from(rustix::io::Errno::INVAL))?;
    Ok(rustix::process::pidfd_open(pid, PidfdFlags::empty())?)
}

/// `pidfd_send_signal(2)`, Linux 5.1. Signal 0 asks whether the process is there.
pub fn pidfd_send_signal(process: BorrowedFd<'_>, signal: i32) -> io::Result<()> {
    let no_siginfo = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: `process` is open for as long as it is borrowed; a null siginfo is allowed.
    let result = unsafe {
        libc::syscall(libc::SYS_pidfd_send_signal, process.as_raw_fd(), signal, no_siginfo, 0)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// When `pid` started, in clock ticks since boot (`proc_pid_stat(5)`, field 22): with the number it
/// names one process of this boot. `None` where there is no such process, or only its zombie.
pub fn start_time(pid: u32) -> Option<u64> {
    // One read: the kernel has it all at once, and lists ask it of many.
    let mut buffer = [0; 1024];
    let mut file = std::fs::File::open(format!("/proc/{pid}/stat")).ok()?;
    let length = std::io::Read::read(&mut file, &mut buffer).ok()?;
    let stat = String::from_utf8_lossy(&buffer[..length]);
    // The second field is the command's name in brackets, and may itself hold brackets and spaces.
    let (_, after_name) = stat.rsplit_once(") ")?;
    let mut fields = after_name.split(' ');
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.trim().parse().ok()
}

#[test]
fn names_ourselves_only_while_we_live() {
    use std::os::fd::AsFd;
    let me = pidfd_open(std::process::id()).unwrap();
    pidfd_send_signal(me.as_fd(), 0).unwrap();
    assert!(start_time(std::process::id()).is_some());
    assert_eq!(start_time(u32::MAX), None);
    assert_eq!(pidfd_open(0).unwrap_err().raw_os_error(), Some(libc::EINVAL));
}
