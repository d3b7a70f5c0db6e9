//! How a process ended that is nobody's child here: `PIDFD_GET_INFO`, Linux 6.15 for the exit status.

use crate::wait::Ended;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// `struct pidfd_info` in its first version.
#[repr(C)]
#[derive(Default)]
struct PidfdInfo {
    mask: u64,
    cgroup: u64,
    pid: u32,
    tgid: u32,
    ppid: u32,
    ids: [u32; 8],
    exit_code: i32,
}

const PIDFD_INFO_EXIT: u64 = 1 << 3;
/// `_IOWR(0xff, 11, struct pidfd_info)`.
const PIDFD_GET_INFO: u64 = (3 << 30) | ((size_of::<PidfdInfo>() as u64) << 16) | (0xff << 8) | 11;

/// How a process ended that was waited for by its parent.
/// `None` where it has not been waited for yet, or the kernel is too old to know.
pub fn exit_status(process: BorrowedFd<'_>) -> io::Result<Option<Ended>> {
    let mut info = PidfdInfo { mask: PIDFD_INFO_EXIT, ..PidfdInfo::default() };
    // SAFETY: `process` is open while borrowed, and `info` has the size that the request names.
    let result = unsafe { libc::ioctl(process.as_raw_fd(), PIDFD_GET_INFO, &raw mut info) };
    if result == 0 {
        return Ok((info.mask & PIDFD_INFO_EXIT != 0).then(|| ended(info.exit_code)));
    }
    match io::Error::last_os_error() {
        error
            if matches!(error.raw_os_error(), Some(libc::ESRCH | libc::ENOTTY | libc::EINVAL)) =>
        {
            Ok(None)
        }
        error => Err(error),
    }
}

/// The same for one that ended and that nobody has waited for yet: `proc_pid_stat(5)`, field 52, which
/// root may read. `start_time` ([`crate::pidfd::start_time`]) says that `pid` is still its number.
pub fn zombie_status(pid: u32, start_time: u64) -> Option<Ended> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the command's name in brackets, and may itself hold brackets and spaces.
    let (_, after_name) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = after_name.split_ascii_whitespace().collect();
    let same = fields.get(19)?.parse() == Ok(start_time);
    let zombie = *fields.first()? == "Z";
    (same && zombie).then(|| fields.get(49)?.parse().ok().map(ended)).flatten()
}

/// A status as `wait(2)` tells it.
fn ended(status: i32) -> Ended {
    let [low, high, ..] = status.to_le_bytes();
    match (low & 0x7f, low & 0x80) {
        (0, _) => Ended::Exited(high),
        (signal, 0) => Ended::Killed(signal),
        (signal, _) => Ended::Dumped(signal),
    }
}

#[test]
fn a_process_that_runs_has_no_status() {
    use std::os::fd::AsFd;
    let mut child = std::process::Command::new("sh")
        .args(["-c", "read x; exit 7"])
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let pidfd = crate::pidfd::pidfd_open(child.id()).unwrap();
    let start_time = crate::pidfd::start_time(child.id()).unwrap();
    assert_eq!(exit_status(pidfd.as_fd()).unwrap(), None);
    assert_eq!(zombie_status(child.id(), start_time), None);
    drop(child.stdin.take());
    crate::poll::wait_readable(pidfd.as_fd(), std::time::Duration::from_secs(9)).unwrap();
    // Statuses are for root only; others read 0.
    let told = zombie_status(child.id(), start_time);
    assert!(matches!(told, Some(Ended::Exited(7 | 0))), "{told:?}");
    assert_eq!(zombie_status(child.id(), start_time + 1), None);
    child.wait().unwrap();
    let status = exit_status(pidfd.as_fd()).unwrap();
    // Nothing on kernels before 6.15.
    assert!(matches!(status, None | Some(Ended::Exited(7))));
}
