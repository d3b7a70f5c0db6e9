//! Removes what no name, image, lease or container leads to.
//!
//! ```text
//!  mark ──► rename the unmarked to trash ──► mark again ──► put the marked back ──► unlink
//! ```
//! Nobody waits for a collection. A command that begins to use a digest in the middle of one either
//! wrote its lease before the second marking, and what it uses comes back, or looked after the
//! renaming, and saw that it is missing. Leases are read before names, because a command writes its
//! names before it drops its lease. A collection that dies leaves its trash to the next, which
//! begins with the second marking.

use crate::error::{At, ImageError};
use crate::ingest::gone;
use crate::layers::chain_id;
use crate::refs::names_in;
use crate::store::Store;
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use teu_kernel::durable;
use teu_kernel::flock::Lock;
use teu_model::{ChainId, DiffId, Digest};
use teu_oci::image::{Document, INDEX_DEPTH_MAX, ImageConfig};

/// A container that needs an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageUser {
    /// The image's id.
    pub image: Digest,
    /// The container's short id, for messages.
    pub container: String,
    /// Whether it runs now.
    pub running: bool,
}

/// What a collection has removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Manifests, indexes, configs.
    pub blobs: Vec<Digest>,
    /// Layers.
    pub layers: Vec<DiffId>,
    /// Stacks of layers that were an image's and are no image's any more: their roots can go.
    pub chains: Vec<ChainId>,
    /// Bytes given back.
    pub bytes: u64,
}

#[derive(Default)]
struct Marks {
    content: HashSet<Digest>,
    layers: HashSet<DiffId>,
    chains: HashSet<ChainId>,
}

impl Store {
    /// Collects. `users` is asked twice for all containers there are, the ones being made included.
    pub fn gc(&self, users: &dyn Fn() -> Vec<ImageUser>) -> Result<Collected, ImageError> {
        let trash = self.trash();
        let _alone = Lock::exclusive(&trash).at("lock", &trash)?;
        self.clean_ingest()?;

        let marks = self.mark(users)?;
        let mut before = HashSet::new();
        for name in names_in(&self.content_directory())? {
            if let Some(digest) = Digest::from_hex(&name).filter(|d| !marks.content.contains(d)) {
                before.extend(self.chain_of(&digest)?);
                throw_away(&self.content(&digest), &trash.join(format!("content-{name}")))?;
            }
        }
        for name in names_in(&self.layers_directory())? {
            let diff = Digest::from_hex(&name).map(DiffId);
            if let Some(diff) = diff.filter(|diff| !marks.layers.contains(diff)) {
                throw_away(&self.layer(&diff), &trash.join(format!("layer-{name}")))?;
            }
        }

        let marks = self.mark(users)?;
        let mut collected = Collected::default();
        for name in names_in(&trash)? {
            self.decide(&trash.join(&name), &name, &marks, &mut collected)?;
        }
        if !collected.layers.is_empty() {
            self.unlink_blobs()?;
        }
        collected.chains =
            before.into_iter().filter(|chain| !marks.chains.contains(chain)).collect();
        collected.blobs.sort();
        collected.layers.sort();
        collected.chains.sort();
        Ok(collected)
    }

    /// Back to its place, or away for good.
    fn decide(
        &self,
        path: &Path,
        name: &str,
        marks: &Marks,
        collected: &mut Collected,
    ) -> Result<(), ImageError> {
        let content = name.strip_prefix("content-").and_then(Digest::from_hex);
        let layer = name.strip_prefix("layer-").and_then(Digest::from_hex).map(DiffId);
        let home: Option<PathBuf> = match (&content, &layer) {
            (Some(digest), _) if marks.content.contains(digest) => Some(self.content(digest)),
            (_, Some(diff)) if marks.layers.contains(diff) => Some(self.layer(diff)),
            _ => None,
        };
        if let Some(home) = home
            && durable::rename_new(path, &home).is_ok()
        {
            return home
                .parent()
                .map_or(Ok(()), |parent| durable::sync_directory(parent).at("sync", parent));
        }
        // Not needed, or made anew meanwhile.
        let size = |path: &Path| fs::symlink_metadata(path).map_or(0, |file| file.len());
        if path.is_dir() {
            let files = names_in(path)?;
            collected.bytes += files.iter().map(|file| size(&path.join(file))).sum::<u64>();
            gone(fs::remove_dir_all(path)).at("remove", path)?;
        } else {
            collected.bytes += size(path);
            gone(fs::remove_file(path)).at("remove", path)?;
        }
        collected.blobs.extend(content.filter(|digest| !self.has_blob(digest)));
        collected.layers.extend(layer.filter(|diff| !self.has_layer(diff)));
        Ok(())
    }

    /// Removes links to layers that are gone.
    fn unlink_blobs(&self) -> Result<(), ImageError> {
        let directory = self.by_blob_directory();
        for name in names_in(&directory)? {
            let blob = Digest::from_hex(&name);
            if blob.is_none_or(|blob| self.layer_by_blob(&blob).is_none()) {
                let path = directory.join(&name);
                gone(fs::remove_file(&path)).at("remove", &path)?;
            }
        }
        Ok(())
    }

    fn mark(&self, users: &dyn Fn() -> Vec<ImageUser>) -> Result<Marks, ImageError> {
        let mut marks = Marks::default();
        for digest in self.leased()? {
            self.mark_from(&digest, INDEX_DEPTH_MAX + 1, &mut marks)?;
        }
        for user in users() {
            self.mark_from(&user.image, 1, &mut marks)?;
        }
        for id in self.image_ids()? {
            if let Some(manifest) = self.image_record(&id)? {
                self.mark_from(&manifest.digest, 1, &mut marks)?;
            }
            self.mark_from(&id, 1, &mut marks)?;
        }
        for (_, target) in self.names()? {
            self.mark_from(&target.digest, INDEX_DEPTH_MAX + 1, &mut marks)?;
        }
        Ok(marks)
    }

    /// Marks a digest, whatever it is of, and what it leads to.
    fn mark_from(
        &self,
        digest: &Digest,
        depth: usize,
        marks: &mut Marks,
    ) -> Result<(), ImageError> {
        marks.layers.insert(DiffId(digest.clone()));
        marks.layers.extend(self.layer_by_blob(digest));
        if !marks.content.insert(digest.clone()) {
            return Ok(());
        }
        let Some(bytes) = self.blob_if_here(digest)? else { return Ok(()) };
        match Document::parse(&bytes, None) {
            Ok(Document::Manifest(manifest)) => {
                self.mark_from(&manifest.config.digest, 0, marks)?;
                for layer in &manifest.layers {
                    marks.content.insert(layer.digest.clone());
                    marks.layers.insert(DiffId(layer.digest.clone()));
                    marks.layers.extend(self.layer_by_blob(&layer.digest));
                }
            }
            Ok(Document::Index(index)) if depth > 0 => {
                for entry in &index.manifests {
                    self.mark_from(&entry.digest, depth - 1, marks)?;
                }
            }
            Ok(Document::Index(_)) | Err(_) => {}
        }
        // Not instead: bytes can be made that are both.
        let layers = ImageConfig::parse(&bytes).unwrap_or_default().rootfs.diff_ids;
        if !layers.is_empty() {
            marks.chains.insert(chain_id(&layers));
            marks.layers.extend(layers);
        }
        Ok(())
    }

    /// The stack of layers that a config names; none for other documents.
    fn chain_of(&self, digest: &Digest) -> Result<Option<ChainId>, ImageError> {
        let bytes = self.blob_if_here(digest)?.unwrap_or_default();
        let config = ImageConfig::parse(&bytes).unwrap_or_default();
        let layers = config.rootfs.diff_ids;
        Ok((!layers.is_empty()).then(|| chain_id(&layers)))
    }
}

fn throw_away(path: &Path, trash: &Path) -> Result<(), ImageError> {
    if trash.is_dir() {
        // Left by a collection that died, and made anew since: the same bytes.
        gone(fs::remove_dir_all(trash)).at("remove", trash)?;
    }
    gone(fs::rename(path, trash)).at("remove", path)
}
