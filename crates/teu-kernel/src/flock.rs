//! Locks between processes: `flock(2)` on the object's own directory or file.
//!
//! A lock belongs to the open file: it ends when the last descriptor of that open file is closed,
//! however its owner dies, and it can be handed to another process with the descriptor.

use rustix::fs::{FlockOperation, Mode, OFlags};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

/// Holds an exclusive or shared lock for as long as it lives.
#[derive(Debug)]
pub struct Lock {
    file: OwnedFd,
}

impl Lock {
    /// Waits until nobody else holds `path` (a directory or a file that exists).
    pub fn exclusive(path: &Path) -> io::Result<Lock> {
        take(path, FlockOperation::LockExclusive)
    }

    /// Waits until nobody holds `path` exclusively.
    pub fn shared(path: &Path) -> io::Result<Lock> {
        take(path, FlockOperation::LockShared)
    }

    /// The lock if it is free now, `None` if another holds it.
    pub fn try_exclusive(path: &Path) -> io::Result<Option<Lock>> {
        match take(path, FlockOperation::NonBlockingLockExclusive) {
            Ok(lock) => Ok(Some(lock)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Takes over a lock that came with a descriptor.
    pub fn from_fd(file: OwnedFd) -> Lock {
        Lock { file }
    }

    /// Which file is locked: device and inode, to tell whether a name still leads to it.
    pub fn identity(&self) -> io::Result<(u64, u64)> {
        let stat = rustix::fs::fstat(&self.file)?;
        Ok((stat.st_dev, stat.st_ino))
    }

    /// The descriptor, to hand the lock on.
    pub fn into_fd(self) -> OwnedFd {
        self.file
    }
}

impl AsFd for Lock {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

fn take(path: &Path, how: FlockOperation) -> io::Result<Lock> {
    let file = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    loop {
        match rustix::fs::flock(&file, how) {
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
            Ok(()) => return Ok(Lock { file }),
        }
    }
}
