//! `export`: a container's whole root file system as one tar, without what is mounted in it.

use crate::{Engine, EngineError};
use std::io::Write;
use std::os::fd::AsFd;
use teu_archive::Packer;

impl Engine {
    /// Writes the archive to `to`. The same content gives the same bytes.
    pub fn export(&self, given: &str, to: impl Write) -> Result<(), EngineError> {
        let container = self.find(given)?;
        let view = self.bare_root(&container)?;
        let mut archive = teu_tar::Writer::new(to);
        Packer::new(view.root.as_fd(), &mut archive).tree(b"", b"")?;
        archive.finish().map_err(|source| teu_archive::ArchiveError::Write { source })?;
        self.tell_of(&container, "export", &[]);
        Ok(())
    }
}
