//! What a layer's headers say, kept: `layers/sha256/<diff id>/index`, `docs/formats/layer-index.md`.

use crate::entry::{Contents, Entry, Extent, Kind, Time, Xattr};
use crate::wire::{Source, put, put_bytes, put_signed, sum};
use std::io::{self, Write};

pub(crate) const MAGIC: &[u8; 8] = b"teu-idx\n";
pub(crate) const VERSION: u32 = 1;
/// Magic, version, sum, length of the body.
pub(crate) const HEAD: usize = 8 + 4 + 8 + 8;

/// The entries of one layer, in the layer's order, whiteouts recognised.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LayerIndex {
    /// How long the raw archive is, to its last byte.
    pub archive_size: u64,
    /// What it holds. One path may come more than once: the last one counts.
    pub entries: Vec<Entry>,
}

/// An index file that cannot be used. The layer's archive is still there: the index can be made again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadIndex {
    /// Written by a newer teu.
    #[error("the layer's index is of version {found}; this teu knows {VERSION}")]
    NewerVersion {
        /// The version it names.
        found: u32,
    },
    /// Not an index, or not a whole one.
    #[error("the layer's index is damaged: {why}")]
    Damaged {
        /// What does not fit.
        why: &'static str,
    },
}

impl LayerIndex {
    /// Writes the file's whole contents.
    pub fn write_to(&self, mut out: impl Write) -> io::Result<()> {
        out.write_all(&self.encode())
    }

    /// The file's whole contents.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![0; HEAD];
        put(&mut out, self.archive_size);
        put(&mut out, self.entries.len() as u64);
        let mut previous: &[u8] = b"";
        for entry in &self.entries {
            encode_entry(&mut out, entry, previous);
            previous = &entry.path;
        }
        let (head, body) = out.split_at_mut(HEAD);
        head[..8].copy_from_slice(MAGIC);
        head[8..12].copy_from_slice(&VERSION.to_le_bytes());
        head[12..20].copy_from_slice(&sum(body).to_le_bytes());
        head[20..28].copy_from_slice(&(body.len() as u64).to_le_bytes());
        out
    }

    /// Reads what [`LayerIndex::encode`] made. Nothing is taken on trust: a file that was changed
    /// is found out, and could do no harm if it were not.
    pub fn decode(bytes: &[u8]) -> Result<LayerIndex, BadIndex> {
        let damaged = |why| BadIndex::Damaged { why };
        let (head, body) = bytes.split_at_checked(HEAD).ok_or(damaged("it is cut"))?;
        if &head[..8] != MAGIC {
            return Err(damaged("it is something else"));
        }
        let version = u32::from_le_bytes([head[8], head[9], head[10], head[11]]);
        if version > VERSION {
            return Err(BadIndex::NewerVersion { found: version });
        }
        let word = |at: usize| head[at..at + 8].try_into().map_or(0, u64::from_le_bytes);
        if word(20) != body.len() as u64 {
            return Err(damaged("its length is wrong"));
        }
        if word(12) != sum(body) {
            return Err(damaged("its sum is wrong"));
        }
        decode_body(&mut Source::new(body)).ok_or(damaged("an entry is malformed"))
    }
}

fn encode_entry(out: &mut Vec<u8>, entry: &Entry, previous: &[u8]) {
    let shared = entry.path.iter().zip(previous).take_while(|(one, other)| one == other).count();
    out.push(kind_number(&entry.kind));
    put(out, shared as u64);
    put_bytes(out, &entry.path[shared..]);
    put(out, u64::from(entry.mode));
    put(out, u64::from(entry.uid));
    put(out, u64::from(entry.gid));
    put_signed(out, entry.mtime.seconds);
    put(out, u64::from(entry.mtime.nanoseconds));
    put(out, entry.xattrs.len() as u64);
    for xattr in &entry.xattrs {
        put_bytes(out, &xattr.name);
        put_bytes(out, &xattr.value);
    }
    match &entry.kind {
        Kind::File(Contents { size, offset, extents }) => {
            put(out, *size);
            put(out, *offset);
            for extent in extents.iter().flatten() {
                put(out, extent.at);
                put(out, extent.offset);
                put(out, extent.length);
            }
            if extents.is_some() {
                // No piece is empty, so an empty one ends the list.
                out.extend_from_slice(&[0, 0, 0]);
            }
        }
        Kind::Symlink { target } | Kind::HardLink { target } => put_bytes(out, target),
        Kind::Character { major, minor } | Kind::Block { major, minor } => {
            put(out, u64::from(*major));
            put(out, u64::from(*minor));
        }
        Kind::Directory | Kind::Fifo | Kind::Whiteout | Kind::Opaque => {}
    }
}

fn kind_number(kind: &Kind) -> u8 {
    match kind {
        Kind::File(Contents { extents: None, .. }) => 0,
        Kind::Directory => 1,
        Kind::Symlink { .. } => 2,
        Kind::HardLink { .. } => 3,
        Kind::Character { .. } => 4,
        Kind::Block { .. } => 5,
        Kind::Fifo => 6,
        Kind::Whiteout => 7,
        Kind::Opaque => 8,
        Kind::File(Contents { extents: Some(_), .. }) => 9,
    }
}

fn decode_body(source: &mut Source<'_>) -> Option<LayerIndex> {
    let archive_size = source.number()?;
    let count = source.length()?;
    // What a file claims is not yet memory.
    let mut entries = Vec::with_capacity(count.min(1 << 16));
    let mut path: Vec<u8> = Vec::new();
    for _ in 0..count {
        let entry = decode_entry(source, &mut path)?;
        entries.push(entry);
    }
    source.is_empty().then_some(LayerIndex { archive_size, entries })
}

fn decode_entry(source: &mut Source<'_>, path: &mut Vec<u8>) -> Option<Entry> {
    let kind = source.number()?;
    let shared = source.length()?;
    if shared > path.len() {
        return None;
    }
    path.truncate(shared);
    path.extend_from_slice(source.bytes()?);
    if crate::path::plain(path).as_deref() != Ok(path) {
        return None;
    }
    let mode = source.small().filter(|mode| mode & !0o7777 == 0)?;
    let (uid, gid) = (source.small()?, source.small()?);
    let mtime = Time { seconds: source.signed()?, nanoseconds: source.small()? };
    if mtime.nanoseconds >= 1_000_000_000 {
        return None;
    }
    let mut xattrs = Vec::new();
    for _ in 0..source.length()? {
        let (name, value) = (source.bytes()?, source.bytes()?);
        if name.is_empty() || name.len() > 255 || value.len() > 65_535 {
            return None;
        }
        xattrs.push(Xattr { name: name.to_vec(), value: value.to_vec() });
    }
    let kind = decode_kind(source, kind)?;
    Some(Entry { path: path.clone(), kind, mode, uid, gid, mtime, xattrs })
}

fn decode_kind(source: &mut Source<'_>, kind: u64) -> Option<Kind> {
    Some(match kind {
        0 => {
            Kind::File(Contents { size: source.number()?, offset: source.number()?, extents: None })
        }
        9 => {
            let (size, offset) = (source.number()?, source.number()?);
            Kind::File(Contents { size, offset, extents: Some(decode_extents(source, size)?) })
        }
        1 => Kind::Directory,
        2 => {
            let target = source.bytes()?.to_vec();
            if target.is_empty() || target.len() > 4095 || target.contains(&0) {
                return None;
            }
            Kind::Symlink { target }
        }
        3 => {
            let target = source.bytes()?;
            if crate::path::plain(target).as_deref() != Ok(target) {
                return None;
            }
            Kind::HardLink { target: target.to_vec() }
        }
        4 => Kind::Character { major: source.small()?, minor: source.small()? },
        5 => Kind::Block { major: source.small()?, minor: source.small()? },
        6 => Kind::Fifo,
        7 => Kind::Whiteout,
        8 => Kind::Opaque,
        _ => return None,
    })
}

fn decode_extents(source: &mut Source<'_>, size: u64) -> Option<Vec<Extent>> {
    let mut extents = Vec::new();
    let mut end = 0;
    loop {
        let extent =
            Extent { at: source.number()?, offset: source.number()?, length: source.number()? };
        if extent.length == 0 {
            return Some(extents);
        }
        if extent.at < end {
            return None;
        }
        extent.offset.checked_add(extent.length)?;
        end = extent.at.checked_add(extent.length).filter(|&end| end <= size)?;
        extents.push(extent);
    }
}
