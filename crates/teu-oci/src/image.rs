//! The OCI image specification and docker's image format, schema 2, which it was made from: what a
//! registry, an archive and the store hold.
//!
//! ```text
//!  Index ──(platform)──► Manifest ──► ImageConfig (its digest is the image's id)
//!                            └──────► layers: compressed tars; the config lists them uncompressed
//! ```
//!
//! Everything here comes from strangers. A document has one meaning or is refused: at most
//! [`MANIFEST_SIZE_MAX`] bytes, one schema, no field twice, never the fields of two kinds at once
//! (CVE-2021-41190), no more children than [`CHILDREN_MAX`]; nesting is limited by the reader
//! ([`INDEX_DEPTH_MAX`]). Documents are kept byte for byte by whoever stores them: what is
//! serialised here is only what teu makes itself.

mod config;
mod document;

pub use config::{ContainerConfig, Healthcheck, History, ImageConfig, RootFs};
pub use document::{Descriptor, DescriptorPlatform, Document, Index, Manifest};

use std::fmt;

/// Largest manifest or index, as registries accept them.
pub const MANIFEST_SIZE_MAX: usize = 4 << 20;
/// Largest image configuration.
pub const CONFIG_SIZE_MAX: usize = 8 << 20;
/// Most entries of an index, most layers of a manifest.
pub const CHILDREN_MAX: usize = 1_000;
/// How deep indexes may nest in indexes.
pub const INDEX_DEPTH_MAX: usize = 4;

/// The names of the documents and layers, as `mediaType` spells them.
pub mod media_type {
    /// A manifest of the OCI specification.
    pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    /// An index of the OCI specification.
    pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
    /// An image configuration of the OCI specification.
    pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
    /// A layer as plain tar. `+gzip` or `+zstd` may follow.
    pub const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
    /// A gzip-compressed layer.
    pub const OCI_LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
    /// A zstd-compressed layer.
    pub const OCI_LAYER_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
    /// A manifest as docker writes it.
    pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
    /// Docker's index.
    pub const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
    /// Docker's image configuration.
    pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
    /// Docker's layer, gzip-compressed.
    pub const DOCKER_LAYER_GZIP: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
    /// Docker's layer as plain tar.
    pub const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar";
    /// What a client should say it accepts when it asks for a manifest.
    pub const MANIFESTS: [&str; 4] = [OCI_INDEX, OCI_MANIFEST, DOCKER_INDEX, DOCKER_MANIFEST];
}

/// How a layer's bytes are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// A tar as it is.
    None,
    /// gzip, one or more members.
    Gzip,
    /// zstd, one or more frames.
    Zstd,
    /// Whatever its first bytes say.
    Detect,
}

/// Why a document is refused.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// Too long to be one.
    #[error("the {what} has {size} bytes; at most {limit} are accepted")]
    TooLarge {
        /// Which kind of document.
        what: &'static str,
        /// Its length.
        size: usize,
        /// The most that is accepted.
        limit: usize,
    },
    /// Not JSON, or not with the fields that it needs.
    #[error("the {what} cannot be read")]
    Json {
        /// Which kind of document.
        what: &'static str,
        /// Where and why.
        source: serde_json::Error,
    },
    /// No JSON object at all.
    #[error("the {what} is no JSON object")]
    NoObject {
        /// Which kind of document.
        what: &'static str,
    },
    /// It has the fields of two kinds of document: two readers could take it for two things.
    #[error("the manifest has the fields of an image and of an index at once")]
    Ambiguous,
    /// Schema 1, or a schema to come.
    #[error("manifests of schema {found} are not supported; this image must be pushed anew")]
    Schema {
        /// What `schemaVersion` says.
        found: u64,
    },
    /// It says that it is something else than it is served as, or than its fields make it.
    #[error("the manifest says it is `{says}`, but it is `{is}`")]
    MediaType {
        /// `mediaType` in the document.
        says: String,
        /// What it must be.
        is: String,
    },
    /// More children than any image needs.
    #[error("the {what} lists {count} entries; at most {limit} are accepted")]
    TooMany {
        /// Which kind of document.
        what: &'static str,
        /// How many it lists.
        count: usize,
        /// The most that is accepted.
        limit: usize,
    },
    /// An artifact: something else kept in a registry.
    #[error("this is no container image but `{kind}`")]
    NotAnImage {
        /// The media type of its config.
        kind: String,
    },
    /// A layer of a kind that teu cannot read.
    #[error("layers of type `{kind}` are not supported")]
    LayerType {
        /// The media type.
        kind: String,
    },
    /// The parts contradict each other.
    #[error("the image contradicts itself: {why}")]
    Inconsistent {
        /// How.
        why: String,
    },
}

/// A text of strangers, fit to be shown: escaped and cut.
pub(crate) fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(200).flat_map(char::escape_default).collect();
    if text.chars().nth(200).is_some() {
        shown.push('…');
    }
    shown
}

/// serde would take an array for a structure, which no other reader does.
pub(crate) fn from_object<'a, T: serde::Deserialize<'a>>(
    bytes: &'a [u8],
    what: &'static str,
) -> Result<T, DocumentError> {
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(DocumentError::NoObject { what });
    }
    serde_json::from_slice(bytes).map_err(|source| DocumentError::Json { what, source })
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Compression::None => "tar",
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
            Compression::Detect => "any",
        })
    }
}
