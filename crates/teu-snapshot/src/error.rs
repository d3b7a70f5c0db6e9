//! What can go wrong with a root.

use crate::{Driver, MergeError};
use std::io;
use std::path::PathBuf;
use teu_model::{ChainId, DiffId};

/// Why a root could not be made, mounted or removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// A layer of the image is not here.
    #[error("layer {diff} is not on this machine")]
    LayerMissing {
        /// Which.
        diff: DiffId,
        /// What the kernel said.
        source: io::Error,
    },
    /// A layer's index is damaged, and its archive cannot be read either.
    #[error("layer {diff} cannot be read")]
    LayerUnreadable {
        /// Which.
        diff: DiffId,
        /// What is wrong with the archive.
        source: teu_tar::TarError,
    },
    /// A layer says what cannot be.
    #[error("layer {diff} does not fit on those below it")]
    BadLayer {
        /// Which.
        diff: DiffId,
        /// What does not fit.
        source: MergeError,
    },
    /// More than the index can address.
    #[error("the layers of {chain} are too large: {why}")]
    TooLarge {
        /// The stack of layers.
        chain: ChainId,
        /// What is exceeded.
        why: &'static str,
    },
    /// A file of the store.
    #[error("cannot {action} {path}", path = path.display())]
    Store {
        /// The verb.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The kernel refused to mount.
    #[error("cannot mount {what} at {path} ({driver}){}", if said.is_empty() { String::new() } else { format!(", the kernel says: {said}") }, path = path.display())]
    Mount {
        /// What was to be mounted.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// How.
        driver: Driver,
        /// The kernel's own words.
        said: String,
        /// Its error.
        source: io::Error,
    },
    /// The kernel refused an overlay.
    #[error("cannot lay a writable layer over {root}{}", if said.is_empty() { String::new() } else { format!(", the kernel says: {said}") }, root = root.display())]
    Overlay {
        /// The lower directory.
        root: PathBuf,
        /// The kernel's own words.
        said: String,
        /// Its error.
        source: io::Error,
    },
}

impl SnapshotError {
    /// The upper's file system is none for an overlay: another overlay, a network's, FAT.
    pub fn is_unfit_upper(&self) -> bool {
        matches!(self, SnapshotError::Overlay { source, .. } if source.raw_os_error() == Some(EINVAL))
    }

    /// Advice, where there is some.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            SnapshotError::LayerMissing { .. } | SnapshotError::LayerUnreadable { .. } => {
                Some("remove the image and pull it again")
            }
            SnapshotError::Overlay { source, .. } | SnapshotError::Mount { source, .. } => {
                match source.kind() {
                    io::ErrorKind::PermissionDenied => Some("mounting needs root (CAP_SYS_ADMIN)"),
                    _ if source.raw_os_error() == Some(ENODEV) => {
                        Some("this kernel has no overlay file system; try: modprobe overlay")
                    }
                    _ => None,
                }
            }
            _ => None,
        }
    }
}

const EINVAL: i32 = teu_kernel::libc::EINVAL;
const ENODEV: i32 = teu_kernel::libc::ENODEV;

/// Names what was done to which file, when it fails.
pub(crate) trait Doing<T> {
    fn doing(self, action: &'static str, path: &std::path::Path) -> Result<T, SnapshotError>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, action: &'static str, path: &std::path::Path) -> Result<T, SnapshotError> {
        self.map_err(|source| SnapshotError::Store { action, path: path.to_path_buf(), source })
    }
}
