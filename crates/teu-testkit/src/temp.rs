//! A directory on the disk that goes with its owner.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// An empty directory below /var/tmp: EROFS mounts files only where they lie on a disk file system,
/// and /tmp is often a tmpfs.
#[derive(Debug)]
pub struct TempDir(PathBuf);

impl TempDir {
    /// `name` makes a left-over recognisable.
    pub fn new(name: &str) -> TempDir {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path =
            PathBuf::from(format!("/var/tmp/teu-test-{name}-{}-{count}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a test needs a directory below /var/tmp");
        TempDir(path)
    }
}

impl Deref for TempDir {
    type Target = Path;
    fn deref(&self) -> &Path {
        &self.0
    }
}

impl AsRef<Path> for TempDir {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            eprintln!("a test left {}: {error}", self.0.display());
        }
    }
}
