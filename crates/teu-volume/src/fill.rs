//! The image's content goes into an empty volume: what docker does when a volume is first mounted over it.

use crate::error::At;
use crate::list::is_empty;
use crate::{Held, VolumeError, Volumes};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use teu_archive::{Extractor, Owners, Packer, Within};
use teu_kernel::durable::{self, Durability};
use teu_kernel::flock::Lock;
use teu_kernel::openat;

impl Volumes {
    /// Copies what is in the directory `source` into the volume (or into `to` instead of its data), with owners,
    /// modes, times and attributes, if the volume is empty or an earlier copy broke off.
    pub fn fill(
        &self,
        held: &Held,
        to: Option<&Path>,
        source: BorrowedFd<'_>,
    ) -> Result<(), VolumeError> {
        let place = self.place(&held.volume.name);
        let config = place.join("config.json");
        let data = to.map_or_else(|| place.join("data"), Path::to_path_buf);
        let _filling = Lock::exclusive(&config).at("lock", &config)?;
        let top = File::open(&data).at("open", &data)?;
        let mark = place.join("filling");
        if !mark.exists() {
            if !is_empty(&top).at("list", &data)? {
                return Ok(());
            }
            match durable::write_new(&mark, b"", 0o600, Durability::Synced) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(error).at("write", &mark);
                }
                _ => {}
            }
        }
        let mut sink =
            Extractor::new(top.as_fd(), Within::Directory, Owners::AsTold).describing_top();
        Packer::new(source, &mut sink).tree(b"", b"")?;
        sink.finish()?;
        openat::sync_filesystem(top.as_fd()).at("sync", &data)?;
        std::fs::remove_file(&mark).at("remove", &mark)?;
        // Were the mark to come back with the power, the image's files would replace the user's.
        durable::sync_directory(&place).at("sync", &place)
    }
}
