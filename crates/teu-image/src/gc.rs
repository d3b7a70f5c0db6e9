//! Removes what no name, image, lease or container leads to.
//!
//! ```text
//!  leases/ locked: mark ──► rename the unmarked to trash     then, unlocked: unlink
//! ```
//! A command that begins to use a digest writes its lease first. Either it did so before the marking,
//! and what it uses is marked; or it waits until the renaming is done, looks, and sees what is
//! missing. So what was seen under a lease never goes away. Leases are read before names, because a
//! command writes its names before it drops its lease. What lies in the trash is needed by nobody,
//! whenever the collection ended that put it there.

use crate::error::{At, ImageError};
use crate::ingest::gone;
use crate::layers::chain_id;
use crate::refs::names_in;
use crate::store::Store;
use std::collections::HashSet;
use std::fs;
use std::path::Path;
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
    /// Collects. `users` tells all containers; it is called while no lease can be made, and waits
    /// for nobody who makes one.
    pub fn gc(&self, users: &dyn Fn() -> Vec<ImageUser>) -> Result<Collected, ImageError> {
        let trash = self.trash();
        let _alone = Lock::exclusive(&trash).at("lock", &trash)?;
        self.clean_ingest()?;
        let mut collected = Collected::default();
        {
            let leases = self.leases();
            let _no_new_lease = Lock::exclusive(&leases).at("lock", &leases)?;
            let marks = self.mark(users)?;
            self.throw_away_content(&marks, &mut collected)?;
            self.throw_away_layers(&marks, &mut collected)?;
        }
        for name in names_in(&trash)? {
            collected.bytes += unlink(&trash.join(name))?;
        }
        if !collected.layers.is_empty() {
            self.unlink_blobs()?;
        }
        collected.blobs.sort();
        collected.layers.sort();
        collected.chains.sort();
        collected.chains.dedup();
        Ok(collected)
    }

    fn throw_away_content(
        &self,
        marks: &Marks,
        collected: &mut Collected,
    ) -> Result<(), ImageError> {
        for name in names_in(&self.content_directory())? {
            let digest = Digest::from_hex(&name);
            let Some(digest) = digest.filter(|digest| !marks.content.contains(digest)) else {
                continue;
            };
            let chain = self.chain_of(&digest)?;
            collected.chains.extend(chain.filter(|chain| !marks.chains.contains(chain)));
            throw_away(&self.content(&digest), &self.trash().join(format!("content-{name}")))?;
            collected.blobs.push(digest);
        }
        Ok(())
    }

    fn throw_away_layers(
        &self,
        marks: &Marks,
        collected: &mut Collected,
    ) -> Result<(), ImageError> {
        for name in names_in(&self.layers_directory())? {
            let diff = Digest::from_hex(&name).map(DiffId);
            if let Some(diff) = diff.filter(|diff| !marks.layers.contains(diff)) {
                throw_away(&self.layer(&diff), &self.trash().join(format!("layer-{name}")))?;
                collected.layers.push(diff);
            }
        }
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
        // Left by a collection that died, and made anew since: no folder replaces a full one.
        gone(fs::remove_dir_all(trash)).at("remove", trash)?;
    }
    gone(fs::rename(path, trash)).at("remove", path)
}

/// Unlinks a file, or a layer's folder, and tells how long it was.
fn unlink(path: &Path) -> Result<u64, ImageError> {
    let size = |path: &Path| fs::symlink_metadata(path).map_or(0, |file| file.len());
    if path.is_dir() {
        let bytes = names_in(path)?.iter().map(|file| size(&path.join(file))).sum();
        gone(fs::remove_dir_all(path)).at("remove", path)?;
        return Ok(bytes);
    }
    let bytes = size(path);
    gone(fs::remove_file(path)).at("remove", path)?;
    Ok(bytes)
}
