//! `load`: images out of one archive, as `docker save`, `podman save` and `skopeo` write them.
//!
//! ```text
//!  archive ──► members ──┬─ JSON ────► kept in memory
//!                        ├─ layers ──► ingest/, unpacked, parsed and hashed as they stream by
//!                        └─ links ───► remembered: docker writes equal layers once
//!              manifest.json? ──► docker.rs        else oci-layout ──► layout.rs
//! ```
//! What a layer is for is known at the end only: docker writes `manifest.json` last. So the archive
//! is read once and front to back, and what turns out to be nobody's goes with the workplace.

mod docker;
mod layout;
mod members;

use crate::error::ImageError;
use crate::inflate::recognise;
use crate::leases::Lease;
use crate::store::Store;
use members::Members;
use std::io::{self, Read};
use teu_model::{Digest, Reference};
use teu_oci::image::Compression;

/// An image, or a name of it, that `load` brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// Its name; an image without one is told by its id.
    pub reference: Option<Reference>,
    /// Its id.
    pub id: Digest,
}

/// As docker prints it.
impl std::fmt::Display for Loaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.reference {
            Some(name) => write!(f, "Loaded image: {}", name.familiar()),
            None => write!(f, "Loaded image ID: {}", self.id),
        }
    }
}

/// One load: the archive's members, and what keeps them from collection.
struct Loading<'a> {
    store: &'a Store,
    members: Members,
    lease: Lease,
}

impl Store {
    /// Loads all images of an archive, which may be compressed as a whole.
    pub fn load(&self, archive: impl Read) -> Result<Vec<Loaded>, ImageError> {
        let members = Members::read(self, unpack(archive)?)?;
        let loading = Loading { store: self, members, lease: self.lease([])? };
        if loading.members.document("manifest.json").is_some() {
            loading.docker()
        } else if loading.members.document("oci-layout").is_some() {
            loading.layout()
        } else {
            Err(archive_error("it has neither manifest.json (docker) nor oci-layout (OCI)"))
        }
    }
}

fn archive_error(why: impl Into<String>) -> ImageError {
    ImageError::Archive { why: why.into() }
}

fn unpack<'a>(mut archive: impl Read + 'a) -> Result<Box<dyn Read + 'a>, ImageError> {
    let unreadable = |source| ImageError::ArchiveRead { source };
    let mut start = Vec::new();
    archive.by_ref().take(6).read_to_end(&mut start).map_err(unreadable)?;
    let compression = recognise(&start).unwrap_or(Ok(Compression::None));
    let whole = io::Cursor::new(start).chain(archive);
    Ok(match compression {
        Err(_) => return Err(archive_error("it is compressed in a way that teu cannot read")),
        Ok(Compression::Gzip) => Box::new(flate2::read::MultiGzDecoder::new(whole)),
        Ok(Compression::Zstd) => {
            Box::new(zstd::stream::read::Decoder::new(whole).map_err(unreadable)?)
        }
        Ok(_) => Box::new(whole),
    })
}
