//! An archive read member by member, contents included: for archives that carry images.

use crate::entry::Entry;
use crate::machine::{Machine, Need};
use std::io::{self, Read};

/// Reads members in their order. Between two calls of [`Reader::next_entry`] it reads, as
/// [`std::io::Read`], the stored bytes of the last member.
///
/// Names mean nothing special here: `.wh.` is part of a name.
#[derive(Debug)]
pub struct Reader<R> {
    inner: R,
    machine: Machine,
}

impl<R: Read> Reader<R> {
    /// Begins at the archive's first byte.
    pub fn new(inner: R) -> Reader<R> {
        Reader { inner, machine: Machine::default() }
    }

    /// The next member; what is left of the one before is passed over. `None` at the end. An archive
    /// that cannot be understood is an error of kind `InvalidData` that carries a
    /// [`crate::TarError`].
    pub fn next_entry(&mut self) -> io::Result<Option<Entry>> {
        loop {
            match self.machine.need() {
                Need::Nothing => return Ok(None),
                Need::Skip(count) => {
                    let went = io::copy(&mut (&mut self.inner).take(count), &mut io::sink())?;
                    self.machine.skipped(went);
                    if went < count {
                        self.machine.end(0).map_err(invalid)?;
                        return Ok(None);
                    }
                }
                Need::Block => {
                    let mut block = [0u8; 512];
                    let filled = fill(&mut self.inner, &mut block)?;
                    if filled < block.len() {
                        self.machine.end(filled).map_err(invalid)?;
                        return Ok(None);
                    }
                    if let Some(entry) = self.machine.block(&block).map_err(invalid)? {
                        return Ok(Some(entry));
                    }
                }
            }
        }
    }

    /// Bytes taken from the archive so far.
    pub fn position(&self) -> u64 {
        self.machine.position()
    }

    /// What the archive is read from.
    pub fn into_inner(self) -> R {
        self.inner
    }
}

impl<R: Read> Read for Reader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.machine.contents_left()).unwrap_or(usize::MAX);
        let wanted = left.min(buffer.len());
        if wanted == 0 {
            return Ok(0);
        }
        let count = self.inner.read(&mut buffer[..wanted])?;
        if count == 0 {
            // Not an end of file: the member promised more.
            return Err(self
                .machine
                .end(0)
                .map_or_else(invalid, |()| io::ErrorKind::UnexpectedEof.into()));
        }
        self.machine.skipped(count as u64);
        Ok(count)
    }
}

fn fill(from: &mut impl Read, block: &mut [u8; 512]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < block.len() {
        match from.read(&mut block[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

fn invalid(error: crate::TarError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
