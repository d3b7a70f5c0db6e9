//! Frames: one message of a `SOCK_SEQPACKET` socket each, a byte for its kind and what follows.
//!
//! ```text
//! kind   payload
//! 1      control: a Request or a Reply as JSON; descriptors with it, where it says so
//! 2      control, too long for a message: empty; the first descriptor is a file that holds the JSON
//! 3      bytes for standard input            (client → monitor)
//! 4      bytes of standard output            (monitor → client)
//! 5      bytes of standard error             (monitor → client)
//! ```
//! `docs/formats/monitor.md` tells the whole conversation.

use crate::log::Stream;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use teu_kernel::{memfd, unix};

/// The most payload of one frame.
pub(crate) const PAYLOAD_BYTES_MAX: usize = 64 * 1024;
/// The longest frame.
pub(crate) const FRAME_BYTES_MAX: usize = PAYLOAD_BYTES_MAX + 1;
/// A request longer than this is refused.
const CONTROL_BYTES_MAX: usize = 16 << 20;
/// How many bytes of standard input a client may have sent that the process has not yet taken.
pub(crate) const STDIN_WINDOW_BYTES: usize = 256 * 1024;

const CONTROL: u8 = 1;
const LONG_CONTROL: u8 = 2;
const STDIN: u8 = 3;
const STDOUT: u8 = 4;
const STDERR: u8 = 5;

/// A frame as it came.
#[derive(Debug)]
pub(crate) enum Frame<T> {
    Control(T, Vec<OwnedFd>),
    Stdin(Vec<u8>),
    Output(Stream, Vec<u8>),
}

/// The kind byte of a frame of output.
pub(crate) fn output_kind(stream: Stream) -> u8 {
    match stream {
        Stream::Stdout => STDOUT,
        Stream::Stderr => STDERR,
    }
}

/// Sends `bytes` (at most [`PAYLOAD_BYTES_MAX`]) for standard input.
pub(crate) fn send_stdin(socket: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<()> {
    unix::send(socket, &[&[STDIN], bytes], &[])
}

/// Sends a control frame.
pub(crate) fn send_control<T: Serialize>(
    socket: BorrowedFd<'_>,
    control: &T,
    fds: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let (frame, file) = control_frame(control)?;
    let first = file.as_ref().map(AsFd::as_fd);
    let all: Vec<_> = first.into_iter().chain(fds.iter().copied()).collect();
    unix::send(socket, &[&frame], &all)
}

/// A control frame, and the file that goes before its descriptors where the frame alone is too short.
pub(crate) fn control_frame<T: Serialize>(control: &T) -> io::Result<(Vec<u8>, Option<OwnedFd>)> {
    let mut frame = vec![CONTROL];
    serde_json::to_writer(&mut frame, control)?;
    if frame.len() <= FRAME_BYTES_MAX {
        return Ok((frame, None));
    }
    Ok((vec![LONG_CONTROL], Some(memfd::with_content(&frame[1..])?)))
}

/// The next frame, `None` when the other end is closed. `buffer` holds [`FRAME_BYTES_MAX`].
pub(crate) fn receive<T: DeserializeOwned>(
    socket: BorrowedFd<'_>,
    buffer: &mut [u8],
) -> io::Result<Option<Frame<T>>> {
    let (length, mut fds) = match unix::receive(socket, buffer) {
        Ok((0, _)) => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(None),
        other => other?,
    };
    let (kind, payload) = (buffer[0], &buffer[1..length]);
    Ok(Some(match kind {
        CONTROL => Frame::Control(parse(payload)?, fds),
        LONG_CONTROL if !fds.is_empty() => {
            let text = memfd::content(fds.remove(0), CONTROL_BYTES_MAX)?;
            Frame::Control(parse(&text)?, fds)
        }
        STDIN => Frame::Stdin(payload.to_vec()),
        STDOUT => Frame::Output(Stream::Stdout, payload.to_vec()),
        STDERR => Frame::Output(Stream::Stderr, payload.to_vec()),
        _ => return Err(broken(&format!("a frame of kind {kind}"))),
    }))
}

fn parse<T: DeserializeOwned>(text: &[u8]) -> io::Result<T> {
    serde_json::from_slice(text).map_err(|error| broken(&error.to_string()))
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(socket: &OwnedFd) -> io::Result<Option<Frame<String>>> {
        receive(socket.as_fd(), &mut vec![0; FRAME_BYTES_MAX])
    }

    #[test]
    fn frames_come_as_they_went() {
        let (a, b) = unix::seqpacket_pair().unwrap();
        let null = std::fs::File::open("/dev/null").unwrap();
        for length in [3, PAYLOAD_BYTES_MAX, 300_000] {
            send_control(a.as_fd(), &"x".repeat(length), &[null.as_fd()]).unwrap();
            let Frame::Control(text, fds) = next(&b).unwrap().unwrap() else { panic!() };
            assert_eq!((text.len(), fds.len()), (length, 1));
        }
        send_stdin(a.as_fd(), &[7; PAYLOAD_BYTES_MAX]).unwrap();
        let Frame::Stdin(bytes) = next(&b).unwrap().unwrap() else { panic!() };
        assert_eq!(bytes.len(), PAYLOAD_BYTES_MAX);
        drop(a);
        assert!(next(&b).unwrap().is_none());
    }

    #[test]
    fn broken_frames_are_refused() {
        let (a, b) = unix::seqpacket_pair().unwrap();
        for frame in [&b"\x01{"[..], b"\x01", b"\x02", b"\x09x", b"\xff", b"\x01{\"a\":1}"] {
            unix::send(a.as_fd(), &[frame], &[]).unwrap();
            assert_eq!(next(&b).unwrap_err().kind(), io::ErrorKind::InvalidData, "{frame:?}");
        }
    }
}
