//! How much of a file lies in memory: `cachestat(2)`, Linux 6.5.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// The same number on every architecture.
const SYS_CACHESTAT: libc::c_long = 451;

#[repr(C)]
struct Range {
    offset: u64,
    length: u64,
}

#[repr(C)]
#[derive(Default)]
struct Answer {
    cached: u64,
    dirty: u64,
    writeback: u64,
    evicted: u64,
    recently_evicted: u64,
}

/// Pages of the whole file that are in the page cache.
pub fn cached_pages(file: BorrowedFd<'_>) -> io::Result<u64> {
    // Length 0: to the end.
    let range = Range { offset: 0, length: 0 };
    let mut answer = Answer::default();
    // SAFETY: both structs have the kernel's layout and live through the call; `file` is open.
    let result = unsafe {
        libc::syscall(SYS_CACHESTAT, file.as_raw_fd(), &raw const range, &raw mut answer, 0)
    };
    if result == 0 { Ok(answer.cached) } else { Err(io::Error::last_os_error()) }
}

#[test]
fn what_was_just_written_is_there() {
    use std::os::fd::AsFd;
    let path = std::env::temp_dir().join(format!("teu-cachestat-{}", std::process::id()));
    std::fs::write(&path, [1; 8192]).unwrap();
    match cached_pages(std::fs::File::open(&path).unwrap().as_fd()) {
        Ok(pages) => assert!((1..=2).contains(&pages)),
        Err(error) => assert_eq!(error.raw_os_error(), Some(libc::ENOSYS)),
    }
    std::fs::remove_file(&path).unwrap();
}
