//! The archive as a row of blocks: what each is, decided by those before it.
//!
//! ```text
//!            ┌──────────────── contents skipped ────────────────┐
//!  Header ───┼─ x, L, K, g ──► Special ──► Header               │
//!    ▲  │    ├─ S, more pieces ──► OldSparse ──► Contents ──────┤
//!    │  │    ├─ pax 1.0 ──► MapInContents ──► Contents ─────────┤
//!    │  │    └─ else ───────────────────────► Contents ─────────┘
//!    │  └ zero block ──► OneZero ──► End
//! ```
//!
//! It reads no contents: whoever drives it says how many bytes went by.

use crate::entry::{Contents, Entry, Kind, Time};
use crate::error::shown;
use crate::header::{Header, until_zero};
use crate::path::plain;
use crate::pax::Records;
use crate::sparse::{self, Map, Piece};
use crate::{BLOCK, TarError, pax};

/// The longest pax header or GNU long name: Go's limit too.
const SPECIAL_MAX: u64 = 1 << 20;
/// The longest target of a symbolic link that the kernel follows.
const TARGET_MAX: usize = 4095;
/// All extended attributes of a file together; a file system could not hold more.
const XATTRS_MAX: usize = 200 << 10;

/// What must come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// One block, for [`Machine::block`].
    Block,
    /// This many bytes that are not looked at, for [`Machine::skipped`].
    Skip(u64),
    /// Nothing: the archive has ended, whatever follows.
    Nothing,
}

#[derive(Debug, Default)]
pub(crate) struct Machine {
    state: State,
    position: u64,
    pax: Option<Records>,
    long_name: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Header,
    OneZero,
    Special {
        kind: u8,
        left: u64,
        bytes: Vec<u8>,
    },
    OldSparse {
        member: Box<Member>,
        pieces: Vec<Piece>,
        size: u64,
    },
    MapInContents {
        member: Box<Member>,
        map: Map,
        size: u64,
        stored: u64,
    },
    Contents {
        left: u64,
        padding: u64,
    },
    End,
}

/// A member whose header is read, and whose contents are not placed yet.
#[derive(Debug)]
struct Member {
    offset: u64,
    entry: Entry,
    stored: u64,
}

impl Machine {
    /// Bytes taken so far.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    pub(crate) fn need(&self) -> Need {
        match self.state {
            State::Contents { left, padding } => Need::Skip(left.saturating_add(padding)),
            State::End => Need::Nothing,
            _ => Need::Block,
        }
    }

    /// Bytes of contents that are still to come, without what fills up the last block.
    pub(crate) fn contents_left(&self) -> u64 {
        if let State::Contents { left, .. } = self.state { left } else { 0 }
    }

    /// `count` bytes went by, at most what [`Need::Skip`] said.
    pub(crate) fn skipped(&mut self, count: u64) {
        self.position = self.position.saturating_add(count);
        if let State::Contents { left, padding } = &mut self.state {
            let of_contents = count.min(*left);
            *left -= of_contents;
            *padding = padding.saturating_sub(count - of_contents);
            if *left == 0 && *padding == 0 {
                self.state = State::Header;
            }
        }
    }

    /// The archive ended here, with `partial` bytes of a block behind the last whole one.
    pub(crate) fn end(&self, partial: usize) -> Result<(), TarError> {
        let what = match &self.state {
            // An archive without its two zero blocks is whole for Go and GNU tar alike.
            State::Header | State::OneZero if partial == 0 => return Ok(()),
            // The last member's filling may be missing.
            State::Contents { left: 0, .. } | State::End => return Ok(()),
            State::Header | State::OneZero => "a header",
            State::Special { .. } => "an extended header",
            State::OldSparse { .. } | State::MapInContents { .. } => "a sparse file's map",
            State::Contents { .. } => "a file's contents",
        };
        Err(TarError::Truncated { offset: self.position + partial as u64, what })
    }

    /// Takes a block; the entry that is complete with it, if one is.
    pub(crate) fn block(&mut self, block: &[u8; 512]) -> Result<Option<Entry>, TarError> {
        let offset = self.position;
        self.position += BLOCK;
        match std::mem::take(&mut self.state) {
            State::Header if is_zero(block) => {
                self.state = State::OneZero;
                Ok(None)
            }
            State::OneZero if is_zero(block) => {
                self.state = State::End;
                Ok(None)
            }
            State::OneZero => {
                Err(TarError::BadHeader { offset, why: "it follows a single zero block" })
            }
            State::Header => self.header(&Header::new(block, offset)?, offset),
            State::Special { kind, left, bytes } => self.special(block, kind, left, bytes),
            State::OldSparse { member, pieces, size } => {
                self.old_sparse(&block[..504], block[504] != 0, *member, pieces, size)
            }
            State::MapInContents { member, map, size, stored } => {
                self.map_in_contents(block, *member, map, size, stored)
            }
            // Neither asks for a block.
            state @ (State::Contents { .. } | State::End) => {
                self.state = state;
                Ok(None)
            }
        }
    }

    fn header(&mut self, header: &Header<'_>, offset: u64) -> Result<Option<Entry>, TarError> {
        match header.kind() {
            kind @ (b'x' | b'X' | b'g' | b'L' | b'K') => {
                let left = header.size()?;
                if left > SPECIAL_MAX {
                    let why = "it is longer than one megabyte";
                    return Err(TarError::BadExtended { offset, why });
                }
                self.state = if left == 0 {
                    State::Header
                } else {
                    State::Special { kind, left, bytes: Vec::new() }
                };
                Ok(None)
            }
            // A volume's label, and GNU's list of names that were too long once.
            b'V' | b'N' => {
                self.contents(header.size()?, offset)?;
                Ok(None)
            }
            _ => self.member(header, offset),
        }
    }

    fn special(
        &mut self,
        block: &[u8; 512],
        kind: u8,
        left: u64,
        mut bytes: Vec<u8>,
    ) -> Result<Option<Entry>, TarError> {
        let take = usize::try_from(left.min(BLOCK)).unwrap_or(block.len());
        bytes.extend_from_slice(&block[..take]);
        let left = left - take as u64;
        if left > 0 {
            self.state = State::Special { kind, left, bytes };
            return Ok(None);
        }
        match kind {
            b'x' | b'X' => self.pax = Some(pax::parse(&bytes, self.position)?),
            b'L' => self.long_name = Some(until_zero(&bytes).to_vec()),
            b'K' => self.long_link = Some(until_zero(&bytes).to_vec()),
            // A global header: read for its form, without effect, as in Go.
            _ => drop(pax::parse(&bytes, self.position)?),
        }
        Ok(None)
    }

    fn member(&mut self, header: &Header<'_>, offset: u64) -> Result<Option<Entry>, TarError> {
        let mut pax = self.pax.take().unwrap_or_default();
        let name = first([pax.sparse.name.take(), self.long_name.take(), pax.path.take()])
            .unwrap_or_else(|| header.name());
        let link = first([self.long_link.take(), pax.link_path.take()])
            .unwrap_or_else(|| header.link_name());
        let (uid, gid) = owner(header, &pax)?;
        let mtime = match pax.mtime {
            Some(mtime) => mtime,
            None => Time { seconds: header.mtime()?, nanoseconds: 0 },
        };
        let kind = kind(header, &name, link)?;
        if pax.xattrs.iter().map(|xattr| xattr.name.len() + xattr.value.len() + 8).sum::<usize>()
            > XATTRS_MAX
        {
            let why = "its extended attributes are longer than 200 KiB together";
            return Err(TarError::BadExtended { offset, why });
        }
        let is_file = matches!(kind, Kind::File(_));
        let stored = if is_file || header.kind() == b'D' {
            match pax.size {
                Some(size) => size,
                None => header.size()?,
            }
        } else {
            0
        };
        let xattrs = std::mem::take(&mut pax.xattrs);
        let path = plain(&name)?;
        if path.is_empty() && kind != Kind::Directory {
            return Err(TarError::BadPath { name: shown(&name), why: "the root is a directory" });
        }
        let mode = header.mode()?;
        let entry = Entry { path, kind, mode, uid, gid, mtime, xattrs };
        let member = Member { offset, entry, stored };
        if is_file { self.file(header, &pax, member) } else { self.place(member) }
    }

    fn file(
        &mut self,
        header: &Header<'_>,
        pax: &Records,
        member: Member,
    ) -> Result<Option<Entry>, TarError> {
        let offset = member.offset;
        let bad = |why| TarError::BadSparse { offset, why };
        if header.kind() == b'S' {
            let (fields, more) = header.old_sparse();
            let size = header.old_sparse_size()?;
            return self.old_sparse(fields, more, member, Vec::new(), size);
        }
        let size = || pax.sparse.real_size.ok_or(bad("its size with holes is not told"));
        if pax.sparse.map_is_in_contents().map_err(bad)? {
            let (size, stored) = (size()?, member.stored);
            self.state = State::MapInContents {
                member: Box::new(member),
                map: Map::default(),
                size,
                stored,
            };
            return Ok(None);
        }
        match pax.sparse.pieces().map_err(bad)? {
            Some(pieces) => self.sparse(member, &pieces, size()?),
            None => self.place(member),
        }
    }

    fn old_sparse(
        &mut self,
        fields: &[u8],
        more: bool,
        member: Member,
        mut pieces: Vec<Piece>,
        size: u64,
    ) -> Result<Option<Entry>, TarError> {
        let offset = member.offset;
        let ended = sparse::old_pieces(fields, &mut pieces)
            .map_err(|why| TarError::BadSparse { offset, why })?;
        if more && !ended {
            self.state = State::OldSparse { member: Box::new(member), pieces, size };
            return Ok(None);
        }
        self.sparse(member, &pieces, size)
    }

    fn map_in_contents(
        &mut self,
        block: &[u8; 512],
        mut member: Member,
        mut map: Map,
        size: u64,
        stored: u64,
    ) -> Result<Option<Entry>, TarError> {
        let offset = member.offset;
        let bad = |why| TarError::BadSparse { offset, why };
        let stored = stored.checked_sub(BLOCK).ok_or(bad("its map is cut"))?;
        match map.block(block).map_err(bad)? {
            None => {
                self.state = State::MapInContents { member: Box::new(member), map, size, stored };
                Ok(None)
            }
            Some(pieces) => {
                member.stored = stored;
                self.sparse(member, &pieces, size)
            }
        }
    }

    fn sparse(
        &mut self,
        mut member: Member,
        pieces: &[Piece],
        size: u64,
    ) -> Result<Option<Entry>, TarError> {
        let offset = member.offset;
        let bad = |why| TarError::BadSparse { offset, why };
        if i64::try_from(size).is_err() {
            return Err(bad("its size is beyond what a file can have"));
        }
        // Checked before offsets into the contents are added up.
        self.check_end(member.stored, offset)?;
        let extents = sparse::place(pieces, size, self.position, member.stored).map_err(bad)?;
        let contents = Contents { size, offset: self.position, extents: Some(extents) };
        member.entry.kind = Kind::File(contents);
        self.contents(member.stored, offset)?;
        Ok(Some(member.entry))
    }

    /// An entry whose contents, if any, lie here in one piece.
    fn place(&mut self, mut member: Member) -> Result<Option<Entry>, TarError> {
        if let Kind::File(contents) = &mut member.entry.kind {
            *contents = Contents { size: member.stored, offset: self.position, extents: None };
        }
        self.contents(member.stored, member.offset)?;
        Ok(Some(member.entry))
    }

    fn contents(&mut self, stored: u64, offset: u64) -> Result<(), TarError> {
        self.check_end(stored, offset)?;
        let padding = stored.wrapping_neg() % BLOCK;
        self.state = match stored {
            0 => State::Header,
            left => State::Contents { left, padding },
        };
        Ok(())
    }

    fn check_end(&self, stored: u64, offset: u64) -> Result<(), TarError> {
        let end = self.position.checked_add(stored).and_then(|end| end.checked_add(BLOCK));
        match end.map(i64::try_from) {
            Some(Ok(_)) => Ok(()),
            _ => {
                Err(TarError::BadHeader { offset, why: "its size is beyond what a file can have" })
            }
        }
    }
}

fn owner(header: &Header<'_>, pax: &Records) -> Result<(u32, u32), TarError> {
    match (pax.uid, pax.gid) {
        // A number that does not fit the header may leave nonsense in it.
        (Some(uid), Some(gid)) => Ok((uid, gid)),
        (uid, gid) => {
            let (header_uid, header_gid) = header.owner()?;
            Ok((uid.unwrap_or(header_uid), gid.unwrap_or(header_gid)))
        }
    }
}

fn kind(header: &Header<'_>, name: &[u8], link: Vec<u8>) -> Result<Kind, TarError> {
    let bad = |why| TarError::BadPath { name: shown(name), why };
    let empty = Contents { size: 0, offset: 0, extents: None };
    Ok(match header.kind() {
        // Before there was a type byte, a slash made the directory.
        0 if name.last() == Some(&b'/') => Kind::Directory,
        b'0' | 0 | b'7' | b'S' => Kind::File(empty),
        b'5' | b'D' => Kind::Directory,
        b'1' => Kind::HardLink { target: plain(&link)? },
        b'2' if link.is_empty() => return Err(bad("it is a symbolic link to nowhere")),
        b'2' if link.len() > TARGET_MAX => {
            return Err(bad("it is a symbolic link of more than 4,095 bytes"));
        }
        b'2' if link.contains(&0) => return Err(bad("it is a symbolic link with a zero byte")),
        b'2' => Kind::Symlink { target: link },
        b'3' => header.device().map(|(major, minor)| Kind::Character { major, minor })?,
        b'4' => header.device().map(|(major, minor)| Kind::Block { major, minor })?,
        b'6' => Kind::Fifo,
        other => {
            let kind = [other].escape_ascii().to_string();
            return Err(TarError::UnknownKind { name: shown(name), kind });
        }
    })
}

fn first<const N: usize>(choices: [Option<Vec<u8>>; N]) -> Option<Vec<u8>> {
    choices.into_iter().flatten().find(|name| !name.is_empty())
}

fn is_zero(block: &[u8; 512]) -> bool {
    block.iter().all(|&byte| byte == 0)
}
