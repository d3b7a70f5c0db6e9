//! The OCI image layout: `index.json` names manifests below `blobs/`; their bytes are kept.

use super::{Loaded, Loading, archive_error};
use crate::error::ImageError;
use crate::find::{parse_document, parse_manifest};
use crate::refs::TagTarget;
use serde::Deserialize;
use std::collections::HashSet;
use teu_model::{Digest, Platform, Reference};
use teu_oci::image::{Descriptor, Document, INDEX_DEPTH_MAX, Manifest};

/// Most documents that one archive may lead to.
const VISITS_MAX: usize = 4_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Layout {
    image_layout_version: String,
}

/// What one entry of `index.json` leads to.
#[derive(Default)]
struct Tree {
    /// Documents to keep: their digests, once each.
    documents: Vec<Digest>,
    images: Vec<(Digest, Manifest)>,
    visited: HashSet<Digest>,
    visits: usize,
}

impl Loading<'_> {
    /// All is checked before the first image gets a name.
    pub(super) fn layout(mut self) -> Result<Vec<Loaded>, ImageError> {
        let layout = self.members.document("oci-layout").unwrap_or_default();
        let layout: Layout = serde_json::from_slice(layout)
            .map_err(|error| archive_error(format!("invalid oci-layout: {error}")))?;
        if !layout.image_layout_version.starts_with("1.") {
            let version = layout.image_layout_version.escape_debug().to_string();
            return Err(archive_error(format!("layouts of version {version} are not supported")));
        }
        let bytes = self
            .members
            .document("index.json")
            .ok_or_else(|| archive_error("it is an OCI layout without index.json"))?;
        let bytes = bytes.to_vec();
        let digest = crate::blobs::digest_of(&bytes);
        let Document::Index(index) = parse_document(&digest, &bytes, "")? else {
            return Err(archive_error("its index.json is no index"));
        };
        let mut trees = Vec::new();
        for entry in &index.manifests {
            let mut tree = Tree::default();
            self.walk(entry, INDEX_DEPTH_MAX, &mut tree)?;
            if tree.images.is_empty() {
                let digest = &entry.digest;
                return Err(archive_error(format!("it holds no whole image for {digest}")));
            }
            trees.push((entry, name_of(entry)?, tree));
        }
        if trees.is_empty() {
            return Err(archive_error("its index.json lists no image"));
        }
        trees.into_iter().map(|(entry, name, tree)| self.keep_tree(entry, name, tree)).collect()
    }

    fn walk(
        &mut self,
        entry: &Descriptor,
        depth: usize,
        tree: &mut Tree,
    ) -> Result<(), ImageError> {
        tree.visits += 1;
        if tree.visits > VISITS_MAX {
            return Err(archive_error("its indexes lead to too many images"));
        }
        if !tree.visited.insert(entry.digest.clone()) {
            return Ok(());
        }
        let name = member(&entry.digest);
        // An archive may hold one platform of many.
        let Some(bytes) = self.members.document(&name).map(<[u8]>::to_vec) else { return Ok(()) };
        let digest = crate::blobs::digest_of(&bytes);
        if digest != entry.digest {
            let expected = entry.digest.clone();
            return Err(ImageError::WrongDigest { what: "document", expected, got: digest });
        }
        match parse_document(&digest, &bytes, &entry.media_type)? {
            Document::Manifest(manifest) => self.manifest(digest, *manifest, tree),
            Document::Index(_) if depth == 0 => Err(archive_error("its indexes nest too deeply")),
            Document::Index(index) => {
                tree.documents.push(digest);
                index.manifests.iter().try_for_each(|entry| self.walk(entry, depth - 1, tree))
            }
        }
    }

    fn manifest(
        &mut self,
        digest: Digest,
        manifest: Manifest,
        tree: &mut Tree,
    ) -> Result<(), ImageError> {
        let config_name = member(&manifest.config.digest);
        let whole = self.members.document(&config_name).is_some()
            && manifest.layers.iter().all(|layer| self.members.has_layer(&member(&layer.digest)));
        // Attestations and signatures go along with an index, unread.
        if manifest.check_is_image().is_err() || !whole {
            tree.documents.push(digest);
            return Ok(());
        }
        let config = self.members.document(&config_name).unwrap_or_default().to_vec();
        let got = crate::blobs::digest_of(&config);
        if got != manifest.config.digest {
            let expected = manifest.config.digest.clone();
            return Err(ImageError::WrongDigest { what: "config", expected, got });
        }
        let config = parse_manifest(&digest, &manifest, &config)?;
        let pairs = manifest.layers.iter().zip(config.rootfs.diff_ids);
        for (number, (layer, expected)) in pairs.enumerate() {
            let got = self.members.diff_id(&member(&layer.digest))?;
            if got != expected {
                return Err(ImageError::WrongDiffId { number, expected, got });
            }
        }
        tree.images.push((digest, manifest));
        Ok(())
    }

    fn keep_tree(
        &mut self,
        entry: &Descriptor,
        name: Option<Reference>,
        tree: Tree,
    ) -> Result<Loaded, ImageError> {
        for (digest, manifest) in &tree.images {
            for layer in &manifest.layers {
                self.members.keep(&member(&layer.digest), &mut self.lease)?;
            }
            self.keep_document(&manifest.config.digest)?;
            self.keep_document(digest)?;
        }
        for digest in &tree.documents {
            self.keep_document(digest)?;
        }
        for (digest, manifest) in &tree.images {
            let bytes = self.members.document(&member(digest)).unwrap_or_default();
            let target = target_of(digest, bytes)?;
            self.store.record_image(&manifest.config.digest, &target)?;
        }
        let bytes = self.members.document(&member(&entry.digest)).unwrap_or_default();
        let target = target_of(&entry.digest, bytes)?;
        let image = self.store.image(&target, &Platform::here());
        let id = image.or_else(|_| self.store.image(&target, None))?.id;
        if let Some(name) = &name {
            self.store.tag(name, &target)?;
        }
        Ok(Loaded { reference: name, id })
    }

    fn keep_document(&mut self, digest: &Digest) -> Result<(), ImageError> {
        if let Some(bytes) = self.members.document(&member(digest)) {
            self.lease.add([digest])?;
            self.store.put_blob(bytes, Some(digest))?;
        }
        Ok(())
    }
}

fn member(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

fn target_of(digest: &Digest, bytes: &[u8]) -> Result<TagTarget, ImageError> {
    let document = parse_document(digest, bytes, "")?;
    let media_type = document.media_type().to_string();
    Ok(TagTarget { digest: digest.clone(), media_type, size: bytes.len() as u64 })
}

/// containerd writes the whole name, skopeo and podman write it where only a tag should stand; a tag
/// alone names nothing.
fn name_of(entry: &Descriptor) -> Result<Option<Reference>, ImageError> {
    let whole = entry.annotations.get("io.containerd.image.name");
    let other = entry.annotations.get("org.opencontainers.image.ref.name");
    let name = whole.or(other.filter(|name| name.contains(['/', ':'])));
    let reference = name.map(|name| Reference::parse(name)).transpose()?;
    match reference {
        Some(Reference { digest: Some(_), .. }) => Err(archive_error("a name in it has a digest")),
        reference => Ok(reference),
    }
}
