//! A command that is connected: what it asked for, and what waits to be sent to it.
//!
//! The monitor never waits for a visitor. What does not fit into the socket is kept, and as long as something
//! is kept for one who watches a process, nothing more is read from that process.

use crate::log::Stream;
use crate::protocol::{self, FRAME_BYTES_MAX, Frame, STDIN_WINDOW_BYTES};
use crate::request::{Attach, Reply, Request, Target};
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use teu_kernel::{read_write, unix};

/// Names a visitor for as long as the monitor lives.
pub(crate) type VisitorId = u64;

/// Who asks more than this without listening to the answers is dismissed. Output alone never comes near:
/// no more of it is read while something is kept.
const KEPT_FRAMES_MAX: usize = 1024;

pub(crate) struct Visitor {
    socket: OwnedFd,
    kept: VecDeque<(Vec<u8>, Vec<OwnedFd>)>,
    /// Whose streams it gets.
    pub attached: Option<(Target, Attach)>,
    /// Whose ends it is told.
    pub waits: Vec<Target>,
    /// It can do what follows on the container's end.
    pub releases: bool,
    /// Bytes for standard input that it sent and that are not taken yet.
    stdin_open_bytes: usize,
    gone: bool,
}

impl Visitor {
    /// Greets it.
    pub fn new(socket: OwnedFd) -> io::Result<Visitor> {
        read_write::set_nonblocking(socket.as_fd())?;
        let mut visitor = Visitor {
            socket,
            kept: VecDeque::new(),
            attached: None,
            waits: Vec::new(),
            releases: false,
            stdin_open_bytes: 0,
            gone: false,
        };
        visitor.tell(&Reply::Hello { version: crate::PROTOCOL_VERSION });
        Ok(visitor)
    }

    pub fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// It closed its end, or broke the rules.
    pub fn is_gone(&self) -> bool {
        self.gone
    }

    pub fn dismiss(&mut self) {
        self.gone = true;
        self.kept.clear();
    }

    /// Something waits to be sent.
    pub fn is_behind(&self) -> bool {
        !self.kept.is_empty()
    }

    pub fn watches(&self, target: &Target) -> bool {
        self.attached.as_ref().is_some_and(|(attached, _)| attached == target)
    }

    /// What it asks next; `None` when it asks nothing now.
    pub fn hear(&mut self, buffer: &mut [u8]) -> io::Result<Option<Frame<Request>>> {
        debug_assert_eq!(buffer.len(), FRAME_BYTES_MAX);
        match protocol::receive(self.socket.as_fd(), buffer) {
            Ok(None) => self.dismiss(),
            Ok(Some(frame)) => return Ok(Some(frame)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == io::ErrorKind::InvalidData => return Err(error),
            Err(_) => self.dismiss(),
        }
        Ok(None)
    }

    pub fn tell(&mut self, reply: &Reply) {
        self.tell_with(reply, Vec::new());
    }

    /// Sends a reply with descriptors, or keeps it.
    pub fn tell_with(&mut self, reply: &Reply, mut fds: Vec<OwnedFd>) {
        match protocol::control_frame(reply) {
            Ok((frame, file)) => {
                fds.splice(0..0, file);
                if self.send(&[&frame], &fds) {
                    self.keep(frame, fds);
                }
            }
            Err(_) => self.dismiss(),
        }
    }

    /// Sends output that it asked for, or keeps it.
    pub fn output(&mut self, target: &Target, stream: Stream, bytes: &[u8]) {
        let wants = match (&self.attached, stream) {
            (Some((attached, streams)), Stream::Stdout) => attached == target && streams.stdout,
            (Some((attached, streams)), Stream::Stderr) => attached == target && streams.stderr,
            (None, _) => false,
        };
        let kind = [protocol::output_kind(stream)];
        if wants && self.send(&[&kind, bytes], &[]) {
            self.keep([&kind, bytes].concat(), Vec::new());
        }
    }

    fn keep(&mut self, frame: Vec<u8>, fds: Vec<OwnedFd>) {
        self.kept.push_back((frame, fds));
        if self.kept.len() > KEPT_FRAMES_MAX {
            self.dismiss();
        }
    }

    /// Sends what was kept, as far as there is room.
    pub fn flush(&mut self) {
        let mut kept = std::mem::take(&mut self.kept);
        while let Some((frame, fds)) = kept.pop_front() {
            if self.send(&[&frame], &fds) {
                kept.push_front((frame, fds));
                break;
            }
        }
        if !self.gone {
            self.kept = kept;
        }
    }

    /// It sent so many bytes for standard input. False when that is more than it may.
    pub fn stdin_came(&mut self, bytes: usize) -> bool {
        self.stdin_open_bytes += bytes;
        // Keys of a detach sequence that were held back come on top of the window.
        self.stdin_open_bytes <= STDIN_WINDOW_BYTES + 1024
    }

    /// So many of them were taken.
    pub fn stdin_taken(&mut self, bytes: usize) {
        self.stdin_open_bytes = self.stdin_open_bytes.saturating_sub(bytes);
        self.tell(&Reply::StdinTaken { bytes: u32::try_from(bytes).unwrap_or(u32::MAX) });
    }

    /// True when the frame must be kept: because there is no room, or others stand before it.
    fn send(&mut self, parts: &[&[u8]], fds: &[OwnedFd]) -> bool {
        if self.gone {
            return false;
        }
        if !self.kept.is_empty() {
            return true;
        }
        let fds: Vec<_> = fds.iter().map(AsFd::as_fd).collect();
        match unix::send(self.socket.as_fd(), parts, &fds) {
            Ok(()) => false,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => true,
            Err(_) => {
                self.dismiss();
                false
            }
        }
    }
}
