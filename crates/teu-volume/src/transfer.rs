//! A volume's content as an archive, and back.

use crate::error::At;
use crate::{VolumeError, Volumes};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use teu_archive::{ArchiveError, Extractor, Owners, Packer, Within};
use teu_kernel::openat;

impl Volumes {
    /// Everything in it as a tar. The same content gives the same bytes.
    pub fn export(&self, name: &str, to: impl Write) -> Result<(), VolumeError> {
        let held = self.hold(name)?;
        if held.is_none() {
            return Err(VolumeError::NoSuchVolume { name: name.chars().take(300).collect() });
        }
        let data = self.data(name);
        let top = File::open(&data).at("open", &data)?;
        let mut archive = teu_tar::Writer::new(to);
        Packer::new(top.as_fd(), &mut archive).tree(b"", b"")?;
        archive.finish().map_err(|source| ArchiveError::Write { source })?;
        Ok(())
    }

    /// The members of a tar go into it, over what is there. On the disk when this returns.
    pub fn import(&self, name: &str, tar: impl Read) -> Result<(), VolumeError> {
        let held = self.hold(name)?;
        if held.is_none() {
            return Err(VolumeError::NoSuchVolume { name: name.chars().take(300).collect() });
        }
        let data = self.data(name);
        let top = File::open(&data).at("open", &data)?;
        let mut sink =
            Extractor::new(top.as_fd(), Within::Directory, Owners::AsTold).describing_top();
        teu_archive::unpack(tar, &mut sink)?;
        sink.finish()?;
        openat::sync_filesystem(top.as_fd()).at("sync", &data)
    }
}
