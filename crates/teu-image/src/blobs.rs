//! Small content: manifests, indexes, configs, by their digests.

use crate::error::{At, ImageError};
use crate::store::Store;
use std::fs::{self, File};
use std::io::{self, Read};
use teu_model::Digest;
use teu_oci::image::CONFIG_SIZE_MAX;

/// The SHA-256 of some bytes.
pub(crate) fn digest_of(bytes: &[u8]) -> Digest {
    finished(ring::digest::digest(&ring::digest::SHA256, bytes))
}

pub(crate) fn finished(hash: ring::digest::Digest) -> Digest {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(hash.as_ref());
    Digest::from_sha256(bytes)
}

impl Store {
    /// Keeps `bytes`, on disk when this returns. Refuses them if they are not `expected`. Before
    /// this, the caller has a lease on the digest, or the next collection may take it.
    pub fn put_blob(&self, bytes: &[u8], expected: Option<&Digest>) -> Result<Digest, ImageError> {
        let digest = digest_of(bytes);
        if let Some(expected) = expected.filter(|&expected| *expected != digest) {
            let expected = expected.clone();
            return Err(ImageError::WrongDigest { what: "document", expected, got: digest });
        }
        if !self.has_blob(&digest) {
            self.write(&self.content(&digest), bytes)?;
        }
        Ok(digest)
    }

    /// The bytes of a document. They were checked when they came; `fsck` checks them again.
    pub fn blob(&self, digest: &Digest) -> Result<Vec<u8>, ImageError> {
        self.blob_if_here(digest)?
            .ok_or_else(|| ImageError::Missing { what: "document", digest: digest.clone() })
    }

    /// Whether the document is here.
    pub fn has_blob(&self, digest: &Digest) -> bool {
        fs::metadata(self.content(digest)).is_ok()
    }

    pub(crate) fn blob_if_here(&self, digest: &Digest) -> Result<Option<Vec<u8>>, ImageError> {
        let path = self.content(digest);
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.at("open", &path)?,
        };
        let mut bytes = Vec::new();
        file.take(CONFIG_SIZE_MAX as u64 + 1).read_to_end(&mut bytes).at("read", &path)?;
        Ok(Some(bytes))
    }
}
