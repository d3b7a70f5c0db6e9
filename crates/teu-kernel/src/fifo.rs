//! Named and nameless pipes: `fifo(7)`, `pipe(7)`.
//!
//! A process that holds a pipe for reading *and* writing never gets SIGPIPE and never sees an end of
//! file, whoever else comes and goes. Standard output of a container is such a pipe.

use rustix::fs::{CWD, FileType, Mode, OFlags};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

/// Makes the FIFO `path`, mode 0600. One that is there already is taken as it is.
pub fn make(path: &Path) -> io::Result<()> {
    match rustix::fs::mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0) {
        Ok(()) | Err(rustix::io::Errno::EXIST) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// The reader's end of the FIFO `path`, which never waits.
pub fn open_reader(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    Ok(rustix::fs::open(path, flags, Mode::empty())?)
}

/// Both ends of the FIFO `path` in one descriptor, which waits for room.
pub fn open_both(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    Ok(rustix::fs::open(path, flags, Mode::empty())?)
}

/// A nameless pipe whose reader's end (the first) never waits, and whose writer's end is both ends.
pub fn output_pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    // Opened anew, because being nonblocking and being writable belong to the open file, and the two
    // ends shall differ in both.
    let again = format!("/proc/self/fd/{}", writer.as_raw_fd());
    let both = rustix::fs::open(again, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    rustix::fs::fcntl_setfl(&reader, OFlags::NONBLOCK)?;
    Ok((reader, both))
}

/// A nameless pipe whose writer's end (the second) never waits.
pub fn input_pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    rustix::fs::fcntl_setfl(&writer, OFlags::NONBLOCK)?;
    Ok((reader, writer))
}

/// Lets a pipe hold `bytes` (`F_SETPIPE_SZ`), so that its two ends wait less often for each other. It takes
/// memory only while something is in it. More than a user may have is refused.
pub fn set_capacity(pipe: BorrowedFd<'_>, bytes: usize) -> io::Result<()> {
    rustix::pipe::fcntl_setpipe_size(pipe, bytes)?;
    Ok(())
}

/// How many bytes wait to be read (`FIONREAD`).
pub fn waiting(pipe: BorrowedFd<'_>) -> io::Result<u64> {
    Ok(rustix::io::ioctl_fionread(pipe)?)
}

#[test]
fn a_writer_that_is_also_a_reader_outlives_the_reader() {
    use std::os::fd::AsFd;
    let (reader, both) = output_pipe().unwrap();
    rustix::io::write(&both, b"one").unwrap();
    assert_eq!(waiting(reader.as_fd()).unwrap(), 3);
    let mut bytes = [0; 8];
    assert_eq!(rustix::io::read(&reader, &mut bytes).unwrap(), 3);
    assert_eq!(rustix::io::read(&reader, &mut bytes).unwrap_err(), rustix::io::Errno::AGAIN);
    drop(reader);
    rustix::io::write(&both, b"two").unwrap();
}
