//! `inotify(7)`: woken when a file grows or its directory changes.

use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

/// Readable when something changed in the watched directory.
#[derive(Debug)]
pub struct Watch(OwnedFd);

impl Watch {
    /// Watches `directory`: files in it written to, made, or renamed.
    pub fn directory(directory: &Path) -> io::Result<Watch> {
        let watch = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let what = WatchFlags::MODIFY | WatchFlags::MOVE | WatchFlags::CREATE;
        inotify::add_watch(&watch, directory, what | WatchFlags::ONLYDIR)?;
        Ok(Watch(watch))
    }

    /// Forgets what has been told so far; the next change is told anew.
    pub fn clear(&self) -> io::Result<()> {
        let mut space = [MaybeUninit::uninit(); 4096];
        loop {
            match inotify::Reader::new(&self.0, &mut space).next() {
                Ok(_) => {}
                Err(rustix::io::Errno::AGAIN) => return Ok(()),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
