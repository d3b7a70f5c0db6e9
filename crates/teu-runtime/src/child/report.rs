//! What K and its parent say to each other, over a socket that keeps messages whole.
//!
//! ```text
//!  helper →     'P' pid      it has made K; this is its number. K may have spoken before
//!               'H' stage index errno detail
//!  K → parent   'C' + fd     the master of the terminal
//!               'R'          at the gate: all is ready
//!               'E' stage index errno detail
//!               end of file  exec has closed the socket: the program runs
//!  parent → K   'm'          the maps of the user namespace are written
//!               'g'          go
//! ```

use crate::error::Stage;
use std::io;
use std::os::fd::BorrowedFd;
use teu_kernel::child_fs;

/// Room for what the kernel says beside an errno.
pub(crate) const DETAIL: usize = 96;

/// A step that failed: which, on the how-manieth thing, why.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failure {
    pub stage: Stage,
    pub index: u16,
    pub errno: i32,
    detail: [u8; DETAIL],
    detail_length: usize,
}

impl Failure {
    pub(crate) fn new(stage: Stage, index: usize, error: &io::Error) -> Failure {
        Failure {
            stage,
            index: u16::try_from(index).unwrap_or(u16::MAX),
            // 0: no errno to tell.
            errno: error.raw_os_error().unwrap_or(0),
            detail: [0; DETAIL],
            detail_length: 0,
        }
    }

    /// With words beside.
    pub(crate) fn because(mut self, words: &[u8]) -> Failure {
        self.detail_length = words.len().min(DETAIL);
        self.detail[..self.detail_length].copy_from_slice(&words[..self.detail_length]);
        self
    }

    pub(crate) fn detail(&self) -> String {
        String::from_utf8_lossy(&self.detail[..self.detail_length]).into_owned()
    }

    fn write(&self, letter: u8, message: &mut [u8; MESSAGE_MAX]) -> usize {
        message[0] = letter;
        message[1] = self.stage as u8;
        message[2..4].copy_from_slice(&self.index.to_ne_bytes());
        message[4..8].copy_from_slice(&self.errno.to_ne_bytes());
        message[8..8 + self.detail_length].copy_from_slice(&self.detail[..self.detail_length]);
        8 + self.detail_length
    }

    fn read(message: &[u8]) -> Option<Failure> {
        let (head, detail) = message.split_at_checked(8)?;
        let mut failure = Failure {
            stage: Stage::from_byte(head[1])?,
            index: u16::from_ne_bytes([head[2], head[3]]),
            errno: i32::from_ne_bytes([head[4], head[5], head[6], head[7]]),
            detail: [0; DETAIL],
            detail_length: 0,
        };
        failure = failure.because(detail);
        Some(failure)
    }
}

pub(crate) type Step<T = ()> = Result<T, Failure>;

/// Names the step at which a call failed.
pub(crate) trait At<T> {
    fn at(self, stage: Stage, index: usize) -> Step<T>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, stage: Stage, index: usize) -> Step<T> {
        self.map_err(|error| Failure::new(stage, index, &error))
    }
}

/// No message is longer.
pub(crate) const MESSAGE_MAX: usize = 8 + DETAIL;

/// What K says.
#[derive(Debug)]
pub(crate) enum Message {
    Pid(u32),
    Console,
    Ready,
    Failed(Failure),
    /// There is no K.
    HelperFailed(Failure),
    /// The socket is closed.
    End,
    /// Nothing that K says.
    Nonsense,
}

impl Message {
    pub(crate) fn parse(bytes: &[u8]) -> Message {
        match bytes {
            [] => Message::End,
            [b'P', number @ ..] => match number.try_into() {
                Ok(number) => Message::Pid(u32::from_ne_bytes(number)),
                Err(_) => Message::Nonsense,
            },
            [b'C'] => Message::Console,
            [b'R'] => Message::Ready,
            [b'E', ..] => Failure::read(bytes).map_or(Message::Nonsense, Message::Failed),
            [b'H', ..] => Failure::read(bytes).map_or(Message::Nonsense, Message::HelperFailed),
            _ => Message::Nonsense,
        }
    }
}

/// Tells the parent. Where even that fails, the closed socket tells it.
pub(super) fn failure(socket: BorrowedFd<'_>, failure: &Failure) {
    tell_failure(socket, b'E', failure);
}

pub(super) fn helper_failure(socket: BorrowedFd<'_>, failure: &Failure) {
    tell_failure(socket, b'H', failure);
}

fn tell_failure(socket: BorrowedFd<'_>, letter: u8, failure: &Failure) {
    let mut message = [0; MESSAGE_MAX];
    let length = failure.write(letter, &mut message);
    child_fs::write_at_once(socket, &message[..length]).unwrap_or(());
}

pub(super) fn pid(socket: BorrowedFd<'_>, pid: u32) -> io::Result<()> {
    let mut message = [b'P'; 5];
    message[1..].copy_from_slice(&pid.to_ne_bytes());
    child_fs::write_at_once(socket, &message)
}

pub(super) fn ready(socket: BorrowedFd<'_>) -> io::Result<()> {
    child_fs::write_at_once(socket, b"R")
}

pub(super) fn console(socket: BorrowedFd<'_>, master: BorrowedFd<'_>) -> io::Result<()> {
    child_fs::send_descriptor(socket, b"C", master)
}

/// Waits for the parent's word. Anything else, and the parent's end, is an error.
pub(super) fn wait_for(socket: BorrowedFd<'_>, word: u8) -> Step {
    let mut message = [0; 1];
    match child_fs::read_once(socket, &mut message) {
        Ok(1) if message[0] == word => Ok(()),
        Ok(_) => Err(Failure::new(Stage::Gate, 0, &io::ErrorKind::UnexpectedEof.into())),
        Err(error) => Err(Failure::new(Stage::Gate, 0, &error)),
    }
}

/// Waits until the parent has closed its end: it has looked at what it wanted to look at.
pub(super) fn wait_for_end(socket: BorrowedFd<'_>) {
    let mut message = [0; 1];
    while let Ok(1..) = child_fs::read_once(socket, &mut message) {}
}

#[test]
fn failures_survive_the_socket() {
    let error = io::Error::from_raw_os_error(13);
    let failure = Failure::new(Stage::Mount, 7, &error).because(&[b'x'; 200]);
    let mut bytes = [0; MESSAGE_MAX];
    let length = failure.write(b'E', &mut bytes);
    let Message::Failed(read) = Message::parse(&bytes[..length]) else { panic!() };
    assert_eq!((read.stage, read.index, read.errno), (Stage::Mount, 7, 13));
    assert_eq!(read.detail().len(), DETAIL);
    for nonsense in [&b"E"[..], b"P12", b"Z", b"E\0\0\0\0\0\0\0"] {
        assert!(matches!(Message::parse(nonsense), Message::Nonsense));
    }
}
