//! Places for what is not finished: directories in `ingest/`, locked by their makers.

use crate::error::{At, ImageError};
use crate::store::{Store, make_private, random_name};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use teu_kernel::flock::Lock;

/// A directory that goes with its owner, however that ends.
#[derive(Debug)]
pub(crate) struct Workplace {
    path: PathBuf,
    _lock: Lock,
}

impl Workplace {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Workplace {
    fn drop(&mut self) {
        // Where this fails, the lock ends all the same and the next collection removes it.
        fs::remove_dir_all(&self.path).unwrap_or(());
    }
}

impl Store {
    pub(crate) fn workplace(&self) -> Result<Workplace, ImageError> {
        let ingest = self.ingest();
        // The collection holds this exclusively: it never sees a directory that is not locked yet.
        let _quiet = Lock::shared(&ingest).at("lock", &ingest)?;
        let path = ingest.join(format!("layer-{}", random_name()?));
        make_private(&path)?;
        let lock = Lock::exclusive(&path).at("lock", &path)?;
        Ok(Workplace { path, _lock: lock })
    }

    /// Removes what dead commands have left here. Other parts keep theirs under other names.
    pub fn clean_ingest(&self) -> Result<(), ImageError> {
        let ingest = self.ingest();
        let _alone = Lock::exclusive(&ingest).at("lock", &ingest)?;
        for entry in fs::read_dir(&ingest).at("list", &ingest)? {
            let entry = entry.at("list", &ingest)?;
            let (name, path) = (entry.file_name(), entry.path());
            let name = name.to_string_lossy();
            if name.starts_with("layer-") && matches!(Lock::try_exclusive(&path), Ok(Some(_))) {
                gone(fs::remove_dir_all(&path)).at("remove", &path)?;
            } else if name.starts_with("file-") {
                gone(fs::remove_file(&path)).at("remove", &path)?;
            }
        }
        Ok(())
    }
}

/// It is no error that what is to be removed is not there.
pub(crate) fn gone(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
