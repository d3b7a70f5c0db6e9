//! `poll(2)`: on one descriptor, for code that waits for one thing and then ends; and on many.

pub use rustix::event::{PollFd, PollFlags};

use rustix::event::Timespec;
use std::io;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

/// Waits until `file` has an exceptional condition (`POLLPRI`): for files of cgroups and of /proc, that
/// it changed since it was last read. False when `limit` passed first.
pub fn wait_for_change(file: BorrowedFd<'_>, limit: Duration) -> io::Result<bool> {
    wait(file, PollFlags::PRI, limit)
}

/// Waits until `file` can be read, or its other end is closed. False when `limit` passed first.
pub fn wait_readable(file: BorrowedFd<'_>, limit: Duration) -> io::Result<bool> {
    wait(file, PollFlags::IN, limit)
}

/// Waits until one of `fds` is ready, and tells how many are. 0 when `limit` passed, or a signal came, first.
pub fn poll(fds: &mut [PollFd<'_>], limit: Option<Duration>) -> io::Result<usize> {
    let limit = limit.map(Timespec::try_from).transpose().map_err(io::Error::other)?;
    match rustix::event::poll(fds, limit.as_ref()) {
        Err(rustix::io::Errno::INTR) => Ok(0),
        other => Ok(other?),
    }
}

fn wait(file: BorrowedFd<'_>, events: PollFlags, limit: Duration) -> io::Result<bool> {
    let end = Instant::now() + limit;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).map_err(io::Error::other)?;
        match rustix::event::poll(&mut [PollFd::from_borrowed_fd(file, events)], Some(&left)) {
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
            Ok(count) => return Ok(count > 0),
        }
    }
}

#[test]
fn a_pipe_is_readable_once_written() {
    use std::io::Write;
    use std::os::fd::AsFd;
    let (reader, mut writer) = std::io::pipe().unwrap();
    assert!(!wait_readable(reader.as_fd(), Duration::from_millis(1)).unwrap());
    writer.write_all(b"x").unwrap();
    assert!(wait_readable(reader.as_fd(), Duration::ZERO).unwrap());
}
