//! Digests that a running command needs, though no name leads to them yet.
//!
//! A lease is a text file, one digest a line, locked by its owner for as long as it is meant. One
//! that nobody locks belongs to a command that died, and the next collection removes it.

use crate::error::{At, ImageError};
use crate::ingest::gone;
use crate::store::{Store, random_name};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use teu_kernel::flock::Lock;
use teu_model::Digest;

/// Keeps its digests, and what they lead to, from collection, until it is dropped.
#[derive(Debug)]
pub struct Lease {
    path: PathBuf,
    directory: PathBuf,
    file: File,
    _lock: Lock,
}

impl Store {
    /// Keeps `digests` from collection: of manifests, configs, layers, compressed or not. A manifest
    /// or a config stands for all that it names. Look whether they are here after this, not before.
    pub fn lease<'a>(
        &self,
        digests: impl IntoIterator<Item = &'a Digest>,
    ) -> Result<Lease, ImageError> {
        let directory = self.leases();
        // The collection holds this exclusively: it never sees a lease that is not locked yet.
        let quiet = Lock::shared(&directory).at("lock", &directory)?;
        let path = directory.join(random_name()?);
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .at("make", &path)?;
        let lock = Lock::exclusive(&path).at("lock", &path)?;
        drop(quiet);
        let mut lease = Lease { path, directory, file, _lock: lock };
        lease.add(digests)?;
        Ok(lease)
    }

    /// What is leased now; left-over leases are removed. The caller holds `leases/` exclusively.
    pub(crate) fn leased(&self) -> Result<Vec<Digest>, ImageError> {
        let directory = self.leases();
        let mut digests = Vec::new();
        for entry in fs::read_dir(&directory).at("list", &directory)? {
            let path = entry.at("list", &directory)?.path();
            match Lock::try_exclusive(&path) {
                Ok(None) => {
                    let text = match fs::read_to_string(&path) {
                        // Ended just now.
                        Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                        other => other.at("read", &path)?,
                    };
                    digests.extend(text.lines().filter_map(|line| Digest::parse(line).ok()));
                }
                // Its owner may end at this moment, too.
                Ok(Some(_left_over)) => gone(fs::remove_file(&path)).at("remove", &path)?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error).at("lock", &path),
            }
        }
        Ok(digests)
    }
}

impl Lease {
    /// Keeps these too.
    pub fn add<'a>(
        &mut self,
        digests: impl IntoIterator<Item = &'a Digest>,
    ) -> Result<(), ImageError> {
        let text: String = digests.into_iter().map(|digest| format!("{digest}\n")).collect();
        if text.is_empty() {
            return Ok(());
        }
        let _quiet = Lock::shared(&self.directory).at("lock", &self.directory)?;
        self.file.write_all(text.as_bytes()).at("write", &self.path)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Where this fails, the lock ends all the same and the next collection removes the file.
        fs::remove_file(&self.path).unwrap_or(());
    }
}
