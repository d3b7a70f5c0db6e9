//! Manifests and indexes: which config, which layers, for which platform.

use super::{
    CHILDREN_MAX, Compression, DocumentError, MANIFEST_SIZE_MAX, from_object, media_type, shown,
};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use teu_model::{Digest, Platform};

/// Points at some bytes by their hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What they are.
    #[serde(default)]
    pub media_type: String,
    /// Their hash.
    pub digest: Digest,
    /// How many they are.
    pub size: u64,
    /// Where else they are kept: layers that a registry may not serve. Never followed by teu.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_default")]
    pub urls: Vec<String>,
    /// Free words; an image layout keeps its tags in them.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "null_is_default"
    )]
    pub annotations: BTreeMap<String, String>,
    /// In an index: for which machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<DescriptorPlatform>,
}

/// The platform of an index's entry, as it is written there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DescriptorPlatform {
    /// `linux`, `windows`; `unknown` for what does not run.
    #[serde(default)]
    pub os: String,
    /// In Go's words: `amd64`.
    #[serde(default)]
    pub architecture: String,
    /// `v7`, `v8`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Windows tells its builds apart by it.
    #[serde(default, rename = "os.version", skip_serializing_if = "Option::is_none")]
    pub os_version: Option<String>,
}

impl DescriptorPlatform {
    /// In our words.
    pub fn platform(&self) -> Platform {
        Platform {
            os: self.os.clone(),
            architecture: self.architecture.clone(),
            variant: self.variant.clone().filter(|variant| !variant.is_empty()),
        }
    }
}

/// One image for one platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Always 2.
    pub schema_version: u64,
    /// What it says of itself; the OCI specification allows silence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// The image's configuration; its digest is the image's id.
    pub config: Descriptor,
    /// Its layers, the lowest first.
    pub layers: Vec<Descriptor>,
    /// Free words.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "null_is_default"
    )]
    pub annotations: BTreeMap<String, String>,
}

/// One image for many platforms, or just many images.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    /// Always 2.
    pub schema_version: u64,
    /// What it says of itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// Manifests, or further indexes.
    pub manifests: Vec<Descriptor>,
    /// Free words.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "null_is_default"
    )]
    pub annotations: BTreeMap<String, String>,
}

/// What a tag can mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Document {
    /// One image.
    Manifest(Box<Manifest>),
    /// Several.
    Index(Index),
}

/// The fields that tell the kinds apart. Reading them also refuses a field that comes twice.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kind {
    schema_version: Option<u64>,
    media_type: Option<String>,
    config: Option<IgnoredAny>,
    layers: Option<IgnoredAny>,
    fs_layers: Option<IgnoredAny>,
    manifests: Option<IgnoredAny>,
}

impl Document {
    /// Reads a manifest or an index; `served_as` is the media type that came beside it.
    pub fn parse(bytes: &[u8], served_as: Option<&str>) -> Result<Document, DocumentError> {
        const WHAT: &str = "manifest";
        let (size, limit) = (bytes.len(), MANIFEST_SIZE_MAX);
        if size > limit {
            return Err(DocumentError::TooLarge { what: WHAT, size, limit });
        }
        let kind: Kind = from_object(bytes, WHAT)?;
        if let Some(found) = kind.schema_version.filter(|&version| version != 2) {
            return Err(DocumentError::Schema { found });
        }
        let is_index = kind.manifests.is_some();
        if is_index && (kind.config.is_some() || kind.layers.is_some() || kind.fs_layers.is_some())
            || kind.fs_layers.is_some() && kind.layers.is_some()
        {
            return Err(DocumentError::Ambiguous);
        }
        let is = if is_index { INDEXES } else { MANIFESTS };
        if let Some(says) = &kind.media_type {
            let served_as = served_as.filter(|served| is_known(served));
            if !is.contains(&says.as_str()) || served_as.is_some_and(|served| served != says) {
                let is = served_as.unwrap_or(is[0]).to_string();
                return Err(DocumentError::MediaType { says: shown(says), is });
            }
        } else if let Some(served) = served_as.filter(|served| is_known(served))
            && !is.contains(&served)
        {
            return Err(DocumentError::MediaType { says: is[0].into(), is: served.into() });
        }
        let document = if is_index {
            Document::Index(from_object(bytes, WHAT)?)
        } else {
            Document::Manifest(from_object(bytes, WHAT)?)
        };
        document.check_size()?;
        Ok(document)
    }

    /// Its media type: what it says, or what its fields make it.
    pub fn media_type(&self) -> &str {
        let (says, is) = match self {
            Document::Manifest(manifest) => (&manifest.media_type, media_type::OCI_MANIFEST),
            Document::Index(index) => (&index.media_type, media_type::OCI_INDEX),
        };
        says.as_deref().unwrap_or(is)
    }

    fn check_size(&self) -> Result<(), DocumentError> {
        let (what, children) = match self {
            Document::Manifest(manifest) => ("manifest", &manifest.layers),
            Document::Index(index) => ("index", &index.manifests),
        };
        let (count, limit) = (children.len(), CHILDREN_MAX);
        if count > limit {
            return Err(DocumentError::TooMany { what, count, limit });
        }
        let sum = children.iter().try_fold(0u64, |sum, child| sum.checked_add(child.size));
        // Sizes beyond a file's are refused here, so that nobody has to fear adding them up.
        sum.filter(|&sum| sum < 1 << 62).map(drop).ok_or_else(|| DocumentError::Inconsistent {
            why: format!("the sizes in the {what} exceed every disk"),
        })
    }
}

const MANIFESTS: &[&str] = &[media_type::OCI_MANIFEST, media_type::DOCKER_MANIFEST];
const INDEXES: &[&str] = &[media_type::OCI_INDEX, media_type::DOCKER_INDEX];

/// Registries also serve manifests as `application/json` and `text/plain`; that says nothing.
fn is_known(media_type: &str) -> bool {
    MANIFESTS.contains(&media_type) || INDEXES.contains(&media_type)
}

impl Manifest {
    /// A manifest that teu makes itself.
    pub fn new(config: Descriptor, layers: Vec<Descriptor>) -> Manifest {
        Manifest {
            schema_version: 2,
            media_type: Some(media_type::OCI_MANIFEST.into()),
            config,
            layers,
            annotations: BTreeMap::new(),
        }
    }

    /// Whether this is a container image at all: registries hold charts and signatures too.
    pub fn check_is_image(&self) -> Result<(), DocumentError> {
        match self.config.media_type.as_str() {
            // Old builders wrote the last two.
            media_type::OCI_CONFIG
            | media_type::DOCKER_CONFIG
            | "application/octet-stream"
            | "" => Ok(()),
            kind => Err(DocumentError::NotAnImage { kind: shown(kind) }),
        }
    }
}

impl Index {
    /// The entries that may serve `wanted`, the best first: those made for exactly it, then those
    /// that it can run, then those that name no platform (their config will).
    pub fn candidates(&self, wanted: &Platform) -> Vec<&Descriptor> {
        let rank = |entry: &&Descriptor| match &entry.platform {
            None => is_image(entry).then_some(2),
            Some(platform) => {
                let platform = platform.platform();
                let exact = platform.variant == wanted.variant;
                platform.serves(wanted).then_some(if exact { 0 } else { 1 })
            }
        };
        let mut ranked: Vec<_> =
            self.manifests.iter().filter_map(|entry| Some((rank(&entry)?, entry))).collect();
        // A stable sort: among equals the index's own order counts.
        ranked.sort_by_key(|&(rank, _)| rank);
        ranked.into_iter().map(|(_, entry)| entry).collect()
    }

    /// The best of [`Index::candidates`].
    pub fn select(&self, wanted: &Platform) -> Option<&Descriptor> {
        self.candidates(wanted).into_iter().next()
    }
}

fn is_image(entry: &Descriptor) -> bool {
    entry.media_type.is_empty() || is_known(&entry.media_type)
}

impl Descriptor {
    /// Points at `size` bytes of type `media_type` and hash `digest`.
    pub fn new(media_type: &str, digest: Digest, size: u64) -> Descriptor {
        Descriptor {
            media_type: media_type.to_string(),
            digest,
            size,
            urls: Vec::new(),
            annotations: BTreeMap::new(),
            platform: None,
        }
    }

    /// How this layer is packed. Media types are not always true, and docker goes by the bytes: the
    /// answer for every kind of layer is [`Compression::Detect`], save where a type says plain tar
    /// and nothing else could be meant.
    pub fn layer_compression(&self) -> Result<Compression, DocumentError> {
        let kind = self.media_type.as_str();
        let base =
            kind.replace(".nondistributable", "").replace("rootfs.foreign.diff", "rootfs.diff");
        match base.as_str() {
            media_type::OCI_LAYER
            | media_type::OCI_LAYER_GZIP
            | media_type::OCI_LAYER_ZSTD
            | media_type::DOCKER_LAYER
            | media_type::DOCKER_LAYER_GZIP
            | "application/vnd.docker.image.rootfs.diff.tar.zstd" => Ok(Compression::Detect),
            _ => Err(DocumentError::LayerType { kind: shown(kind) }),
        }
    }
}

/// Go writes `null` for what is empty.
pub(super) fn null_is_default<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(byte: u8) -> String {
        Digest::from_sha256([byte; 32]).to_string()
    }

    fn parse(text: &str) -> Result<Document, DocumentError> {
        Document::parse(text.as_bytes(), None)
    }

    #[test]
    fn one_document_has_one_meaning() {
        let entry = format!(r#"{{"mediaType":"x","digest":"{}","size":1}}"#, digest(1));
        let manifest = format!(r#""config":{entry},"layers":[{entry}]"#);
        let index = format!(r#""manifests":[{entry}]"#);
        assert!(matches!(
            parse(&format!(r#"{{"schemaVersion":2,{manifest}}}"#)),
            Ok(Document::Manifest(_))
        ));
        assert!(matches!(
            parse(&format!(r#"{{"schemaVersion":2,{index}}}"#)),
            Ok(Document::Index(_))
        ));
        for bad in [
            format!(r#"{{"schemaVersion":2,{manifest},{index}}}"#),
            format!(r#"{{"schemaVersion":2,{index},"config":{entry}}}"#),
            format!(r#"{{"schemaVersion":2,{index},{index}}}"#),
            format!(r#"{{"schemaVersion":1,{manifest}}}"#),
            format!(r#"{{"schemaVersion":2,"mediaType":"{}",{manifest}}}"#, media_type::OCI_INDEX),
            format!(
                r#"{{"schemaVersion":2,"mediaType":"{}",{index}}}"#,
                media_type::DOCKER_MANIFEST
            ),
            format!(r#"{{"schemaVersion":2,"config":{entry}}}"#),
            format!(r#"{{{manifest}}}"#),
        ] {
            assert!(parse(&bad).is_err(), "{bad}");
        }
        let served = |as_type| {
            Document::parse(format!(r#"{{"schemaVersion":2,{manifest}}}"#).as_bytes(), as_type)
        };
        assert!(served(Some(media_type::OCI_MANIFEST)).is_ok());
        assert!(served(Some("text/plain; charset=utf-8")).is_ok());
        assert!(served(Some(media_type::OCI_INDEX)).is_err());
    }

    #[test]
    fn the_best_entry_of_an_index() {
        let entry = |byte: u8, platform: &str| {
            let mut entry =
                Descriptor::new(media_type::OCI_MANIFEST, Digest::from_sha256([byte; 32]), 1);
            entry.platform = (!platform.is_empty()).then(|| {
                let platform = Platform::parse(platform).unwrap();
                DescriptorPlatform {
                    os: platform.os,
                    architecture: platform.architecture,
                    variant: platform.variant,
                    os_version: None,
                }
            });
            entry
        };
        let manifests = vec![
            entry(0, ""),
            entry(1, "linux/arm/v6"),
            entry(2, "linux/arm/v7"),
            entry(3, "linux/amd64/v3"),
            entry(4, "linux/amd64"),
            entry(5, "unknown/unknown"),
        ];
        let index =
            Index { schema_version: 2, media_type: None, manifests, annotations: BTreeMap::new() };
        let best = |platform: &str| {
            index.select(&Platform::parse(platform).unwrap()).map(|entry| entry.digest.bytes()[0])
        };
        assert_eq!(best("linux/amd64"), Some(4));
        assert_eq!(best("linux/arm/v7"), Some(2));
        assert_eq!(best("linux/s390x"), Some(0));
    }
}
