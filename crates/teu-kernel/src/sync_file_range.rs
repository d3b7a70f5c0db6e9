//! Writing back while still writing: `sync_file_range(2)`, Linux 2.6.17.

use crate::libc;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Starts writing the range to the disk and does not wait, so that the `fdatasync` at the end has
/// little left to do. Promises nothing.
pub fn start_writeback(file: BorrowedFd<'_>, offset: u64, length: u64) -> io::Result<()> {
    let too_far = |_| io::Error::from_raw_os_error(libc::EFBIG);
    let offset = libc::off64_t::try_from(offset).map_err(too_far)?;
    let length = libc::off64_t::try_from(length).map_err(too_far)?;
    let how = libc::SYNC_FILE_RANGE_WRITE;
    // SAFETY: integers by value, and a descriptor that is open for as long as it is borrowed.
    let result = unsafe { libc::sync_file_range(file.as_raw_fd(), offset, length, how) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
