//! `read(2)` and `write(2)` that tell "not now" from "never".

use rustix::fs::OFlags;
use rustix::io::{Errno, ReadWriteFlags};
use std::io;
use std::os::fd::BorrowedFd;

/// What an attempt came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    /// So many bytes, at least one.
    Bytes(usize),
    /// None now; `poll(2)` tells when.
    NotNow,
    /// None ever: the end of the file, or nobody at the other end.
    End,
}

/// Makes reads and writes of this open file return instead of waiting, for all who share it.
pub fn set_nonblocking(file: BorrowedFd<'_>) -> io::Result<()> {
    let flags = rustix::fs::fcntl_getfl(file)?;
    Ok(rustix::fs::fcntl_setfl(file, flags | OFlags::NONBLOCK)?)
}

/// One `read(2)`. A terminal whose other end is closed (EIO) is at its end.
pub fn read(file: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<Moved> {
    match rustix::io::read(file, buffer) {
        Ok(0) | Err(Errno::IO) => Ok(Moved::End),
        other => moved(other),
    }
}

/// One `write(2)`.
pub fn write(file: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<Moved> {
    moved(rustix::io::write(file, bytes))
}

/// One write that does not wait although the file would (`RWF_NOWAIT`, `pwritev2(2)`); for a file whose
/// mode belongs to others too. Where the kernel cannot promise that, so few bytes are written that a
/// pipe found ready by `poll(2)` takes them at once (`PIPE_BUF`).
pub fn write_ready(file: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<Moved> {
    let parts = [io::IoSlice::new(bytes)];
    match rustix::io::pwritev2(file, &parts, u64::MAX, ReadWriteFlags::NOWAIT) {
        Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::SPIPE | Errno::INVAL) => {
            write(file, &bytes[..bytes.len().min(4096)])
        }
        other => moved(other),
    }
}

fn moved(result: rustix::io::Result<usize>) -> io::Result<Moved> {
    match result {
        Ok(count) => Ok(Moved::Bytes(count)),
        Err(Errno::AGAIN | Errno::INTR) => Ok(Moved::NotNow),
        Err(Errno::PIPE | Errno::CONNRESET) => Ok(Moved::End),
        Err(error) => Err(error.into()),
    }
}

#[test]
fn a_full_pipe_is_not_an_error_and_a_closed_one_is_the_end() {
    use std::os::fd::AsFd;
    let (reader, writer) = std::io::pipe().unwrap();
    let mut room = 0;
    while let Moved::Bytes(count) = write_ready(writer.as_fd(), &[b'x'; 5000]).unwrap() {
        room += count;
        if room > 60_000 {
            break;
        }
    }
    assert!(room > 4096);
    drop(reader);
    assert_eq!(write(writer.as_fd(), b"x").unwrap(), Moved::End);
}
