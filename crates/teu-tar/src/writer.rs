//! Archives made: the same entries always give the same bytes.
//!
//! Headers are ustar; what does not fit into one (long names, large or negative numbers, fractions of
//! a second, extended attributes) stands in a pax header before it.

use crate::entry::{Entry, Kind, Time, Xattr};
use std::io::{self, Read, Write};

/// Writes members one after the other. [`Writer::finish`] ends the archive.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    written: u64,
}

impl<W: Write> Writer<W> {
    /// Begins an archive.
    pub fn new(out: W) -> Writer<W> {
        Writer { out, written: 0 }
    }

    /// Appends `entry`. A file's contents, `Contents::size` bytes, are read from `contents`; its
    /// `offset` and `extents` are not looked at. Whiteouts get their `.wh.` names back.
    pub fn append(&mut self, entry: &Entry, contents: impl Read) -> io::Result<()> {
        let size = if let Kind::File(contents) = &entry.kind { contents.size } else { 0 };
        let name = member_name(entry);
        let link = match &entry.kind {
            Kind::Symlink { target } | Kind::HardLink { target } => target.as_slice(),
            _ => b"",
        };
        let records = pax_records(entry, &name, link, size);
        if !records.is_empty() {
            let mut header = new_header(b"PaxHeaders/entry", b"", b'x');
            number(&mut header, 100, 8, 0o644);
            number(&mut header, 124, 12, records.len() as u64);
            self.put(&sealed(header))?;
            self.put(&records)?;
            self.fill()?;
        }
        self.put(&sealed(header_of(entry, &name, link, size)))?;
        let copied = io::copy(&mut contents.take(size), &mut self.out)?;
        self.written += copied;
        if copied < size {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "a file's contents are shorter than its size",
            ));
        }
        self.fill()
    }

    /// A directory owned by root, of 1970.
    pub fn directory(&mut self, path: &str, mode: u32) -> io::Result<()> {
        self.append(&plain_entry(path, Kind::Directory, mode), io::empty())
    }

    /// A file owned by root, of 1970.
    pub fn file(&mut self, path: &str, mode: u32, contents: &[u8]) -> io::Result<()> {
        let place = crate::Contents { size: contents.len() as u64, offset: 0, extents: None };
        self.append(&plain_entry(path, Kind::File(place), mode), contents)
    }

    /// A symbolic link owned by root, of 1970.
    pub fn symlink(&mut self, path: &str, target: &str) -> io::Result<()> {
        self.append(&plain_entry(path, Kind::Symlink { target: target.into() }, 0o777), io::empty())
    }

    /// The two zero blocks, and what was written to.
    pub fn finish(mut self) -> io::Result<W> {
        self.put(&[0; 1024])?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.written += bytes.len() as u64;
        Ok(())
    }

    fn fill(&mut self) -> io::Result<()> {
        let missing = self.written.wrapping_neg() % 512;
        let zeros = [0u8; 512];
        self.put(&zeros[..usize::try_from(missing).unwrap_or(0)])
    }
}

fn plain_entry(path: &str, kind: Kind, mode: u32) -> Entry {
    let (mtime, xattrs) = (Time::default(), Vec::new());
    Entry { path: path.into(), kind, mode, uid: 0, gid: 0, mtime, xattrs }
}

fn member_name(entry: &Entry) -> Vec<u8> {
    let (parent, name) = crate::path::split(&entry.path);
    let slash = if parent.is_empty() { &b""[..] } else { b"/" };
    match &entry.kind {
        Kind::Directory if entry.path.is_empty() => b"./".to_vec(),
        Kind::Directory => [&entry.path[..], b"/"].concat(),
        Kind::Whiteout => [parent, slash, b".wh.", name].concat(),
        Kind::Opaque if entry.path.is_empty() => b".wh..wh..opq".to_vec(),
        Kind::Opaque => [&entry.path[..], b"/.wh..wh..opq"].concat(),
        _ => entry.path.clone(),
    }
}

/// The records that the header itself cannot carry.
fn pax_records(entry: &Entry, name: &[u8], link: &[u8], size: u64) -> Vec<u8> {
    let mut out = Vec::new();
    if split_name(name).is_none() {
        record(&mut out, b"path", name);
    }
    if link.len() > 100 {
        record(&mut out, b"linkpath", link);
    }
    for (key, value, digits) in
        [("size", size, 11), ("uid", u64::from(entry.uid), 7), ("gid", u64::from(entry.gid), 7)]
    {
        if value >> (3 * digits) != 0 {
            record(&mut out, key.as_bytes(), value.to_string().as_bytes());
        }
    }
    if entry.mtime.nanoseconds != 0 || !(0..1 << 33).contains(&entry.mtime.seconds) {
        record(&mut out, b"mtime", time(entry.mtime).as_bytes());
    }
    for Xattr { name, value } in &entry.xattrs {
        record(&mut out, &[b"SCHILY.xattr.", &name[..]].concat(), value);
    }
    out
}

/// `<length> <key>=<value>\n`, where the length counts its own digits.
fn record(out: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let body = key.len() + value.len() + 3;
    let mut length = body + 1;
    while body + length.to_string().len() != length {
        length = body + length.to_string().len();
    }
    out.extend_from_slice(length.to_string().as_bytes());
    for part in [b" ", key, b"=", value, b"\n"] {
        out.extend_from_slice(part);
    }
}

fn time(time: Time) -> String {
    match (time.seconds, time.nanoseconds) {
        (seconds, 0) => seconds.to_string(),
        (seconds, nanoseconds) if seconds < 0 => {
            // -1.25 s is kept as -2 s and 0.75 s.
            format!("-{}.{:09}", -(seconds + 1), 1_000_000_000 - nanoseconds)
        }
        (seconds, nanoseconds) => format!("{seconds}.{nanoseconds:09}"),
    }
}

fn header_of(entry: &Entry, name: &[u8], link: &[u8], size: u64) -> [u8; 512] {
    let kind = match entry.kind {
        Kind::File(_) | Kind::Whiteout | Kind::Opaque => b'0',
        Kind::HardLink { .. } => b'1',
        Kind::Symlink { .. } => b'2',
        Kind::Character { .. } => b'3',
        Kind::Block { .. } => b'4',
        Kind::Directory => b'5',
        Kind::Fifo => b'6',
    };
    // A name that does not fit stands in the pax header; a cut one stands here for old readers.
    let (prefix, short) = split_name(name).unwrap_or_else(|| (b"", &name[..100]));
    let mut header = new_header(short, prefix, kind);
    header[157..157 + link.len().min(100)].copy_from_slice(&link[..link.len().min(100)]);
    number(&mut header, 100, 8, u64::from(entry.mode & 0o7777));
    number(&mut header, 108, 8, u64::from(entry.uid));
    number(&mut header, 116, 8, u64::from(entry.gid));
    number(&mut header, 124, 12, size);
    number(&mut header, 136, 12, u64::try_from(entry.mtime.seconds).unwrap_or(0));
    if let Kind::Character { major, minor } | Kind::Block { major, minor } = entry.kind {
        number(&mut header, 329, 8, u64::from(major));
        number(&mut header, 337, 8, u64::from(minor));
    }
    header
}

fn new_header(name: &[u8], prefix: &[u8], kind: u8) -> [u8; 512] {
    let mut header = [0u8; 512];
    header[..name.len()].copy_from_slice(name);
    header[345..345 + prefix.len()].copy_from_slice(prefix);
    header[156] = kind;
    header[257..265].copy_from_slice(b"ustar\x0000");
    for (at, length) in [(100, 8), (108, 8), (116, 8), (124, 12), (136, 12), (329, 8), (337, 8)] {
        number(&mut header, at, length, 0);
    }
    header
}

/// Octal with a zero byte behind; 0 where it does not fit (the pax header has it then).
fn number(header: &mut [u8; 512], at: usize, length: usize, value: u64) {
    let digits = length - 1;
    let value = if value >> (3 * digits) == 0 { value } else { 0 };
    header[at..at + digits].copy_from_slice(format!("{value:0digits$o}").as_bytes());
}

fn sealed(mut header: [u8; 512]) -> [u8; 512] {
    header[148..156].copy_from_slice(b"        ");
    let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    header
}

/// Prefix and name of a ustar header, if the name fits.
fn split_name(name: &[u8]) -> Option<(&[u8], &[u8])> {
    if name.len() <= 100 {
        return Some((b"", name));
    }
    let is_split =
        |&at: &usize| name[at] == b'/' && at <= 155 && (1..=100).contains(&(name.len() - at - 1));
    (1..name.len()).find(is_split).map(|at| (&name[..at], &name[at + 1..]))
}
