//! Layers that are here: what is known of them beside their bytes.

use crate::error::{At, ImageError};
use crate::store::Store;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use teu_model::{ChainId, DiffId, Digest};

/// The file `origin` of a layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Origin {
    pub(crate) version: u32,
    /// Length of the tar.
    pub tar_size: u64,
    /// Sum of the sizes of its files: what docker calls a layer's size.
    pub content_size: u64,
    /// The compressed blobs that it is known to have come as.
    pub blobs: Vec<LayerBlob>,
}

/// One compressed form of a layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LayerBlob {
    /// Hash of the compressed bytes.
    pub digest: Digest,
    /// How many there are.
    pub size: u64,
    /// Repositories that are known to have it: `docker.io/library/debian`.
    #[serde(default)]
    pub sources: Vec<String>,
}

impl Origin {
    /// Adds what is news in `blob`; tells whether anything was.
    pub(crate) fn learn(&mut self, blob: LayerBlob) -> bool {
        let Some(known) = self.blobs.iter_mut().find(|known| known.digest == blob.digest) else {
            self.blobs.push(blob);
            return true;
        };
        let before = known.sources.len();
        for source in blob.sources {
            if !known.sources.contains(&source) {
                known.sources.push(source);
            }
        }
        known.sources.len() > before
    }
}

/// Names a stack of layers; the empty stack has the hash of nothing.
pub fn chain_id(layers: &[DiffId]) -> ChainId {
    let Some((first, rest)) = layers.split_first() else {
        return ChainId(crate::blobs::digest_of(b""));
    };
    rest.iter().fold(ChainId(first.0.clone()), |chain, layer| {
        ChainId(crate::blobs::digest_of(format!("{chain} {layer}").as_bytes()))
    })
}

impl Store {
    /// Whether the layer is here, whole.
    pub fn has_layer(&self, diff: &DiffId) -> bool {
        fs::metadata(self.layer(diff)).is_ok()
    }

    /// The layer that this compressed blob unpacks to, if it came here before and is still here.
    pub fn layer_by_blob(&self, blob: &Digest) -> Option<DiffId> {
        let text = fs::read_to_string(self.by_blob_directory().join(blob.hex())).ok()?;
        let diff = DiffId(Digest::parse(text.trim_end()).ok()?);
        self.has_layer(&diff).then_some(diff)
    }

    /// What is known of a layer.
    pub fn origin(&self, diff: &DiffId) -> Result<Origin, ImageError> {
        let path = self.layer(diff).join("origin");
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(ImageError::Missing { what: "layer", digest: diff.0.clone() });
            }
            other => other.at("read", &path)?,
        };
        serde_json::from_slice(&bytes)
            .map_err(|error| ImageError::Damaged { path, why: error.to_string() })
    }

    /// Bytes in the files of these layers; a layer that is gone counts nothing.
    pub fn size_of(&self, layers: &[DiffId]) -> u64 {
        let sizes = layers.iter().filter_map(|layer| self.origin(layer).ok());
        sizes.fold(0, |sum, origin| sum.saturating_add(origin.content_size))
    }

    /// Records that `blob` unpacks to `diff`.
    pub(crate) fn learn_blob(&self, diff: &DiffId, blob: LayerBlob) -> Result<(), ImageError> {
        let link = self.by_blob_directory().join(blob.digest.hex());
        let mut origin = self.origin(diff)?;
        if origin.learn(blob) {
            // Two commands may do this at once, and one source be forgotten: it is only a hint.
            let path = self.layer(diff).join("origin");
            self.write(&path, &serde_json::to_vec(&origin).unwrap_or_default())?;
        }
        self.write(&link, format!("{diff}\n").as_bytes())
    }
}

#[test]
fn chain_ids() {
    let diff = |byte| DiffId(Digest::from_sha256([byte; 32]));
    assert_eq!(chain_id(&[diff(1)]).0, diff(1).0);
    // printf 'sha256:0101… sha256:0202…' | sha256sum
    assert_eq!(
        chain_id(&[diff(1), diff(2)]).0,
        crate::blobs::digest_of(format!("{} {}", diff(1), diff(2)).as_bytes())
    );
}
