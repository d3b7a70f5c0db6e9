//! From what a user types to an image.

use crate::error::ImageError;
use crate::refs::{IMAGES, TagTarget, names_in};
use crate::store::Store;
use teu_model::{DiffId, Digest, Platform, Reference};
use teu_oci::image::{
    Document, DocumentError, INDEX_DEPTH_MAX, ImageConfig, Index, Manifest, media_type,
};

/// One image for one platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Digest of its config.
    pub id: Digest,
    /// Digest of its manifest.
    pub manifest: Digest,
    /// What it says of itself.
    pub config: ImageConfig,
    /// Its layers, the lowest first.
    pub layers: Vec<DiffId>,
}

/// What a user's words mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The image.
    pub image: Image,
    /// The name by which it was found; none where an id was typed.
    pub reference: Option<Reference>,
    /// What the name means: the index or the manifest itself. A further name gets the same meaning.
    pub target: TagTarget,
}

impl Store {
    /// By name, by name and digest, by id or by the beginning of an id; a name wins over an id, as
    /// with docker. Without a platform this machine's is preferred, and any will do.
    pub fn find<'a>(
        &self,
        what: &str,
        platform: impl Into<Option<&'a Platform>>,
    ) -> Result<Found, ImageError> {
        let platform = platform.into();
        let hex = what.strip_prefix("sha256:").unwrap_or(what);
        let no_such = |name: String| ImageError::NoSuchImage { name };
        let (target, reference, name) = if let Some(id) = Digest::from_hex(hex) {
            let target = self.image_record(&id)?;
            (target.ok_or_else(|| no_such(id.to_string()))?, None, id.to_string())
        } else {
            let reference = Reference::parse(what);
            let named = match &reference {
                Ok(reference) => self.resolve(reference)?,
                Err(_) => None,
            };
            match (named, reference) {
                (Some(target), Ok(reference)) => {
                    let name = reference.familiar();
                    (target, Some(reference), name)
                }
                (_, reference) => match self.target_by_prefix(hex)? {
                    Some(target) => (target, None, what.to_string()),
                    None => return Err(no_such(reference?.familiar())),
                },
            }
        };
        let image = self.image_named(&target, platform, &name)?;
        Ok(Found { image, reference, target })
    }

    /// The image that a manifest is, or that an index has for the platform.
    pub fn image<'a>(
        &self,
        target: &TagTarget,
        platform: impl Into<Option<&'a Platform>>,
    ) -> Result<Image, ImageError> {
        self.image_named(target, platform.into(), &target.digest.to_string())
    }

    /// The one image whose id begins so.
    fn target_by_prefix(&self, prefix: &str) -> Result<Option<TagTarget>, ImageError> {
        let is_hex = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
        if prefix.is_empty() || prefix.len() > 64 || !prefix.bytes().all(is_hex) {
            return Ok(None);
        }
        let names = names_in(&self.refs().join(IMAGES))?;
        let mut matching = names.iter().filter(|name| name.starts_with(prefix));
        match (matching.next(), matching.next()) {
            // Docker calls a prefix of two ids unknown, too.
            (Some(only), None) => match Digest::from_hex(only) {
                Some(id) => self.image_record(&id),
                None => Ok(None),
            },
            _ => Ok(None),
        }
    }

    fn image_named(
        &self,
        target: &TagTarget,
        platform: Option<&Platform>,
        name: &str,
    ) -> Result<Image, ImageError> {
        let here = Platform::here();
        let bytes = self.blob_if_here(&target.digest)?.ok_or_else(|| ImageError::Missing {
            what: "manifest",
            digest: target.digest.clone(),
        })?;
        let (digest, manifest) = match parse_document(&target.digest, &bytes, &target.media_type)? {
            Document::Manifest(manifest) => (target.digest.clone(), manifest),
            Document::Index(index) => {
                let wanted = platform.unwrap_or(&here);
                let found = self.choose(&index, wanted, platform.is_none(), INDEX_DEPTH_MAX)?;
                found.ok_or_else(|| ImageError::WrongPlatform {
                    name: name.to_string(),
                    wanted: wanted.clone(),
                    actual: "none that is on this machine".into(),
                })?
            }
        };
        let config_bytes = self.blob_if_here(&manifest.config.digest)?.ok_or_else(|| {
            ImageError::Missing { what: "config", digest: manifest.config.digest.clone() }
        })?;
        let config = parse_manifest(&digest, &manifest, &config_bytes)?;
        if let Some(wanted) = platform.filter(|&wanted| !config.platform().serves(wanted)) {
            let actual = config.platform().to_string();
            let (name, wanted) = (name.to_string(), wanted.clone());
            return Err(ImageError::WrongPlatform { name, wanted, actual });
        }
        let layers = config.rootfs.diff_ids.clone();
        Ok(Image { id: manifest.config.digest, manifest: digest, config, layers })
    }

    /// The index's best entry that is here.
    fn choose(
        &self,
        index: &Index,
        wanted: &Platform,
        any: bool,
        depth: usize,
    ) -> Result<Option<(Digest, Box<Manifest>)>, ImageError> {
        let mut entries = index.candidates(wanted);
        if any {
            entries.extend(&index.manifests);
        }
        for entry in entries {
            let Some(bytes) = self.blob_if_here(&entry.digest)? else { continue };
            match parse_document(&entry.digest, &bytes, &entry.media_type)? {
                Document::Manifest(manifest)
                    if manifest.check_is_image().is_ok()
                        && self.has_blob(&manifest.config.digest) =>
                {
                    return Ok(Some((entry.digest.clone(), manifest)));
                }
                Document::Index(index) if depth > 0 => {
                    if let Some(found) = self.choose(&index, wanted, any, depth - 1)? {
                        return Ok(Some(found));
                    }
                }
                Document::Manifest(_) | Document::Index(_) => {}
            }
        }
        Ok(None)
    }
}

/// A manifest or index by its digest. What kind it was called counts only if that is a kind.
pub(crate) fn parse_document(
    digest: &Digest,
    bytes: &[u8],
    served_as: &str,
) -> Result<Document, ImageError> {
    let served_as = media_type::MANIFESTS.contains(&served_as).then_some(served_as);
    Document::parse(bytes, served_as).map_err(refused("manifest", digest))
}

/// The config of a manifest, the two compared.
pub(crate) fn parse_manifest(
    digest: &Digest,
    manifest: &Manifest,
    config: &[u8],
) -> Result<ImageConfig, ImageError> {
    manifest.check_is_image().map_err(refused("manifest", digest))?;
    let config = ImageConfig::parse(config).map_err(refused("config", &manifest.config.digest))?;
    let (layers, ids) = (manifest.layers.len(), config.rootfs.diff_ids.len());
    if layers != ids {
        let why = format!("the manifest has {layers} layers, its config {ids}");
        return Err(refused("manifest", digest)(DocumentError::Inconsistent { why }));
    }
    Ok(config)
}

pub(crate) fn refused(what: &'static str, digest: &Digest) -> impl Fn(DocumentError) -> ImageError {
    let digest = digest.clone();
    move |source| ImageError::Document { what, digest: digest.clone(), source }
}
