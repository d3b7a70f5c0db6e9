//! A layer on its way in: compressed bytes are written to it as they arrive.
//!
//! ```text
//!  layer_writer ──write…──► LayerWriter ──seal──► SealedLayer ──commit──► layers/sha256/<diff id>/
//!                                └────────finish (both)────────────────────────┘
//! ```
//! Until `commit` everything lies in `ingest/` and goes with its owner.

use crate::blobs::finished;
use crate::error::{At, ImageError};
use crate::inflate::Inflate;
use crate::ingest::Workplace;
use crate::layers::{LayerBlob, Origin};
use crate::raw::Raw;
use crate::store::{Store, make_private};
use ring::digest::{Context, SHA256};
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use teu_kernel::durable::{self, Durability};
use teu_model::{DiffId, Digest, Reference};
use teu_oci::image::Compression;
use teu_tar::Kind;

/// Takes a layer's bytes as they come from wherever they come.
pub struct LayerWriter {
    store: Store,
    place: Arc<Workplace>,
    directory: PathBuf,
    inflate: Inflate,
    /// Of the compressed bytes; not needed where they are not compressed.
    blob_hash: Option<Context>,
    raw: Option<Raw>,
    blob: Option<Digest>,
    diff: Option<DiffId>,
    sources: Vec<String>,
}

/// A layer that is whole, checked and on disk, but does not count yet.
#[derive(Debug)]
pub struct SealedLayer {
    store: Store,
    _place: Arc<Workplace>,
    directory: PathBuf,
    diff: DiffId,
    origin: Origin,
}

impl Store {
    /// Begins a layer. What comes must hash to `blob` as it comes and to `diff` unpacked, where they
    /// are given.
    pub fn layer_writer(
        &self,
        compression: Compression,
        blob: Option<Digest>,
        diff: Option<DiffId>,
    ) -> Result<LayerWriter, ImageError> {
        let place = Arc::new(self.workplace()?);
        self.layer_writer_in(&place, "one", compression, blob, diff)
    }

    /// Several layers may share a workplace, so that they need one lock between them.
    pub(crate) fn layer_writer_in(
        &self,
        place: &Arc<Workplace>,
        name: &str,
        compression: Compression,
        blob: Option<Digest>,
        diff: Option<DiffId>,
    ) -> Result<LayerWriter, ImageError> {
        let directory = place.path().join(name);
        make_private(&directory)?;
        let raw = Raw::create(directory.join("layer.tar"), self.limits())?;
        let inflate = Inflate::new(compression)?;
        Ok(LayerWriter {
            store: self.clone(),
            place: Arc::clone(place),
            directory,
            blob_hash: (!inflate.is_plain()).then(|| Context::new(&SHA256)),
            inflate,
            raw: Some(raw),
            blob,
            diff,
            sources: Vec::new(),
        })
    }
}

impl LayerWriter {
    /// Remembers that this repository has the blob.
    pub fn from_repository(mut self, repository: &Reference) -> LayerWriter {
        self.sources.push(format!("{}/{}", repository.registry, repository.repository));
        self
    }

    /// Takes the next bytes. After an error the layer is given up.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), ImageError> {
        let mut raw = self.raw.take().ok_or(ImageError::GivenUp)?;
        if let Some(hash) = &mut self.blob_hash {
            hash.update(bytes);
        }
        raw.packed += bytes.len() as u64;
        self.inflate.push(bytes, &mut raw)?;
        self.raw = Some(raw);
        Ok(())
    }

    /// The layer has come whole: checks and keeps it. It is on disk when this returns. The caller
    /// has a lease on its digest, or on one that leads to it.
    pub fn finish(self) -> Result<DiffId, ImageError> {
        self.seal()?.commit()
    }

    /// Checks it and writes all that belongs to it, in `ingest/` still.
    pub fn seal(mut self) -> Result<SealedLayer, ImageError> {
        let mut raw = self.raw.take().ok_or(ImageError::GivenUp)?;
        self.inflate.finish(&mut raw)?;
        let packed = raw.packed;
        let tar_path = self.directory.join("layer.tar");
        let (diff, index) = raw.finish()?;
        let blob = self.blob_hash.take().map_or(diff.0.clone(), |hash| finished(hash.finish()));
        // The blob first: if the transfer was damaged, both are wrong, and this one says so.
        expect("layer", self.blob.take(), &blob)?;
        expect("unpacked layer", self.diff.take().map(|diff| diff.0), &diff.0)?;
        let content_size = index.entries.iter().fold(0u64, |sum, entry| match &entry.kind {
            Kind::File(contents) => sum.saturating_add(contents.size),
            _ => sum,
        });
        let origin = Origin {
            version: 1,
            tar_size: fs::metadata(&tar_path).at("read", &tar_path)?.len(),
            content_size,
            blobs: vec![LayerBlob { digest: blob, size: packed, sources: self.sources }],
        };
        let write = |name: &str, bytes: &[u8]| {
            let path = self.directory.join(name);
            durable::write_new(&path, bytes, 0o600, Durability::Synced).at("write", &path)
        };
        write("index", &index.encode())?;
        write("origin", &serde_json::to_vec(&origin).unwrap_or_default())?;
        durable::sync_directory(&self.directory).at("sync", &self.directory)?;
        Ok(SealedLayer {
            store: self.store,
            _place: self.place,
            directory: self.directory,
            diff,
            origin,
        })
    }
}

fn expect(what: &'static str, expected: Option<Digest>, got: &Digest) -> Result<(), ImageError> {
    match expected {
        Some(expected) if expected != *got => {
            Err(ImageError::WrongDigest { what, expected, got: got.clone() })
        }
        _ => Ok(()),
    }
}

impl SealedLayer {
    /// The digest of its tar.
    pub fn diff_id(&self) -> &DiffId {
        &self.diff
    }

    /// Length of its tar.
    pub fn tar_size(&self) -> u64 {
        self.origin.tar_size
    }

    /// Gives it its name. If the layer is here already, this one is thrown away.
    pub fn commit(self) -> Result<DiffId, ImageError> {
        let target = self.store.layer(&self.diff);
        match durable::rename_new(&self.directory, &target) {
            Ok(()) => {
                let directory = self.store.layers_directory();
                durable::sync_directory(&directory).at("sync", &directory)?;
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).at("make", &target),
        }
        // A plain layer needs no link: its blob's digest is its own.
        for blob in self.origin.blobs {
            if blob.digest != self.diff.0 {
                self.store.learn_blob(&self.diff, blob)?;
            }
        }
        Ok(self.diff)
    }
}

impl Write for LayerWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.feed(bytes).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl std::fmt::Debug for LayerWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LayerWriter").field("directory", &self.directory).finish_non_exhaustive()
    }
}
