//! Closing what was inherited: `close_range(2)`, Linux 5.9.

use std::io;

/// Closes every descriptor from `first` on.
///
/// For a process right before its exec: whoever owns such a descriptor here must not use it any more,
/// and must never come to close it (the process execs, or ends by `_exit`).
pub fn close_from(first: u32) -> io::Result<()> {
    // SAFETY: three integers. By this function's contract nobody uses these descriptors any more.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, 0) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
