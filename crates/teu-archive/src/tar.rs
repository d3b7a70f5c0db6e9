//! Archives as sinks, and as sources.

use crate::{ArchiveError, Data, Sink};
use std::io::{self, Read, Write};
use teu_tar::{Entry, Reader, Writer};

impl<W: Write> Sink for Writer<W> {
    fn put(&mut self, entry: &Entry, data: Data<'_>) -> Result<(), ArchiveError> {
        let written = match data {
            Data::None => self.append(entry, io::empty()),
            // A file that was cut meanwhile is filled up, as GNU tar does: its size is told already.
            Data::File(file) => self.append(entry, file.chain(io::repeat(0))),
            Data::Stream(stream) => self.append(entry, stream),
        };
        written.map_err(|source| ArchiveError::Write { source })
    }
}

/// Every member of the archive `tar`, in its order.
pub fn unpack(tar: impl Read, sink: &mut dyn Sink) -> Result<(), ArchiveError> {
    let mut reader = Reader::new(tar);
    while let Some(entry) = reader.next_entry().map_err(|source| ArchiveError::Read { source })? {
        sink.put(&entry, Data::Stream(&mut reader))?;
    }
    Ok(())
}
