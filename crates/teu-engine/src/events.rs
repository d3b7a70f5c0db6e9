//! `events`: what has happened, and what happens from now on, whichever process did it.
//!
//! A reader holds the file that it reads. Once the name leads to another file nobody writes to the held
//! one any more: it is read to its end, and the new one from its beginning (docs/formats/events.md). It
//! sleeps until the kernel says that something in the directory changed.

use crate::observe::now;
use crate::{Engine, EngineError, files};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;
use teu_kernel::append;
use teu_kernel::inotify::Watch;
use teu_kernel::poll::{self, PollFd, PollFlags};
use teu_model::{Event, Timestamp};

/// No line is longer; what is, is passed over.
const LINE_MAX: usize = 1 << 20;

/// What a reader waits for.
#[derive(Debug)]
pub enum Next {
    /// Something happened.
    Event(Box<Event>),
    /// The time is over, or nobody listens any more.
    End,
}

/// Reads events in the order in which they were told.
#[derive(Debug)]
pub struct EventReader {
    path: PathBuf,
    watch: Watch,
    held: Option<File>,
    /// The beginning of a line whose end has not come.
    begun: Vec<u8>,
    ready: VecDeque<Event>,
}

impl Engine {
    /// All events from now on; with `past` those that are still kept first.
    pub fn events(&self, past: bool) -> Result<EventReader, EngineError> {
        let path = self.events_file();
        let failed =
            |source| EngineError::State { attempt: "read", path: self.events_file(), source };
        if let Some(directory) = path.parent() {
            files::make_directory(directory)?;
        }
        let directory = self.paths.root.join("events");
        let mut reader = EventReader {
            watch: Watch::directory(&directory).map_err(failed)?,
            held: open(&path).map_err(failed)?,
            path,
            begun: Vec::new(),
            ready: VecDeque::new(),
        };
        if past {
            reader.read_past().map_err(failed)?;
        } else if let Some(file) = &mut reader.held {
            io::Seek::seek(file, io::SeekFrom::End(0)).map_err(failed)?;
        }
        Ok(reader)
    }
}

impl EventReader {
    /// The next event. Waits for one until `until`, or as long as `listener`, the other end of a pipe
    /// say, is there.
    pub fn next(
        &mut self,
        until: Option<Timestamp>,
        listener: Option<BorrowedFd<'_>>,
    ) -> Result<Next, EngineError> {
        let path = self.path.clone();
        let failed = |source| EngineError::State { attempt: "read", path: path.clone(), source };
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(Next::Event(Box::new(event)));
            }
            self.watch.clear().map_err(failed)?;
            if self.read_more().map_err(failed)? {
                continue;
            }
            let limit = until.map(|until| Duration::from_nanos(until.0.saturating_sub(now().0)));
            if limit == Some(Duration::ZERO) {
                return Ok(Next::End);
            }
            let mut waited = vec![PollFd::from_borrowed_fd(self.watch.as_fd(), PollFlags::IN)];
            // Without a flag only its end is told.
            waited.extend(listener.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::empty())));
            poll::poll(&mut waited, limit).map_err(failed)?;
            if waited.get(1).is_some_and(|listener| !listener.revents().is_empty()) {
                return Ok(Next::End);
            }
        }
    }

    /// What the file before the present one holds, and the present one.
    fn read_past(&mut self) -> io::Result<()> {
        let held = self.held.as_ref().map(identity).transpose()?;
        if let Some(mut before) = open(&append::second_name(&self.path))?
            && Some(identity(&before)?) != held
        {
            self.drain(&mut before)?;
        }
        self.read_more().map(drop)
    }

    /// True if there was something.
    fn read_more(&mut self) -> io::Result<bool> {
        // Looked at first: when the name leads elsewhere, the held file does not grow any more.
        let named = open(&self.path)?;
        let mut any = false;
        if let Some(mut held) = self.held.take() {
            any |= self.drain(&mut held)?;
            self.held = Some(held);
        }
        let held = self.held.as_ref().map(identity).transpose()?;
        let Some(mut named) = named else { return Ok(any) };
        let new = identity(&named)?;
        if Some(new) != held {
            // Moved twice since: the one between is read too.
            if held.is_some()
                && let Some(mut between) = open(&append::second_name(&self.path))?
                && !held
                    .into_iter()
                    .chain([new])
                    .any(|known| identity(&between).ok() == Some(known))
            {
                any |= self.drain(&mut between)?;
            }
            any |= self.drain(&mut named)?;
            self.held = Some(named);
        }
        Ok(any)
    }

    fn drain(&mut self, file: &mut File) -> io::Result<bool> {
        let mut buffer = vec![0; 64 << 10];
        let mut any = false;
        loop {
            let length = file.read(&mut buffer)?;
            if length == 0 {
                return Ok(any);
            }
            any = true;
            for part in buffer[..length].split_inclusive(|byte| *byte == b'\n') {
                if self.begun.len() + part.len() <= LINE_MAX {
                    self.begun.extend_from_slice(part);
                }
                if part.ends_with(b"\n") {
                    // A cut line is no event.
                    self.ready.extend(serde_json::from_slice::<Event>(&self.begun).ok());
                    self.begun.clear();
                }
            }
        }
    }
}

fn open(path: &std::path::Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn identity(file: &File) -> io::Result<(u64, u64)> {
    let about = file.metadata()?;
    Ok((about.dev(), about.ino()))
}
