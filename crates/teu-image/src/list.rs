//! All images, as `images` and `inspect` show them.

use crate::error::ImageError;
use crate::find::Image;
use crate::refs::TagTarget;
use crate::store::Store;
use std::collections::HashMap;
use teu_model::{Digest, Reference, Timestamp};
use teu_oci::image::INDEX_DEPTH_MAX;

/// One image with all its names.
#[derive(Clone, Debug)]
pub struct ListedImage {
    /// Digest of its config.
    pub id: Digest,
    /// All about it.
    pub image: Image,
    /// Its names with tags, sorted; docker prints a line for each.
    pub tags: Vec<Reference>,
    /// Its names with digests, sorted: docker's `RepoDigests`.
    pub digests: Vec<Reference>,
    /// When it was made, if it says so.
    pub created: Option<Timestamp>,
    /// Bytes in the files of its layers. Layers that images share count in each.
    pub size: u64,
}

impl ListedImage {
    /// The lines that a list has for it: one per tag, else one per repository that it came from by
    /// digest, else one without a name.
    pub fn rows(&self) -> Vec<Option<&Reference>> {
        let named = if self.tags.is_empty() { &self.digests } else { &self.tags };
        if named.is_empty() { vec![None] } else { named.iter().map(Some).collect() }
    }
}

impl Store {
    /// All images, the newest first.
    pub fn list(&self) -> Result<Vec<ListedImage>, ImageError> {
        let mut names = self.names_of_images()?;
        let mut images = Vec::new();
        for id in self.image_ids()? {
            let Some(target) = self.image_record(&id)? else { continue };
            let image = match self.image(&target, None) {
                // Removed while we read, or damaged: `fsck` tells of that, a list shows the others.
                Err(ImageError::Missing { .. } | ImageError::Document { .. }) => continue,
                other => other?,
            };
            let (digests, tags) = names
                .remove(&id)
                .unwrap_or_default()
                .into_iter()
                .partition(|name| name.digest.is_some());
            let (created, size) = (image.config.created_at(), self.size_of(&image.layers));
            images.push(ListedImage { id, image, tags, digests, created, size });
        }
        images.sort_by(|a, b| b.created.cmp(&a.created).then_with(|| a.id.cmp(&b.id)));
        Ok(images)
    }

    /// For each image id its names, sorted. A name of an index belongs to each of its images that
    /// are here.
    pub(crate) fn names_of_images(&self) -> Result<HashMap<Digest, Vec<Reference>>, ImageError> {
        let mut meanings: HashMap<Digest, Vec<Digest>> = HashMap::new();
        let mut names: HashMap<Digest, Vec<Reference>> = HashMap::new();
        for (name, target) in self.names()? {
            let ids = match meanings.get(&target.digest) {
                Some(ids) => ids.clone(),
                None => self.ids_below(&target)?,
            };
            for id in &ids {
                names.entry(id.clone()).or_default().push(name.clone());
            }
            meanings.insert(target.digest, ids);
        }
        Ok(names)
    }

    fn ids_below(&self, target: &TagTarget) -> Result<Vec<Digest>, ImageError> {
        let mut images = Vec::new();
        match self.complete_images(target, INDEX_DEPTH_MAX, &mut images) {
            Err(ImageError::Document { .. }) => {}
            other => other?,
        }
        let mut ids: Vec<Digest> = images.into_iter().map(|(id, _)| id).collect();
        ids.sort();
        ids.dedup();
        Ok(ids)
    }
}
