//! What can go wrong with volumes; where docker has words for it, they are docker's.

use std::io;
use std::path::{Path, PathBuf};
use teu_archive::ArchiveError;

/// What was tried, on what, and why it failed.
#[derive(Debug, thiserror::Error)]
pub enum VolumeError {
    /// The name has letters that a name does not have.
    #[error(
        "create {name}: \"{name}\" includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use absolute path"
    )]
    BadName {
        /// As it was given.
        name: String,
    },
    /// One letter is no name.
    #[error(
        "create {name}: volume name is too short, names should be at least two alphanumeric characters"
    )]
    ShortName {
        /// As it was given.
        name: String,
    },
    /// Only the local driver is there.
    #[error(
        "create {name}: error looking up volume plugin {driver}: plugin \"{driver}\" not found"
    )]
    NoDriver {
        /// The volume.
        name: String,
        /// As it was given.
        driver: String,
    },
    /// An option that the local driver does not have.
    #[error("create {name}: {why}")]
    Options {
        /// The volume.
        name: String,
        /// docker's words.
        why: String,
    },
    /// Nothing here has that name.
    #[error("get {name}: no such volume")]
    NoSuchVolume {
        /// As it was given.
        name: String,
    },
    /// Containers need it.
    #[error("remove {name}: volume is in use - [{}]", users.join(", "))]
    InUse {
        /// The volume.
        name: String,
        /// Their ids.
        users: Vec<String>,
    },
    /// A file of a volume.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// A file of ours that does not say what it must.
    #[error("{} is damaged", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What does not fit.
        source: serde_json::Error,
    },
    /// What is in a volume could not be copied.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
}

/// Gives an I/O error its place.
pub(crate) trait At<T> {
    fn at(self, action: &'static str, path: &Path) -> Result<T, VolumeError>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, action: &'static str, path: &Path) -> Result<T, VolumeError> {
        self.map_err(|source| VolumeError::Io { action, path: path.to_path_buf(), source })
    }
}
