//! Reading attributes: length, type, content, padding to four bytes; contents may be attributes again.

/// One attribute of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// Its number, without the flags for nesting and byte order.
    pub kind: u16,
    /// What it holds.
    pub content: &'a [u8],
}

const NESTED_AND_BYTE_ORDER: u16 = 0xc000;

/// The attributes in `bytes`, up to the first that is malformed.
pub fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = Attribute<'_>> {
    std::iter::from_fn(move || {
        let header: [u8; 4] = bytes.get(..4)?.try_into().ok()?;
        let length = usize::from(u16::from_ne_bytes([header[0], header[1]]));
        let kind = u16::from_ne_bytes([header[2], header[3]]) & !NESTED_AND_BYTE_ORDER;
        let content = bytes.get(4..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or(&[]);
        Some(Attribute { kind, content })
    })
}

impl<'a> Attribute<'a> {
    /// The content as a number in the machine's byte order.
    pub fn u32(&self) -> Option<u32> {
        u32_of(self.content)
    }

    /// The content as a number in network byte order, as nf_tables has them.
    pub fn u32_be(&self) -> Option<u32> {
        Some(u32::from_be_bytes(self.content.try_into().ok()?))
    }

    /// The content as a 64-bit number in network byte order.
    pub fn u64_be(&self) -> Option<u64> {
        Some(u64::from_be_bytes(self.content.try_into().ok()?))
    }

    /// The content as text, without the zero byte that ends it.
    pub fn text(&self) -> Option<&'a str> {
        text(self.content)
    }

    /// The attributes inside.
    pub fn nested(&self) -> impl Iterator<Item = Attribute<'a>> {
        attributes(self.content)
    }
}

/// Text up to the first zero byte.
pub fn text(bytes: &[u8]) -> Option<&str> {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    std::str::from_utf8(&bytes[..end]).ok()
}

/// Exactly four bytes as a number in the machine's byte order.
pub fn u32_of(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.try_into().ok()?))
}

#[test]
fn stops_at_what_is_malformed() {
    let one = [6, 0, 3, 0, b'e', 0, 0, 0];
    let read: Vec<_> = attributes(&one).collect();
    assert_eq!(read, [Attribute { kind: 3, content: b"e\0" }]);
    assert_eq!(read[0].text(), Some("e"));
    for bad in [&[][..], &[8], &[8, 0, 1, 0, 0], &[3, 0, 1, 0], &[0, 0, 0, 0], &[255, 255, 0, 0]] {
        assert_eq!(attributes(bad).count(), 0, "{bad:?}");
    }
}
