//! A layer's index, made while the layer's bytes go by.

use crate::entry::Entry;
use crate::machine::{Machine, Need};
use crate::whiteout::recognise;
use crate::{LayerIndex, TarError};

/// More entries than this are refused; the largest images have a few hundred thousand.
const ENTRIES_MAX: usize = 4 << 20;

/// Takes an archive in pieces of any length and keeps what its headers say.
///
/// After an error it is of no more use: feed it nothing further.
#[derive(Debug)]
pub struct Parser {
    machine: Machine,
    block: [u8; 512],
    filled: usize,
    behind_the_end: u64,
    entries: Vec<Entry>,
}

impl Parser {
    /// Before the first byte.
    #[expect(clippy::new_without_default, reason = "a parser is begun, not defaulted to")]
    pub fn new() -> Parser {
        Parser {
            machine: Machine::default(),
            block: [0; 512],
            filled: 0,
            behind_the_end: 0,
            entries: Vec::new(),
        }
    }

    /// The next bytes of the archive.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Result<(), TarError> {
        while !bytes.is_empty() {
            match self.machine.need() {
                Need::Skip(wanted) => {
                    let count = usize::try_from(wanted).unwrap_or(usize::MAX).min(bytes.len());
                    self.machine.skipped(count as u64);
                    bytes = &bytes[count..];
                }
                Need::Nothing => {
                    self.behind_the_end = self.behind_the_end.saturating_add(bytes.len() as u64);
                    return Ok(());
                }
                Need::Block => {
                    let count = (self.block.len() - self.filled).min(bytes.len());
                    self.block[self.filled..self.filled + count].copy_from_slice(&bytes[..count]);
                    self.filled += count;
                    bytes = &bytes[count..];
                    if self.filled == self.block.len() {
                        self.filled = 0;
                        self.take_block()?;
                    }
                }
            }
        }
        Ok(())
    }

    fn take_block(&mut self) -> Result<(), TarError> {
        if let Some(entry) = self.machine.block(&self.block)? {
            if self.entries.len() >= ENTRIES_MAX {
                return Err(TarError::TooMany { limit: ENTRIES_MAX });
            }
            self.entries.extend(recognise(entry));
        }
        Ok(())
    }

    /// Bytes fed so far.
    pub fn position(&self) -> u64 {
        self.machine.position() + self.filled as u64 + self.behind_the_end
    }

    /// The archive is over; what was in it.
    pub fn finish(self) -> Result<LayerIndex, TarError> {
        self.machine.end(self.filled)?;
        Ok(LayerIndex { archive_size: self.position(), entries: self.entries })
    }
}
