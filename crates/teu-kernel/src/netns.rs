//! Network namespaces of the calling thread: `network_namespaces(7)`.
//!
//! A socket belongs to the namespace in which it was made, and `/proc/sys/net` shows the namespace
//! of whoever opens a file there. So a visit of a few calls is enough to get at both.

use rustix::fs::{Mode, OFlags};
use rustix::thread::{LinkNameSpaceType, UnshareFlags};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Names the caller's own network namespace; to be locked, too (one lock for all users of it).
///
/// Of the thread: `/proc/self` is the first thread's.
pub const CURRENT: &str = "/proc/thread-self/ns/net";

/// The calling thread's network namespace.
pub fn current() -> io::Result<OwnedFd> {
    Ok(rustix::fs::open(CURRENT, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?)
}

/// Runs `visit` with the calling thread in the namespace `inside`, then goes back to `home`.
/// Other threads stay where they are (`setns(2)`).
///
/// # Errors
/// The outer error says that the thread could not enter, or could not come back; in that second
/// case it is still `inside` and must not go on.
pub fn visit<T>(
    home: BorrowedFd<'_>,
    inside: BorrowedFd<'_>,
    visit: impl FnOnce() -> T,
) -> io::Result<T> {
    enter(inside)?;
    let result = visit();
    enter(home)?;
    Ok(result)
}

/// Moves the calling thread into the namespace for good (`setns(2)`).
pub fn enter(namespace: BorrowedFd<'_>) -> io::Result<()> {
    Ok(rustix::thread::move_into_link_name_space(
        namespace.as_fd(),
        Some(LinkNameSpaceType::Network),
    )?)
}

/// Gives the calling thread a new, empty network namespace (`unshare(2)`).
pub fn unshare() -> io::Result<()> {
    // SAFETY: CLONE_NEWNET alone shares or unshares no memory and no descriptor table, which is
    // what makes other flags unsound.
    Ok(unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNET) }?)
}
