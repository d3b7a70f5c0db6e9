//! Compressed bytes in, a layer's tar out, in whatever pieces they come.

use crate::error::ImageError;
use crate::raw::Raw;
use flate2::{Decompress, FlushDecompress, Status};
use teu_oci::image::Compression;
use zstd::stream::raw::{Decoder, InBuffer, Operation, OutBuffer};

/// What a stream's first bytes say. `None`: too few to tell.
pub(crate) fn recognise(start: &[u8]) -> Option<Result<Compression, ImageError>> {
    const FOREIGN: [(&[u8], &str); 3] =
        [(b"BZh", "bzip2"), (b"\xfd7zXZ\0", "xz"), (b"\x04\x22\x4d\x18", "lz4")];
    if start.len() < 6 {
        return None;
    }
    if let Some((_, name)) = FOREIGN.iter().find(|(magic, _)| start.starts_with(magic)) {
        let why = format!("it is compressed with {name}; teu reads gzip, zstd and plain tar");
        return Some(Err(ImageError::Unpack { why }));
    }
    let skippable = (0x50..=0x5f).contains(&start[0]) && start[1..4] == *b"\x2a\x4d\x18";
    Some(Ok(match start {
        [0x1f, 0x8b, ..] => Compression::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Compression::Zstd,
        _ if skippable => Compression::Zstd,
        _ => Compression::None,
    }))
}

pub(crate) enum Inflate {
    /// Fewer than six bytes have come.
    Unknown(Vec<u8>),
    Plain,
    Gzip(Gzip),
    Zstd(Zstd),
}

pub(crate) struct Gzip {
    state: Member,
    members: u64,
}

enum Member {
    Inside(Box<Decompress>),
    Between,
    /// Zeros after the last member, as tape blocks have them.
    Padding,
}

pub(crate) struct Zstd {
    decoder: Decoder<'static>,
    /// Nothing of a frame is outstanding.
    whole: bool,
}

impl Inflate {
    pub(crate) fn new(compression: Compression) -> Result<Inflate, ImageError> {
        Ok(match compression {
            Compression::None => Inflate::Plain,
            Compression::Gzip => Inflate::Gzip(Gzip { state: Member::Between, members: 0 }),
            Compression::Zstd => {
                // Its window is at most 128 MiB unless asked for more: zstd's own limit.
                let decoder = Decoder::new().map_err(broken)?;
                Inflate::Zstd(Zstd { decoder, whole: false })
            }
            Compression::Detect => Inflate::Unknown(Vec::new()),
        })
    }

    pub(crate) fn is_plain(&self) -> bool {
        matches!(self, Inflate::Plain)
    }

    pub(crate) fn push(&mut self, bytes: &[u8], raw: &mut Raw) -> Result<(), ImageError> {
        match self {
            Inflate::Unknown(start) => {
                start.extend_from_slice(bytes);
                let Some(compression) = recognise(start) else { return Ok(()) };
                let start = std::mem::take(start);
                *self = Inflate::new(compression?)?;
                self.push(&start, raw)
            }
            Inflate::Plain => copy(bytes, raw),
            Inflate::Gzip(gzip) => gzip.push(bytes, raw),
            Inflate::Zstd(zstd) => zstd.push(bytes, raw),
        }
    }

    /// The stream has ended: was it whole?
    pub(crate) fn finish(&mut self, raw: &mut Raw) -> Result<(), ImageError> {
        let cut = |what: &str| Err(ImageError::Unpack { why: format!("the {what} data is cut") });
        match self {
            Inflate::Unknown(start) => {
                let start = std::mem::take(start);
                *self = Inflate::Plain;
                copy(&start, raw)
            }
            Inflate::Plain => Ok(()),
            Inflate::Gzip(Gzip { state: Member::Inside(_), .. } | Gzip { members: 0, .. }) => {
                cut("gzip")
            }
            Inflate::Zstd(Zstd { whole: false, .. }) => cut("zstd"),
            Inflate::Gzip(_) | Inflate::Zstd(_) => Ok(()),
        }
    }
}

fn broken(error: impl std::fmt::Display) -> ImageError {
    ImageError::Unpack { why: error.to_string() }
}

fn copy(mut bytes: &[u8], raw: &mut Raw) -> Result<(), ImageError> {
    while !bytes.is_empty() {
        let space = raw.space();
        let (now, rest) = bytes.split_at(bytes.len().min(space.len()));
        space[..now.len()].copy_from_slice(now);
        raw.advance(now.len())?;
        bytes = rest;
    }
    Ok(())
}

impl Gzip {
    fn push(&mut self, mut bytes: &[u8], raw: &mut Raw) -> Result<(), ImageError> {
        while !bytes.is_empty() {
            match &mut self.state {
                Member::Between if bytes[0] == 0 && self.members > 0 => {
                    self.state = Member::Padding;
                }
                Member::Between => {
                    self.state = Member::Inside(Box::new(Decompress::new_gzip(15)));
                    self.members += 1;
                }
                Member::Padding if bytes.iter().all(|&byte| byte == 0) => return Ok(()),
                Member::Padding => return Err(broken("something follows the gzip data")),
                Member::Inside(member) => {
                    let (took, gave) = (member.total_in(), member.total_out());
                    let status = member
                        .decompress(bytes, raw.space(), FlushDecompress::None)
                        .map_err(|error| broken(format!("the gzip data is broken: {error}")))?;
                    let (took, gave) = (member.total_in() - took, member.total_out() - gave);
                    if took == 0 && gave == 0 && status != Status::StreamEnd {
                        return Err(broken("the gzip data is broken: it does not go on"));
                    }
                    if status == Status::StreamEnd {
                        self.state = Member::Between;
                    }
                    // Neither is longer than the slice it is of.
                    bytes = &bytes[usize::try_from(took).unwrap_or(bytes.len())..];
                    raw.advance(usize::try_from(gave).unwrap_or(0))?;
                }
            }
        }
        Ok(())
    }
}

impl Zstd {
    fn push(&mut self, bytes: &[u8], raw: &mut Raw) -> Result<(), ImageError> {
        if bytes.is_empty() {
            return Ok(());
        }
        let mut input = InBuffer::around(bytes);
        loop {
            let at = input.pos();
            let space = raw.space();
            let room = space.len();
            let mut output = OutBuffer::around(space);
            let left = self
                .decoder
                .run(&mut input, &mut output)
                .map_err(|error| broken(format!("the zstd data is broken: {error}")))?;
            let gave = output.pos();
            self.whole = left == 0;
            raw.advance(gave)?;
            let done = input.pos() == bytes.len();
            // A full output means that more may wait inside, unless the frame is whole.
            if done && (gave < room || self.whole) {
                return Ok(());
            }
            if !done && gave == 0 && input.pos() == at {
                return Err(broken("the zstd data is broken: it does not go on"));
            }
        }
    }
}
