//! Volumes that are there.

use crate::error::At;
use crate::{Volume, VolumeError, Volumes, is_name};
use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use teu_kernel::openat2::{OpenFlags, open_beneath};
use teu_kernel::{openat, stat};

impl Volumes {
    /// The volume with this name.
    pub fn find(&self, name: &str) -> Result<Option<Volume>, VolumeError> {
        if !is_name(name) {
            return Ok(None);
        }
        let path = self.place(name).join("config.json");
        match std::fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            other => serde_json::from_slice(&other.at("read", &path)?)
                .map(Some)
                .map_err(|source| VolumeError::Damaged { path, source }),
        }
    }

    /// All volumes, sorted by name.
    pub fn all(&self) -> Result<Vec<Volume>, VolumeError> {
        let directory = self.directory();
        let entries = match std::fs::read_dir(&directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.at("list", &directory)?,
        };
        let mut volumes = Vec::new();
        for entry in entries {
            let name = entry.at("list", &directory)?.file_name();
            if let Some(name) = name.to_str() {
                volumes.extend(self.find(name)?);
            }
        }
        volumes.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(volumes)
    }

    /// Bytes in its files, each file once. What vanishes meanwhile counts nothing.
    pub fn size(&self, name: &str) -> Result<u64, VolumeError> {
        let data = self.data(name);
        let top = File::open(&data).at("open", &data)?;
        let (mut todo, mut seen, mut sum) = (vec![PathBuf::new()], HashSet::new(), 0u64);
        while let Some(path) = todo.pop() {
            let flags = OpenFlags::PATH | OpenFlags::NOFOLLOW;
            let Ok(found) = open_beneath(top.as_fd(), &path, flags, 0) else { continue };
            let Ok(about) = stat::of(found.as_fd()) else { continue };
            if about.is_directory() {
                let names = openat::names(found.as_fd()).unwrap_or_default();
                todo.extend(names.iter().map(|name| path.join(Path::new(name))));
            } else if seen.insert(about.identity) {
                sum = sum.saturating_add(about.size);
            }
        }
        Ok(sum)
    }
}

/// Whether the directory holds nothing.
pub(crate) fn is_empty(directory: &File) -> io::Result<bool> {
    let names = openat::names(directory.as_fd())?;
    Ok(names.iter().all(|name| name.as_os_str() == OsStr::from_bytes(b"lost+found")))
}
