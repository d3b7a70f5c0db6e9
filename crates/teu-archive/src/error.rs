//! What can go wrong between a tree and an archive; where docker has words for it, they are docker's.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// What was tried, on what, and why it failed.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// A file could not be read or made.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which path in the tree.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The archive's bytes cannot be read, or are no archive.
    #[error("cannot read the archive")]
    Read {
        /// Where and why.
        source: io::Error,
    },
    /// What is written to refuses.
    #[error("cannot write the archive")]
    Write {
        /// Why.
        source: io::Error,
    },
    /// A file would replace a directory.
    #[error("cannot overwrite directory \"{}\" with non-directory \"{}\"", path.display(), into.display())]
    DirectoryThere {
        /// What is there.
        path: PathBuf,
        /// Where it was to go.
        into: PathBuf,
    },
    /// A directory would replace a file.
    #[error("cannot overwrite non-directory \"{}\" with directory \"{}\"", path.display(), into.display())]
    FileThere {
        /// What is there.
        path: PathBuf,
        /// Where it was to go.
        into: PathBuf,
    },
}

/// Gives an I/O error its place.
pub(crate) trait At<T> {
    fn at(self, action: &'static str, path: &[u8]) -> Result<T, ArchiveError>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, action: &'static str, path: &[u8]) -> Result<T, ArchiveError> {
        self.map_err(|source| ArchiveError::Io {
            action,
            path: PathBuf::from(OsStr::from_bytes(path)),
            source,
        })
    }
}
