//! The verbs of a pull: which manifest, the manifest, small blobs, layers.

use crate::blob::Blob;
use crate::client::{Client, Wanted};
use crate::error::RegistryError;
use ring::digest::{SHA256, digest};
use teu_model::{Digest, Reference};

/// No manifest or index is larger, says the distribution specification.
pub const MANIFEST_SIZE_MAX: u64 = 4 << 20;

/// Every kind of manifest and index that teu understands, newest first.
const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, \
    application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.docker.distribution.manifest.v2+json";

/// A manifest or an index, byte for byte as the registry keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Of `bytes`; checked against the asked one, if any.
    pub digest: Digest,
    /// What the registry calls it, without parameters; empty where it does not say.
    pub media_type: String,
    /// The content.
    pub bytes: Vec<u8>,
}

/// What a registry says of a manifest without sending it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// What the name means now.
    pub digest: Digest,
    /// As in [`Fetched`].
    pub media_type: String,
    /// In bytes, where the registry says so.
    pub size: Option<u64>,
}

impl Client {
    /// What `reference` means now, in one small request: enough to see that a second pull has
    /// nothing to do. None where the registry does not name digests.
    pub fn head(&self, reference: &Reference) -> Result<Option<Head>, RegistryError> {
        let path = format!("manifests/{}", manifest_name(reference));
        let wanted = Wanted { method: "HEAD", path: &path, accept: ACCEPT, from: None };
        let answer = self.ask(reference, &wanted)?;
        let digest =
            answer.header("docker-content-digest").and_then(|text| Digest::parse(text).ok());
        let asked_other = reference.digest.is_some() && digest != reference.digest;
        Ok(digest.filter(|_| !asked_other).map(|digest| Head {
            digest,
            media_type: media_type(answer.header("content-type")),
            size: answer.length(),
        }))
    }

    /// The manifest or index that `reference` names: by its digest where it has one, else by its tag.
    pub fn manifest(&self, reference: &Reference) -> Result<Fetched, RegistryError> {
        let path = format!("manifests/{}", manifest_name(reference));
        let wanted = Wanted { method: "GET", path: &path, accept: ACCEPT, from: None };
        let what = format!("the manifest of {}", reference.familiar());
        let mut answer = self.ask(reference, &wanted)?;
        let bytes = answer.body_up_to(MANIFEST_SIZE_MAX, &what)?;
        let got = sha256(&bytes);
        // The registry's own header is held against the content too: it catches what a proxy mangles.
        let told = answer.header("docker-content-digest").and_then(|text| Digest::parse(text).ok());
        for expected in reference.digest.iter().chain(&told) {
            if *expected != got {
                return Err(RegistryError::DigestMismatch {
                    what,
                    expected: expected.clone(),
                    got,
                });
            }
        }
        Ok(Fetched { digest: got, media_type: media_type(answer.header("content-type")), bytes })
    }

    /// The manifest `digest` of the same repository: an index's choice.
    pub fn manifest_by_digest(
        &self,
        reference: &Reference,
        digest: &Digest,
    ) -> Result<Fetched, RegistryError> {
        self.manifest(&Reference { digest: Some(digest.clone()), ..reference.clone() })
    }

    /// A whole blob in memory, verified: a config.
    pub fn small_blob(
        &self,
        reference: &Reference,
        digest: &Digest,
        size: u64,
    ) -> Result<Vec<u8>, RegistryError> {
        let what = format!("{}: blob {digest}", reference.familiar());
        if size > MANIFEST_SIZE_MAX {
            return Err(RegistryError::TooLarge { what, limit: MANIFEST_SIZE_MAX });
        }
        let bytes = self.blob(reference, digest, size)?.read_whole()?;
        let got = sha256(&bytes);
        if got == *digest {
            Ok(bytes)
        } else {
            Err(RegistryError::DigestMismatch { what, expected: digest.clone(), got })
        }
    }

    /// A blob as a stream of exactly `size` bytes. Its digest is for the reader to check.
    pub fn blob(
        &self,
        reference: &Reference,
        digest: &Digest,
        size: u64,
    ) -> Result<Blob, RegistryError> {
        Blob::open(self.clone(), reference.clone(), digest.clone(), size)
    }
}

fn manifest_name(reference: &Reference) -> String {
    match (&reference.digest, &reference.tag) {
        (Some(digest), _) => digest.to_string(),
        (None, Some(tag)) => tag.clone(),
        (None, None) => "latest".to_string(),
    }
}

fn media_type(header: Option<&str>) -> String {
    header.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn sha256(bytes: &[u8]) -> Digest {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    Digest::from_sha256(hash)
}
