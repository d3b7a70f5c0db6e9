//! The members of an archive, sorted by what they can be.

use super::archive_error;
use crate::error::ImageError;
use crate::import::pour;
use crate::inflate::recognise;
use crate::ingest::Workplace;
use crate::layer::SealedLayer;
use crate::leases::Lease;
use crate::store::Store;
use std::collections::HashMap;
use std::io::{self, Read};
use std::sync::Arc;
use teu_model::{DiffId, Digest};
use teu_oci::image::{CONFIG_SIZE_MAX, Compression};
use teu_tar::{Entry, Kind, Reader};

/// Most members of an archive: images of 1,000 layers with three files each fit many times.
const MEMBERS_MAX: usize = 100_000;
/// Most bytes of documents: they are kept in memory.
const DOCUMENTS_SIZE_MAX: usize = 64 << 20;
const LINKS_MAX: usize = 8;

pub(super) struct Members {
    documents: HashMap<String, Vec<u8>>,
    layers: HashMap<String, Layer>,
    links: HashMap<String, String>,
    documents_size: usize,
    /// Where the layers lie until they are committed.
    place: Arc<Workplace>,
}

enum Layer {
    Sealed(SealedLayer),
    Kept(DiffId),
    /// It looked like a layer and is none: an error once somebody needs it.
    Bad(Option<ImageError>),
}

impl Members {
    pub(super) fn read(store: &Store, archive: impl Read) -> Result<Members, ImageError> {
        let unreadable = |source| ImageError::ArchiveRead { source };
        let mut reader = Reader::new(archive);
        let mut members = Members {
            documents: HashMap::new(),
            layers: HashMap::new(),
            links: HashMap::new(),
            documents_size: 0,
            place: Arc::new(store.workplace()?),
        };
        let mut count = 0;
        while let Some(entry) = reader.next_entry().map_err(unreadable)? {
            count += 1;
            if count > MEMBERS_MAX {
                return Err(archive_error(format!("it has more than {MEMBERS_MAX} members")));
            }
            members.take(store, entry, &mut reader)?;
        }
        Ok(members)
    }

    fn take(
        &mut self,
        store: &Store,
        entry: Entry,
        contents: &mut impl Read,
    ) -> Result<(), ImageError> {
        let unreadable = |source| ImageError::ArchiveRead { source };
        // Names that are no text belong to no image.
        let Ok(name) = String::from_utf8(entry.path) else { return Ok(()) };
        let target = match entry.kind {
            Kind::File(_) => None,
            Kind::HardLink { target } => Some(String::from_utf8(target).ok()),
            Kind::Symlink { target } => {
                Some(String::from_utf8(target).ok().and_then(|target| beside(&name, &target)))
            }
            _ => return Ok(()),
        };
        if self.links.contains_key(&name)
            || self.documents.contains_key(&name)
            || self.layers.contains_key(&name)
        {
            let name = name.escape_debug();
            return Err(archive_error(format!("it holds `{name}` twice")));
        }
        if let Some(target) = target {
            self.links.extend(target.map(|target| (name, target)));
            return Ok(());
        }
        let mut start = Vec::new();
        contents.by_ref().take(512).read_to_end(&mut start).map_err(unreadable)?;
        if looks_like_json(&start) {
            let limit = CONFIG_SIZE_MAX.min(DOCUMENTS_SIZE_MAX.saturating_sub(self.documents_size));
            contents.by_ref().take(limit as u64 + 1).read_to_end(&mut start).map_err(unreadable)?;
            if start.len() > limit + 512 {
                // A layer's file by chance, or a bomb: nobody's document.
                return Ok(());
            }
            self.documents_size += start.len();
            self.documents.insert(name, start);
        } else if looks_like_a_layer(&start) {
            let layer = self.read_layer(store, &name, io::Cursor::new(start).chain(contents));
            let layer = match layer {
                Ok(layer) => Layer::Sealed(layer),
                // What ends the whole archive, or the disk, ends the load.
                Err(error @ (ImageError::ArchiveRead { .. } | ImageError::Io { .. })) => {
                    return Err(error);
                }
                Err(error) => Layer::Bad(Some(error)),
            };
            self.layers.insert(name, layer);
        }
        Ok(())
    }

    fn read_layer(
        &self,
        store: &Store,
        name: &str,
        contents: impl Read,
    ) -> Result<SealedLayer, ImageError> {
        let expected = name.strip_prefix("blobs/sha256/").and_then(Digest::from_hex);
        let directory = self.layers.len().to_string();
        let detect = Compression::Detect;
        let mut writer = store.layer_writer_in(&self.place, &directory, detect, expected, None)?;
        pour(contents, &mut writer, |source| ImageError::ArchiveRead { source })?;
        writer.seal()
    }

    /// A JSON member, by its name or through links.
    pub(super) fn document(&self, name: &str) -> Option<&[u8]> {
        self.documents.get(&self.follow(name)?).map(Vec::as_slice)
    }

    pub(super) fn has_layer(&self, name: &str) -> bool {
        self.follow(name).is_some_and(|name| self.layers.contains_key(&name))
    }

    /// The digest of a layer, by its member's name.
    pub(super) fn diff_id(&mut self, name: &str) -> Result<DiffId, ImageError> {
        match self.layer(name)? {
            Layer::Sealed(layer) => Ok(layer.diff_id().clone()),
            Layer::Kept(diff) => Ok(diff.clone()),
            Layer::Bad(error) => {
                Err(error.take().unwrap_or_else(|| archive_error("a layer of it cannot be used")))
            }
        }
    }

    /// Gives a layer its place in the store.
    pub(super) fn keep(&mut self, name: &str, lease: &mut Lease) -> Result<(), ImageError> {
        let slot = self.layer(name)?;
        match std::mem::replace(slot, Layer::Bad(None)) {
            Layer::Sealed(layer) => {
                lease.add([&layer.diff_id().0])?;
                *slot = Layer::Kept(layer.commit()?);
            }
            other => *slot = other,
        }
        Ok(())
    }

    fn layer(&mut self, name: &str) -> Result<&mut Layer, ImageError> {
        let missing = || archive_error(format!("the layer `{}` is missing", name.escape_debug()));
        let target = self.follow(name).ok_or_else(missing)?;
        self.layers.get_mut(&target).ok_or_else(missing)
    }

    fn follow(&self, name: &str) -> Option<String> {
        let mut name = plain(name)?;
        for _ in 0..LINKS_MAX {
            match self.links.get(&name) {
                None => return Some(name),
                Some(target) => name = target.clone(),
            }
        }
        None
    }
}

/// `./a/b` is `a/b`; what leads out of the archive is nothing.
fn plain(name: &str) -> Option<String> {
    let mut parts = Vec::new();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Where a symbolic link at `name` leads.
fn beside(name: &str, target: &str) -> Option<String> {
    let directory = name.rsplit_once('/').map_or("", |(directory, _)| directory);
    plain(&format!("{directory}/{target}"))
}

fn looks_like_json(start: &[u8]) -> bool {
    matches!(start.trim_ascii_start().first(), Some(b'{' | b'['))
}

fn looks_like_a_layer(start: &[u8]) -> bool {
    let is_tar = start.len() == 512 && (start[257..262] == *b"ustar" || checksum_fits(start));
    // An empty layer is nothing but zero blocks.
    let is_empty_tar = start.len() == 512 && start.iter().all(|&byte| byte == 0);
    let is_packed =
        matches!(recognise(start), Some(Ok(Compression::Gzip | Compression::Zstd) | Err(_)));
    is_tar || is_empty_tar || is_packed
}

/// Tars of before 1988 have no magic.
fn checksum_fits(block: &[u8]) -> bool {
    let field = String::from_utf8_lossy(&block[148..156]);
    let said = u32::from_str_radix(field.trim_matches(['\0', ' ']), 8);
    let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
    let own: u32 = block[148..156].iter().map(|&byte| u32::from(byte)).sum();
    said == Ok(sum - own + 8 * u32::from(b' '))
}

#[test]
fn names_within_the_archive() {
    assert_eq!(beside("a/layer.tar", "../b/layer.tar").as_deref(), Some("b/layer.tar"));
    assert_eq!(beside("layer.tar", "../b"), None);
    assert_eq!(plain("./x//y/.").as_deref(), Some("x/y"));
}
