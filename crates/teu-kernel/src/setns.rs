//! Joining namespaces that exist: `setns(2)`; by pidfd several at once, Linux 5.8.

use crate::clone::NewNamespaces;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Moves the calling thread into the namespace of `kind` that `namespace` (a file of `/proc/PID/ns`)
/// stands for. A PID or time namespace counts for children only.
pub fn join(namespace: BorrowedFd<'_>, kind: NewNamespaces) -> io::Result<()> {
    setns(namespace, kind)
}

/// Moves the calling thread into all the namespaces of `kinds` of the process behind `pidfd`.
pub fn join_process(pidfd: BorrowedFd<'_>, kinds: NewNamespaces) -> io::Result<()> {
    setns(pidfd, kinds)
}

fn setns(fd: BorrowedFd<'_>, kinds: NewNamespaces) -> io::Result<()> {
    // The CLONE_NEW* bits are those of an int, which the last of them fills.
    let kinds = i32::try_from(kinds.bits()).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: an open descriptor and an integer.
    if unsafe { libc::setns(fd.as_raw_fd(), kinds) } == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
