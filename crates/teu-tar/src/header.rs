//! One header block: its fields by their offsets, its numbers, its checksum.
//!
//! Source: POSIX.1-2017 pax, "ustar Interchange Format"; GNU tar manual, "Basic Tar Format".

use crate::TarError;

/// A header block, its checksum found right.
pub(crate) struct Header<'a> {
    block: &'a [u8; 512],
    offset: u64,
}

/// Which of the dialects a header speaks: it says what lies behind byte 345.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dialect {
    V7,
    Ustar,
    Star,
    Gnu,
}

impl<'a> Header<'a> {
    /// `offset`: where in the archive the block lies, for messages.
    pub(crate) fn new(block: &'a [u8; 512], offset: u64) -> Result<Header<'a>, TarError> {
        let header = Header { block, offset };
        let told = header.octal_or_binary(148, 8, "its checksum is no number")?;
        // Some old writers added the bytes up as signed ones.
        let (mut unsigned, mut signed) = (0i64, 0i64);
        for (at, &byte) in block.iter().enumerate() {
            let byte = if (148..156).contains(&at) { b' ' } else { byte };
            unsigned += i64::from(byte);
            signed += i64::from(byte.cast_signed());
        }
        if told == unsigned || told == signed {
            Ok(header)
        } else {
            Err(header.bad("its checksum is wrong"))
        }
    }

    /// The type byte.
    pub(crate) fn kind(&self) -> u8 {
        self.block[156]
    }

    /// Prefix and name, as far as they fit into the block.
    pub(crate) fn name(&self) -> Vec<u8> {
        let name = self.text(0, 100);
        let prefix = match self.dialect() {
            Dialect::Ustar => self.text(345, 155),
            Dialect::Star => self.text(345, 131),
            Dialect::V7 | Dialect::Gnu => b"",
        };
        if prefix.is_empty() { name.to_vec() } else { [prefix, b"/", name].concat() }
    }

    /// Where a link leads.
    pub(crate) fn link_name(&self) -> Vec<u8> {
        self.text(157, 100).to_vec()
    }

    /// The mode; only its permission bits are used.
    pub(crate) fn mode(&self) -> Result<u32, TarError> {
        let mode = self.octal_or_binary(100, 8, "its mode is no number")?;
        // File type bits stand in some archives, above the twelve that matter.
        Ok(u32::try_from(mode & 0o7777).unwrap_or(0))
    }

    /// Owner and group.
    pub(crate) fn owner(&self) -> Result<(u32, u32), TarError> {
        let id = |at, why| {
            let id = self.octal_or_binary(at, 8, why)?;
            valid_id(id).ok_or_else(|| self.bad(why))
        };
        Ok((
            id(108, "its owner is no user id of 32 bits")?,
            id(116, "its group is no group id of 32 bits")?,
        ))
    }

    /// Bytes of contents that follow.
    pub(crate) fn size(&self) -> Result<u64, TarError> {
        let why = "its size is no number";
        u64::try_from(self.octal_or_binary(124, 12, why)?).map_err(|_| self.bad(why))
    }

    /// Seconds of the last change.
    pub(crate) fn mtime(&self) -> Result<i64, TarError> {
        self.octal_or_binary(136, 12, "its time is no number")
    }

    /// Device numbers, within what the kernel's `dev_t` holds.
    pub(crate) fn device(&self) -> Result<(u32, u32), TarError> {
        if self.dialect() == Dialect::V7 {
            return Ok((0, 0));
        }
        let number = |at, bits: u32| {
            let number = self.octal_or_binary(at, 8, "its device number is no number")?;
            u32::try_from(number)
                .ok()
                .filter(|number| number >> bits == 0)
                .ok_or_else(|| self.bad("its device number is too large for Linux"))
        };
        Ok((number(329, 12)?, number(337, 20)?))
    }

    /// GNU's old sparse header: four pieces at byte 386, "more follow" at 482, real size at 483.
    pub(crate) fn old_sparse(&self) -> (&'a [u8], bool) {
        (&self.block[386..482], self.block[482] != 0)
    }

    /// The size of an old sparse file with its holes.
    pub(crate) fn old_sparse_size(&self) -> Result<u64, TarError> {
        let why = "its real size is no number";
        u64::try_from(self.octal_or_binary(483, 12, why)?).map_err(|_| self.bad(why))
    }

    fn dialect(&self) -> Dialect {
        match &self.block[257..265] {
            b"ustar  \0" => Dialect::Gnu,
            [b'u', b's', b't', b'a', b'r', 0, ..] if &self.block[508..512] == b"tar\0" => {
                Dialect::Star
            }
            [b'u', b's', b't', b'a', b'r', 0, ..] => Dialect::Ustar,
            _ => Dialect::V7,
        }
    }

    fn text(&self, at: usize, length: usize) -> &'a [u8] {
        until_zero(&self.block[at..at + length])
    }

    fn octal_or_binary(
        &self,
        at: usize,
        length: usize,
        why: &'static str,
    ) -> Result<i64, TarError> {
        number(&self.block[at..at + length]).ok_or_else(|| self.bad(why))
    }

    fn bad(&self, why: &'static str) -> TarError {
        TarError::BadHeader { offset: self.offset, why }
    }
}

/// Any id but the one that means "no change" to chown(2).
pub(crate) fn valid_id(id: i64) -> Option<u32> {
    u32::try_from(id).ok().filter(|&id| id != u32::MAX)
}

/// The field up to its first zero byte.
pub(crate) fn until_zero(field: &[u8]) -> &[u8] {
    let end = field.iter().position(|&byte| byte == 0).unwrap_or(field.len());
    &field[..end]
}

/// A number field: octal digits between blanks and zero bytes, or, with the top bit of the first byte
/// set, two's complement in base 256.
pub(crate) fn number(field: &[u8]) -> Option<i64> {
    let first = *field.first()?;
    if first & 0x80 != 0 {
        return binary(field);
    }
    let is_blank = |byte: &u8| *byte == b' ' || *byte == 0;
    let start = field.iter().position(|byte| !is_blank(byte)).unwrap_or(field.len());
    let digits = &field[start..];
    let end = digits.iter().position(is_blank).unwrap_or(digits.len());
    digits[..end].iter().try_fold(0i64, |value, digit| match digit {
        b'0'..=b'7' => value.checked_mul(8)?.checked_add(i64::from(digit - b'0')),
        _ => None,
    })
}

fn binary(field: &[u8]) -> Option<i64> {
    // Bit 6 of the first byte is the sign.
    let negative = field[0] & 0x40 != 0;
    let first =
        if negative { i128::from(field[0] | 0x80) - 256 } else { i128::from(field[0] & 0x7f) };
    let value = field[1..]
        .iter()
        .try_fold(first, |value, &byte| value.checked_mul(256)?.checked_add(i128::from(byte)))?;
    i64::try_from(value).ok()
}

#[test]
fn numbers() {
    for (field, expected) in [
        (&b"0000644\0"[..], Some(0o644)),
        (b"   644 \0", Some(0o644)),
        (b"\0\0\0\0\0\0\0\0", Some(0)),
        (b"77777777", Some(0o7777_7777)),
        (b"00000008", None),
        (b"-0000001", None),
        (b"\x80\0\0\0\0\0\x01\0", Some(256)),
        (b"\xff\xff\xff\xff\xff\xff\xff\xff", Some(-1)),
        (b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", Some(i64::MAX)),
        (b"\x80\0\0\0\x80\0\0\0\0\0\0\0", None),
        (b"\xbf\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", None),
    ] {
        assert_eq!(number(field), expected, "{}", field.escape_ascii());
    }
}
