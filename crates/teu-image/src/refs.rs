//! Names: which tag, which digest, which image id means which document.
//!
//! One small file each, so that a name is found by opening it, whatever else there is.

use crate::error::{At, ImageError};
use crate::find::{parse_document, parse_manifest};
use crate::ingest::gone;
use crate::store::{Store, make_private};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use teu_kernel::durable;
use teu_model::{Digest, Reference, Timestamp};
use teu_oci::image::{Document, INDEX_DEPTH_MAX};

const VERSION: u32 = 1;
pub(crate) const IMAGES: &str = "_images";
const TAGS: &str = "_tags";
const DIGESTS: &str = "_digests";
/// No component of a name or directory of ours begins so: temporary files do.
const HIDDEN: char = '.';

/// What a name means: a manifest or an index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TagTarget {
    /// Of the manifest or index, byte for byte.
    pub digest: Digest,
    /// Which of the two, and whose.
    pub media_type: String,
    /// Its length.
    pub size: u64,
}

/// A name's file.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NameFile {
    version: u32,
    #[serde(flatten)]
    target: TagTarget,
    /// When the name was given.
    at: Timestamp,
}

impl Store {
    /// Gives the name its meaning, durably. All that it leads to for at least one platform must be
    /// here; the images that are complete can be found by their id from now on.
    pub fn tag(&self, reference: &Reference, target: &TagTarget) -> Result<(), ImageError> {
        let mut images = Vec::new();
        // Otherwise a collection could take it between the look and the name.
        let _lease = self.lease([&target.digest])?;
        self.complete_images(target, INDEX_DEPTH_MAX, &mut images)?;
        if images.is_empty() {
            return Err(ImageError::Missing { what: "image", digest: target.digest.clone() });
        }
        let _lock = self.lock_refs()?;
        for (id, manifest) in &images {
            self.write_name(&self.refs().join(IMAGES).join(id.hex()), manifest)?;
        }
        self.write_name(&self.name_path(reference), target)
    }

    /// Takes the name away. Says whether it was there. The image stays, nameless perhaps.
    pub fn untag(&self, reference: &Reference) -> Result<bool, ImageError> {
        let _lock = self.lock_refs()?;
        self.remove_name(reference)
    }

    /// What the name means; a digest in it counts, a tag beside it does not, as with docker.
    pub fn resolve(&self, reference: &Reference) -> Result<Option<TagTarget>, ImageError> {
        read_name(&self.name_path(reference))
    }

    /// Makes an image findable by its id.
    pub(crate) fn record_image(&self, id: &Digest, manifest: &TagTarget) -> Result<(), ImageError> {
        let _lock = self.lock_refs()?;
        self.write_name(&self.refs().join(IMAGES).join(id.hex()), manifest)
    }

    /// The manifest of the image with this id.
    pub(crate) fn image_record(&self, id: &Digest) -> Result<Option<TagTarget>, ImageError> {
        read_name(&self.refs().join(IMAGES).join(id.hex()))
    }

    /// The ids of all images, sorted.
    pub(crate) fn image_ids(&self) -> Result<Vec<Digest>, ImageError> {
        let directory = self.refs().join(IMAGES);
        let mut ids = Vec::new();
        for name in names_in(&directory)? {
            ids.extend(Digest::from_hex(&name));
        }
        ids.sort();
        Ok(ids)
    }

    pub(crate) fn remove_image_record(&self, id: &Digest) -> Result<(), ImageError> {
        let path = self.refs().join(IMAGES).join(id.hex());
        gone(fs::remove_file(&path)).at("remove", &path)?;
        let directory = self.refs().join(IMAGES);
        durable::sync_directory(&directory).at("sync", &directory)
    }

    /// The caller holds the lock of `refs/`.
    pub(crate) fn remove_name(&self, reference: &Reference) -> Result<bool, ImageError> {
        let path = self.name_path(reference);
        match fs::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            other => other.at("remove", &path)?,
        }
        let refs = self.refs();
        let mut directory = path.parent();
        if let Some(directory) = directory {
            durable::sync_directory(directory).at("sync", directory)?;
        }
        // Folders that are empty now go too; the first that is not ends it.
        while let Some(empty) = directory.filter(|directory| *directory != refs) {
            if fs::remove_dir(empty).is_err() {
                break;
            }
            directory = empty.parent();
        }
        Ok(true)
    }

    /// All names and their meanings, sorted.
    pub(crate) fn names(&self) -> Result<Vec<(Reference, TagTarget)>, ImageError> {
        let mut found = Vec::new();
        for registry in names_in(&self.refs())? {
            // A host name has no underscore: `_images` is no registry.
            if !registry.starts_with('_') {
                self.names_below(&registry, "", &mut found)?;
            }
        }
        found.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(found)
    }

    /// Depth is limited by the length of a path.
    fn names_below(
        &self,
        registry: &str,
        repository: &str,
        found: &mut Vec<(Reference, TagTarget)>,
    ) -> Result<(), ImageError> {
        let directory = self.refs().join(registry).join(repository);
        for name in names_in(&directory)? {
            if name != TAGS && name != DIGESTS {
                let below =
                    if repository.is_empty() { name } else { format!("{repository}/{name}") };
                self.names_below(registry, &below, found)?;
                continue;
            }
            let directory = directory.join(&name);
            for leaf in names_in(&directory)? {
                let (tag, digest) = match name.as_str() {
                    TAGS => (Some(leaf.clone()), None),
                    _ => (None, Digest::from_hex(&leaf)),
                };
                let (registry, repository) = (registry.to_string(), repository.to_string());
                let reference = Reference { registry, repository, tag, digest };
                if let Some(target) = read_name(&directory.join(&leaf))? {
                    found.push((reference, target));
                }
            }
        }
        Ok(())
    }

    fn name_path(&self, reference: &Reference) -> PathBuf {
        let repository = self.refs().join(&reference.registry).join(&reference.repository);
        match (&reference.digest, &reference.tag) {
            (Some(digest), _) => repository.join(DIGESTS).join(digest.hex()),
            (None, tag) => repository.join(TAGS).join(tag.as_deref().unwrap_or("latest")),
        }
    }

    /// The caller holds the lock of `refs/`, so no folder goes while it is filled.
    fn write_name(&self, path: &Path, target: &TagTarget) -> Result<(), ImageError> {
        let at = Timestamp::from(SystemTime::now());
        let file = NameFile { version: VERSION, target: target.clone(), at };
        let text = serde_json::to_vec(&file)
            .map_err(|error| ImageError::Damaged { path: path.into(), why: error.to_string() })?;
        let refs = self.refs();
        let directory = path.parent().unwrap_or(&refs);
        if !directory.is_dir() {
            make_private(directory)?;
            // Each new folder's name must last as long as the file in it.
            for parent in directory.ancestors().skip(1).take_while(|path| path.starts_with(&refs)) {
                durable::sync_directory(parent).at("sync", parent)?;
            }
        }
        self.write(path, &text)
    }

    /// The images below `target` of which everything is here: their ids and manifests.
    pub(crate) fn complete_images(
        &self,
        target: &TagTarget,
        depth: usize,
        found: &mut Vec<(Digest, TagTarget)>,
    ) -> Result<(), ImageError> {
        let Some(bytes) = self.blob_if_here(&target.digest)? else { return Ok(()) };
        match parse_document(&target.digest, &bytes, &target.media_type)? {
            Document::Manifest(manifest) => {
                if let Some(config) = self.blob_if_here(&manifest.config.digest)? {
                    let config = parse_manifest(&target.digest, &manifest, &config)?;
                    if config.rootfs.diff_ids.iter().all(|layer| self.has_layer(layer)) {
                        found.push((manifest.config.digest.clone(), target.clone()));
                    }
                }
            }
            Document::Index(index) if depth > 0 => {
                for entry in &index.manifests {
                    let target = TagTarget {
                        digest: entry.digest.clone(),
                        media_type: entry.media_type.clone(),
                        size: entry.size,
                    };
                    // An index may also name what is no image: signatures, attestations.
                    match self.complete_images(&target, depth - 1, found) {
                        Err(ImageError::Document { .. }) => {}
                        other => other?,
                    }
                }
            }
            Document::Index(_) => {}
        }
        Ok(())
    }
}

pub(crate) fn read_name(path: &Path) -> Result<Option<TagTarget>, ImageError> {
    let bytes = match fs::read(path) {
        Err(error)
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
        {
            return Ok(None);
        }
        other => other.at("read", path)?,
    };
    let damaged = |why: String| ImageError::Damaged { path: path.to_path_buf(), why };
    let file: NameFile =
        serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
    if file.version > VERSION {
        return Err(damaged(format!(
            "it is of version {}; this teu knows {VERSION}",
            file.version
        )));
    }
    Ok(Some(file.target))
}

/// The plain names in a directory; none if it is not there.
pub(crate) fn names_in(directory: &Path) -> Result<Vec<String>, ImageError> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.at("list", directory)?,
    };
    let mut names = Vec::new();
    for entry in entries {
        // All our names are ASCII.
        let name = entry.at("list", directory)?.file_name().into_string();
        names.extend(name.ok().filter(|name| !name.starts_with(HIDDEN)));
    }
    Ok(names)
}
