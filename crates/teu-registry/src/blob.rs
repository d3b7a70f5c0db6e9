//! A blob as a stream that outlives its connections.
//!
//! Whatever breaks, the next request asks for the rest (`Range`); the reader sees one stream of
//! exactly the promised size, or an error that says how far it came. A registry that ignores `Range`
//! sends all again, and what is already known is passed over.

use crate::client::{Client, Wanted};
use crate::error::RegistryError;
use std::io::{self, Read};
use std::time::Duration;
use teu_model::{Digest, Reference};

/// Failures in a row, without this many bytes between them, before giving up.
const FAILURES_MAX: u32 = 6;
const PROGRESS_MIN: u64 = 64 << 10;
/// Failures in all: a server that drips is not followed for ever.
const FAILURES_IN_ALL_MAX: u32 = 60;

/// A blob on its way. Reading gives exactly the promised number of bytes; errors carry a
/// [`RegistryError`] (`io::Error::get_ref`).
pub struct Blob {
    client: Client,
    reference: Reference,
    digest: Digest,
    size: u64,
    at: u64,
    body: Option<Box<dyn Read + Send>>,
    /// In a row, in all, and where the last one was.
    failures: (u32, u32, u64),
}

impl std::fmt::Debug for Blob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Blob {{ {}, {} of {} }}", self.digest, self.at, self.size)
    }
}

impl Blob {
    pub(crate) fn open(
        client: Client,
        reference: Reference,
        digest: Digest,
        size: u64,
    ) -> Result<Blob, RegistryError> {
        let mut blob =
            Blob { client, reference, digest, size, at: 0, body: None, failures: (0, 0, 0) };
        blob.body = Some(blob.request()?);
        Ok(blob)
    }

    /// The size that was promised.
    pub fn size(&self) -> u64 {
        self.size
    }

    pub(crate) fn read_whole(mut self) -> Result<Vec<u8>, RegistryError> {
        let mut bytes = Vec::new();
        match self.read_to_end(&mut bytes) {
            Ok(_) => Ok(bytes),
            Err(error) => Err(match error.downcast::<RegistryError>() {
                Ok(error) => error,
                Err(source) => self.interrupted(source),
            }),
        }
    }

    /// The bytes from `self.at` on.
    fn request(&self) -> Result<Box<dyn Read + Send>, RegistryError> {
        let path = format!("blobs/{}", self.digest);
        let from = (self.at > 0).then_some(self.at);
        let wanted = Wanted { method: "GET", path: &path, accept: "", from };
        let answer = self.client.ask(&self.reference, &wanted)?;
        let (skip, expected) = match answer.status {
            206 if starts_at(answer.header("content-range"), self.at) => (0, self.size - self.at),
            206 => {
                let reason = "it is another range than the one asked for".to_string();
                return Err(RegistryError::BadAnswer { url: answer.url, reason });
            }
            _ => (self.at, self.size),
        };
        if let Some(got) = answer.length().filter(|length| *length != expected) {
            return Err(RegistryError::SizeMismatch { what: self.what(), expected, got });
        }
        let mut body: Box<dyn Read + Send> = Box::new(answer.into_reader());
        let skipped = io::copy(&mut (&mut body).take(skip), &mut io::sink());
        match skipped {
            Ok(skipped) if skipped == skip => Ok(body),
            Ok(_) => Err(self.interrupted(io::ErrorKind::UnexpectedEof.into())),
            Err(source) => Err(self.interrupted(source)),
        }
    }

    /// Counts a failure, waits, asks for the rest; gives up when it is too much.
    fn resume(&mut self, source: io::Error) -> Result<(), RegistryError> {
        self.body = None;
        let mut source = source;
        loop {
            let (in_a_row, in_all, last_at) = self.failures;
            let in_a_row = if self.at >= last_at + PROGRESS_MIN { 0 } else { in_a_row };
            self.failures = (in_a_row + 1, in_all + 1, self.at);
            if in_a_row + 1 > FAILURES_MAX || in_all + 1 > FAILURES_IN_ALL_MAX {
                return Err(self.interrupted(source));
            }
            std::thread::sleep(Duration::from_millis(100 << in_a_row.min(5)));
            match self.request() {
                Ok(body) => {
                    self.body = Some(body);
                    return Ok(());
                }
                Err(error) if error.is_connection() || error.is_transient() => {
                    source = io::Error::other(error);
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn interrupted(&self, source: io::Error) -> RegistryError {
        RegistryError::Interrupted {
            what: self.what(),
            times: self.failures.1,
            at: self.at,
            source,
        }
    }

    fn what(&self) -> String {
        format!("{}: blob {}", self.reference.familiar(), self.digest)
    }

    /// All is there: the body must end here. Reading its end also frees the connection for others.
    fn finish(&mut self) -> Result<(), RegistryError> {
        let Some(mut body) = self.body.take() else { return Ok(()) };
        // An error after the last byte changes nothing.
        match body.read(&mut [0]).unwrap_or(0) {
            0 => Ok(()),
            _ => Err(RegistryError::TooLarge { what: self.what(), limit: self.size }),
        }
    }
}

impl Read for Blob {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let left = self.size - self.at;
            if left == 0 {
                self.finish().map_err(io::Error::other)?;
                return Ok(0);
            }
            let most = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let failure = match &mut self.body {
                None => io::ErrorKind::UnexpectedEof.into(),
                Some(body) => match body.read(&mut buffer[..most]) {
                    Ok(0) => io::ErrorKind::UnexpectedEof.into(),
                    Ok(amount) => {
                        self.at += amount as u64;
                        return Ok(amount);
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => error,
                },
            };
            self.resume(failure).map_err(io::Error::other)?;
        }
    }
}

/// Whether `Content-Range: bytes 5-9/10` starts at `at`.
fn starts_at(header: Option<&str>, at: u64) -> bool {
    let range = header.and_then(|header| header.trim().strip_prefix("bytes"));
    let first = range.and_then(|range| range.trim().split('-').next());
    first.and_then(|first| first.trim().parse().ok()) == Some(at)
}

#[test]
fn ranges() {
    assert!(starts_at(Some("bytes 5-9/10"), 5));
    for other in [None, Some("bytes 4-9/10"), Some("bytes */10"), Some("5-9/10"), Some("")] {
        assert!(!starts_at(other, 5), "{other:?}");
    }
}
