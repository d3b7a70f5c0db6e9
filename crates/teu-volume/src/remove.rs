//! Removal: first out of sight, then away.

use crate::create::random_name;
use crate::error::At;
use crate::{VolumeError, Volumes, is_name};
use std::io;
use std::path::Path;
use teu_kernel::durable;
use teu_kernel::flock::Lock;
use teu_model::ContainerId;

impl Volumes {
    /// Removes the volume `name` unless `users` finds somebody who needs it.
    pub fn remove(&self, name: &str, users: &dyn Fn() -> Vec<String>) -> Result<(), VolumeError> {
        self.clean()?;
        let place = self.place(name);
        let lock = match Lock::exclusive(&place) {
            Err(error) if error.kind() == io::ErrorKind::NotFound || !is_name(name) => {
                return Err(VolumeError::NoSuchVolume { name: name.chars().take(300).collect() });
            }
            other => other.at("lock", &place)?,
        };
        let users = users();
        if !users.is_empty() {
            return Err(VolumeError::InUse { name: name.to_string(), users });
        }
        let trash = self.trash().join(format!("volume-{}", &random_name()?[..32]));
        match std::fs::rename(&place, &trash) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other.at("remove", &place)?,
        }
        durable::sync_directory(&self.directory()).at("sync", &self.directory())?;
        drop(lock);
        away(&trash)
    }

    /// Removes the volumes that were made for a container that never came to be.
    pub fn remove_made_for(&self, id: &ContainerId) -> Result<(), VolumeError> {
        for volume in self.all()? {
            if volume.anonymous && volume.made_for.as_ref() == Some(id) {
                match self.remove(&volume.name, &Vec::new) {
                    Err(VolumeError::NoSuchVolume { .. }) => {}
                    other => other?,
                }
            }
        }
        self.clean()
    }

    /// Removes what earlier commands have left half made or half removed.
    pub fn clean(&self) -> Result<(), VolumeError> {
        for path in left_over(&self.trash())? {
            away(&path)?;
        }
        let ingest = self.ingest();
        if left_over(&ingest)?.is_empty() {
            return Ok(());
        }
        let _alone = Lock::exclusive(&ingest).at("lock", &ingest)?;
        for path in left_over(&ingest)? {
            if matches!(Lock::try_exclusive(&path), Ok(Some(_))) {
                away(&path)?;
            }
        }
        Ok(())
    }
}

fn left_over(directory: &Path) -> Result<Vec<std::path::PathBuf>, VolumeError> {
    let entries = match std::fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.at("list", directory)?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.at("list", directory)?;
        if entry.file_name().to_string_lossy().starts_with("volume-") {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// Two commands may do this at once.
fn away(path: &Path) -> Result<(), VolumeError> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other.at("remove", path),
    }
}
