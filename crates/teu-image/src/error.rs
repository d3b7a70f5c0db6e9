//! What can go wrong with images; where docker has words for it, they are docker's.

use std::io;
use std::path::{Path, PathBuf};
use teu_model::{BadReference, DiffId, Digest, Platform};
use teu_oci::image::DocumentError;
use teu_tar::TarError;

/// What was tried, on what, and why it failed.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// A file of the store could not be read or written.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// A newer teu has changed this state root.
    #[error("{} is of version {found}; this teu knows up to {known}", root.display())]
    NewerVersion {
        /// The state root.
        root: PathBuf,
        /// The version it has.
        found: String,
        /// The newest one we know.
        known: u32,
    },
    /// A file of ours that does not say what it must.
    #[error("{} is damaged: {why}", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The name breaks the grammar.
    #[error(transparent)]
    Reference(#[from] BadReference),
    /// Nothing here has that name or id.
    #[error("No such image: {name}")]
    NoSuchImage {
        /// As docker repeats it: with its tag.
        name: String,
    },
    /// The image is here, but not for the platform asked for.
    #[error(
        "image with reference {name} was found but does not match the specified platform: \
         wanted {wanted}, actual: {actual}"
    )]
    WrongPlatform {
        /// The image.
        name: String,
        /// The platform that was asked for.
        wanted: Platform,
        /// What is here.
        actual: String,
    },
    /// A document that should be here is not.
    #[error("{what} {digest} is not on this machine")]
    Missing {
        /// Manifest, config, layer.
        what: &'static str,
        /// Its digest.
        digest: Digest,
    },
    /// A document that teu refuses.
    #[error("cannot use the {what} {digest}")]
    Document {
        /// Manifest, config.
        what: &'static str,
        /// Its digest.
        digest: Digest,
        /// Why.
        source: DocumentError,
    },
    /// Bytes that do not hash to what was promised.
    #[error("the {what} is not what was promised: expected {expected}, got {got}")]
    WrongDigest {
        /// Layer, manifest, …
        what: &'static str,
        /// The digest that was promised.
        expected: Digest,
        /// The digest of what came.
        got: Digest,
    },
    /// A layer whose compression is broken, cut or unknown.
    #[error("the layer cannot be unpacked: {why}")]
    Unpack {
        /// What is wrong.
        why: String,
    },
    /// A layer that is no proper tar.
    #[error("the layer cannot be used")]
    LayerTar {
        /// Where and why.
        source: TarError,
    },
    /// A layer beyond the limits.
    #[error("the layer unpacks to more than {limit} bytes from {packed}")]
    LayerTooLarge {
        /// The limit that was reached.
        limit: u64,
        /// How many compressed bytes it took.
        packed: u64,
    },
    /// The writer was used after it failed.
    #[error("the layer was given up after an earlier failure")]
    GivenUp,
    /// An archive for `load` that cannot be read, or holds no image.
    #[error("cannot load the archive: {why}")]
    Archive {
        /// What is wrong.
        why: String,
    },
    /// An archive for `load` that cannot be read as tar.
    #[error("cannot read the archive")]
    ArchiveRead {
        /// Where and why.
        source: io::Error,
    },
    /// The tar for `import` cannot be read.
    #[error("cannot read the tar")]
    ImportRead {
        /// What its source said.
        source: io::Error,
    },
    /// A layer of an archive is not the one that its config names.
    #[error("invalid diffID for layer {number}: expected \"{expected}\", got \"{got}\"")]
    WrongDiffId {
        /// Which layer, from 0.
        number: usize,
        /// What the config says.
        expected: DiffId,
        /// What came.
        got: DiffId,
    },
    /// A `--change` that cannot be applied.
    #[error("{line}: {why}")]
    Change {
        /// As it was given.
        line: String,
        /// What is wrong.
        why: String,
    },
    /// The last name of an image that a container uses.
    #[error(
        "conflict: unable to remove repository reference \"{name}\" (must force) - \
         container {container} is using its referenced image {id}"
    )]
    NameInUse {
        /// The name as typed.
        name: String,
        /// The container's short id.
        container: String,
        /// The image's short id.
        id: String,
    },
    /// An image that cannot go.
    #[error("conflict: unable to delete {id} ({}) - {why}",
            if *can_be_forced { "must be forced" } else { "cannot be forced" })]
    InUse {
        /// The image's short id.
        id: String,
        /// Whether `--force` helps.
        can_be_forced: bool,
        /// Who needs it.
        why: String,
    },
}

impl ImageError {
    /// Advice, where there is some.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            ImageError::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                Some("the disk is full; `teu rmi` removes images that are not needed")
            }
            ImageError::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                Some("teu's state belongs to root; run it as root or name another --root")
            }
            ImageError::NewerVersion { .. } => Some("use the newer teu, or another --root"),
            ImageError::Missing { .. } => Some("pull the image again: teu pull IMAGE"),
            ImageError::WrongPlatform { .. } => {
                Some("pull it for that platform: teu pull --platform PLATFORM IMAGE")
            }
            ImageError::WrongDigest { .. } => Some(
                "the transfer was damaged, or somebody changed the content on its way; try again",
            ),
            ImageError::NameInUse { .. } | ImageError::InUse { can_be_forced: true, .. } => {
                Some("remove the container first, or use --force")
            }
            _ => None,
        }
    }
}

/// Gives an I/O error its place.
pub(crate) trait At<T> {
    fn at(self, action: &'static str, path: &Path) -> Result<T, ImageError>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, action: &'static str, path: &Path) -> Result<T, ImageError> {
        self.map_err(|source| ImageError::Io { action, path: path.to_path_buf(), source })
    }
}
