//! Sparse files, in the four ways that GNU tar has written them.
//!
//! `S` headers with pieces in the block and in blocks after it; pax 0.0 (`GNU.sparse.offset` and
//! `numbytes` in pairs), pax 0.1 (`GNU.sparse.map`), pax 1.0 (the map stands before the contents).
//! Source: GNU tar manual, "Storing Sparse Files".

use crate::Extent;
use crate::header::number;
use crate::pax::decimal;

/// A file in more pieces than this is refused.
const PIECES_MAX: usize = 1 << 18;

/// What a pax header says about holes.
#[derive(Debug, Default)]
pub(crate) struct PaxSparse {
    major: Option<u64>,
    minor: Option<u64>,
    pub name: Option<Vec<u8>>,
    pub real_size: Option<u64>,
    numbers: Vec<u64>,
}

impl PaxSparse {
    /// Takes a record; what does not concern sparse files is passed over.
    pub(crate) fn take(&mut self, key: &[u8], value: &[u8]) -> Result<(), &'static str> {
        let Some(key) = key.strip_prefix(b"GNU.sparse.") else { return Ok(()) };
        let value_of = || decimal(value).ok_or("a sparse file's record is no number");
        match key {
            b"major" => self.major = Some(value_of()?),
            b"minor" => self.minor = Some(value_of()?),
            b"name" => self.name = Some(value.to_vec()),
            b"size" | b"realsize" => self.real_size = Some(value_of()?),
            // Pieces of format 0.0 come in pairs, the place first.
            b"offset" if self.numbers.len().is_multiple_of(2) => self.numbers.push(value_of()?),
            b"numbytes" if self.numbers.len() % 2 == 1 => self.numbers.push(value_of()?),
            b"offset" | b"numbytes" => return Err("a sparse file's pieces are not in pairs"),
            b"map" => {
                self.numbers.clear();
                for text in value.split(|&byte| byte == b',') {
                    self.numbers.push(decimal(text).ok_or("a sparse file's map is malformed")?);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Format 1.0: the map stands before the contents.
    pub(crate) fn map_is_in_contents(&self) -> Result<bool, &'static str> {
        match (self.major, self.minor) {
            (Some(1), Some(0)) => Ok(true),
            (None | Some(0), _) => Ok(false),
            _ => Err("this version of sparse files is not known"),
        }
    }

    /// The pieces of formats 0.0 and 0.1, if there are any.
    pub(crate) fn pieces(&self) -> Result<Option<Vec<Piece>>, &'static str> {
        if self.numbers.is_empty() {
            return Ok(None);
        }
        if self.numbers.len() % 2 == 1 {
            return Err("a sparse file's pieces are not in pairs");
        }
        Ok(Some(self.numbers.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()))
    }
}

/// Where a piece belongs in the file, and its length.
pub(crate) type Piece = (u64, u64);

/// Pieces of an old sparse header or of one of its extension blocks: twelve bytes place, twelve bytes
/// length, until an empty one. `true`: the list has ended.
pub(crate) fn old_pieces(fields: &[u8], pieces: &mut Vec<Piece>) -> Result<bool, &'static str> {
    for field in fields.chunks_exact(24) {
        if field[0] == 0 || field[12] == 0 {
            return Ok(true);
        }
        let value = |field| number(field).and_then(|value| u64::try_from(value).ok());
        let piece = value(&field[..12]).zip(value(&field[12..]));
        pieces.push(piece.ok_or("a piece of a sparse file is no number")?);
        if pieces.len() > PIECES_MAX {
            return Err("a sparse file has too many pieces");
        }
    }
    Ok(false)
}

/// Format 1.0's map as it comes, block by block: a count, then place and length of each piece, a
/// decimal number a line, filled up to a whole block.
#[derive(Debug, Default)]
pub(crate) struct Map {
    numbers: Vec<u64>,
    line: Vec<u8>,
}

impl Map {
    /// Takes a block. `Some`: the map was complete with it.
    pub(crate) fn block(&mut self, block: &[u8]) -> Result<Option<Vec<Piece>>, &'static str> {
        for &byte in block {
            if byte != b'\n' {
                self.line.push(byte);
                if self.line.len() > 20 {
                    return Err("a sparse file's map is malformed");
                }
                continue;
            }
            let number = decimal(&self.line).ok_or("a sparse file's map is malformed")?;
            self.line.clear();
            self.numbers.push(number);
            let count = usize::try_from(self.numbers[0]).unwrap_or(usize::MAX);
            if count > PIECES_MAX {
                return Err("a sparse file has too many pieces");
            }
            if self.numbers.len() == 1 + 2 * count {
                let pieces = self.numbers[1..].chunks_exact(2);
                return Ok(Some(pieces.map(|pair| (pair[0], pair[1])).collect()));
            }
        }
        Ok(None)
    }
}

/// Checks the pieces of a file of `size` bytes whose stored bytes begin at `offset` and are `stored`
/// long, and says where each lies.
pub(crate) fn place(
    pieces: &[Piece],
    size: u64,
    offset: u64,
    stored: u64,
) -> Result<Vec<Extent>, &'static str> {
    let mut extents: Vec<Extent> = Vec::new();
    let (mut end, mut from) = (0u64, 0u64);
    for &(at, length) in pieces {
        if at < end {
            return Err("its pieces overlap or are not in order");
        }
        end = at.checked_add(length).filter(|&end| end <= size).ok_or("a piece lies outside")?;
        if length > 0 {
            extents.push(Extent { at, offset: offset + from, length });
        }
        from = from
            .checked_add(length)
            .filter(|&from| from <= stored)
            .ok_or("too little is stored")?;
    }
    if from == stored { Ok(extents) } else { Err("more is stored than its pieces hold") }
}

#[test]
fn pieces_are_checked() {
    let extent = |at, offset, length| Extent { at, offset, length };
    assert_eq!(
        place(&[(0, 10), (20, 0), (512, 5), (600, 0)], 600, 1024, 15),
        Ok(vec![extent(0, 1024, 10), extent(512, 1034, 5)])
    );
    for (pieces, size, stored) in [
        (&[(0, 10), (5, 10)][..], 100, 20),
        (&[(0, 101)], 100, 101),
        (&[(u64::MAX, 2)], 100, 2),
        (&[(0, 10)], 100, 9),
        (&[(0, 10)], 100, 11),
    ] {
        assert!(place(pieces, size, 0, stored).is_err(), "{pieces:?}");
    }
}

#[test]
fn maps_arrive_in_blocks() {
    let text = b"2\n0\n1\n1024\n2\n";
    let mut map = Map::default();
    assert_eq!(map.block(&text[..5]), Ok(None));
    assert_eq!(map.block(&text[5..]), Ok(Some(vec![(0, 1), (1024, 2)])));
    assert!(Map::default().block(b"99999999\n").is_err());
    assert!(Map::default().block(&[b'1'; 30]).is_err());
    assert!(Map::default().block(b"\n").is_err());
    assert_eq!(Map::default().block(b"0\n"), Ok(Some(vec![])));
}
