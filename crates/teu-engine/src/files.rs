//! Records as JSON files: read whole, checked for their version, written by rename.

use crate::EngineError;
use serde::{Serialize, de::DeserializeOwned};
use std::io::{self, Read};
use std::path::Path;
use teu_kernel::durable::{self, Durability};

/// The newest format of request.json and state.json that this program writes: docs/formats/container.md.
pub(crate) const VERSION: u32 = 1;

#[derive(serde::Deserialize)]
struct Versioned {
    version: u32,
}

/// Reads the record at `path`; `None` where there is no such file.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, EngineError> {
    let text = match read_small(path) {
        Ok(text) => text,
        Err(error)
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
        {
            return Ok(None);
        }
        Err(source) => {
            return Err(EngineError::State { attempt: "read", path: path.to_path_buf(), source });
        }
    };
    let damaged = |source: serde_json::Error| EngineError::Damaged {
        path: path.to_path_buf(),
        source: source.into(),
    };
    match serde_json::from_slice(&text) {
        Ok(record) => Ok(Some(record)),
        Err(error) => match serde_json::from_slice::<Versioned>(&text) {
            Ok(Versioned { version }) if version > VERSION => {
                Err(EngineError::Newer { path: path.to_path_buf(), found: version, known: VERSION })
            }
            _ => Err(damaged(error)),
        },
    }
}

/// A list reads hundreds of records: each with as few calls as can be.
fn read_small(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = std::fs::File::open(path)?;
    let mut text = vec![0; 8192];
    let count = file.read(&mut text)?;
    text.truncate(count);
    // A short read of a file is its end.
    if count == text.capacity() {
        file.read_to_end(&mut text)?;
    }
    Ok(text)
}

/// Replaces the record at `path`.
pub(crate) fn write<T: Serialize>(
    path: &Path,
    record: &T,
    durability: Durability,
) -> Result<(), EngineError> {
    let text = serde_json::to_vec(record)
        .map_err(|error| EngineError::Damaged { path: path.to_path_buf(), source: error.into() })?;
    durable::replace(path, &text, 0o600, durability).map_err(|source| EngineError::State {
        attempt: "write",
        path: path.to_path_buf(),
        source,
    })
}

/// Makes the directory `path` and those above it, mode 0700: images and records are nobody else's business.
pub(crate) fn make_directory(path: &Path) -> Result<(), EngineError> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|source| EngineError::State { attempt: "make", path: path.to_path_buf(), source })
}

/// Makes an empty file where there is none.
pub(crate) fn touch(path: &Path) -> Result<(), EngineError> {
    match durable::write_new(path, b"", 0o600, Durability::ThisBoot) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(EngineError::State { attempt: "make", path: path.to_path_buf(), source: error })
        }
        _ => Ok(()),
    }
}

/// Removes the file at `path`; one that is not there is as good.
pub(crate) fn remove_file(path: &Path) -> Result<(), EngineError> {
    gone(path, std::fs::remove_file(path))
}

/// Removes the directory `path` with all in it; one that is not there is as good.
pub(crate) fn remove_tree(path: &Path) -> Result<(), EngineError> {
    gone(path, std::fs::remove_dir_all(path))
}

fn gone(path: &Path, result: io::Result<()>) -> Result<(), EngineError> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(EngineError::State { attempt: "remove", path: path.to_path_buf(), source: error })
        }
        _ => Ok(()),
    }
}
