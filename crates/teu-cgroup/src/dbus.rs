//! As much of D-Bus as one call to systemd needs: authenticate, send, read the answer.
//!
//! The wire format is the specification's, in little-endian: every value lies at a multiple of its own
//! size, counted from the beginning of the message; a structure at a multiple of eight.

use std::io::{self, Read, Write};

/// A value with its type, for the properties of a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    Bool(bool),
    Text(&'a str),
    U64(u64),
    /// `au`
    Numbers(&'a [u32]),
}

/// A body being written.
#[derive(Debug, Default)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    fn align(&mut self, to: usize) {
        self.0.resize(self.0.len().next_multiple_of(to), 0);
    }

    fn u32(&mut self, value: u32) {
        self.align(4);
        self.0.extend(value.to_le_bytes());
    }

    /// `s` and `o`.
    pub(crate) fn text(&mut self, text: &str) {
        self.u32(u32::try_from(text.len()).unwrap_or(u32::MAX));
        self.0.extend(text.as_bytes());
        self.0.push(0);
    }

    /// `g`
    fn signature(&mut self, signature: &str) {
        self.0.push(u8::try_from(signature.len()).unwrap_or(u8::MAX));
        self.0.extend(signature.as_bytes());
        self.0.push(0);
    }

    /// `v`
    fn variant(&mut self, value: &Value<'_>) {
        match value {
            Value::Bool(value) => {
                self.signature("b");
                self.u32(u32::from(*value));
            }
            Value::Text(text) => {
                self.signature("s");
                self.text(text);
            }
            Value::U64(value) => {
                self.signature("t");
                self.align(8);
                self.0.extend(value.to_le_bytes());
            }
            Value::Numbers(numbers) => {
                self.signature("au");
                self.array(4, |out| numbers.iter().for_each(|&number| out.u32(number)));
            }
        }
    }

    /// An array: the length that stands before it does not count the gap up to its first element.
    fn array(&mut self, element_align: usize, write: impl FnOnce(&mut Writer)) {
        self.u32(0);
        let length_at = self.0.len() - 4;
        self.align(element_align);
        let start = self.0.len();
        write(self);
        let length = u32::try_from(self.0.len() - start).unwrap_or(u32::MAX);
        self.0[length_at..length_at + 4].copy_from_slice(&length.to_le_bytes());
    }

    /// `a(sv)`
    pub(crate) fn properties(&mut self, properties: &[(&str, Value<'_>)]) {
        self.array(8, |out| {
            for (name, value) in properties {
                out.align(8);
                out.text(name);
                out.variant(value);
            }
        });
    }

    /// An empty array of structures.
    pub(crate) fn no_structures(&mut self) {
        self.array(8, |_| ());
    }
}

/// Whom to call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call<'a> {
    pub(crate) destination: &'a str,
    pub(crate) path: &'a str,
    pub(crate) interface: &'a str,
    pub(crate) member: &'a str,
    /// Of the body; empty without one.
    pub(crate) signature: &'a str,
}

/// A method call, whole.
pub(crate) fn call(serial: u32, call: &Call<'_>, body: &Writer) -> Vec<u8> {
    let mut out = Writer::default();
    let (method_call, no_flags, version) = (1, 0, 1);
    out.0.extend([b'l', method_call, no_flags, version]);
    out.u32(u32::try_from(body.0.len()).unwrap_or(u32::MAX));
    out.u32(serial);
    let fields = [
        (1, "o", call.path),
        (2, "s", call.interface),
        (3, "s", call.member),
        (6, "s", call.destination),
        (8, "g", call.signature),
    ];
    out.array(8, |out| {
        for (code, kind, text) in fields.into_iter().filter(|(.., text)| !text.is_empty()) {
            out.align(8);
            out.0.push(code);
            out.signature(kind);
            if kind == "g" { out.signature(text) } else { out.text(text) }
        }
    });
    out.align(8);
    out.0.extend(&body.0);
    out.0
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Done,
    Error { name: String, message: String },
}

/// `AUTH EXTERNAL`: the kernel tells the other side who we are.
pub(crate) fn authenticate(stream: &mut (impl Read + Write), uid: u32) -> io::Result<()> {
    let hex: String = uid.to_string().bytes().map(|digit| format!("{digit:02x}")).collect();
    stream.write_all(format!("\0AUTH EXTERNAL {hex}\r\n").as_bytes())?;
    let mut line = Vec::new();
    let mut byte = [0];
    while !line.ends_with(b"\r\n") && line.len() < 512 {
        stream.read_exact(&mut byte)?;
        line.push(byte[0]);
    }
    if !line.starts_with(b"OK ") {
        let text = String::from_utf8_lossy(&line).trim().to_string();
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
    }
    stream.write_all(b"BEGIN\r\n")
}

/// Reads messages until the answer to `serial` comes.
pub(crate) fn answer(stream: &mut impl Read, serial: u32) -> io::Result<Answer> {
    for _ in 0..1000 {
        if let Some((to, answer)) = read_message(stream)?
            && to == serial
        {
            return Ok(answer);
        }
    }
    Err(io::Error::new(io::ErrorKind::TimedOut, "a thousand messages came, and no answer"))
}

/// One message; if it is an answer, to which call.
fn read_message(stream: &mut impl Read) -> io::Result<Option<(u32, Answer)>> {
    const LIMIT: usize = 1 << 20;
    let mut fixed = [0u8; 16];
    stream.read_exact(&mut fixed)?;
    if fixed[0] != b'l' || fixed[3] != 1 {
        return Err(broken());
    }
    let number = |at: usize| {
        let bytes = fixed.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
        bytes.map(u32::from_le_bytes).and_then(|number| usize::try_from(number).ok())
    };
    let (Some(body_length), Some(fields_length)) = (number(4), number(12)) else {
        return Err(broken());
    };
    if body_length > LIMIT || fields_length > LIMIT {
        return Err(broken());
    }
    // The fields begin at 16, where eight divides.
    let mut fields = vec![0; fields_length.next_multiple_of(8)];
    stream.read_exact(&mut fields)?;
    let mut body = vec![0; body_length];
    stream.read_exact(&mut body)?;
    fields.truncate(fields_length);
    let (to, name) = parse_fields(&fields).ok_or_else(broken)?;
    let (method_return, error) = (2, 3);
    let answer = match fixed[1] {
        kind if kind == method_return => Answer::Done,
        kind if kind == error => {
            let message = Reader { bytes: &body, at: 0 }.text().unwrap_or_default();
            Answer::Error { name: name.unwrap_or_default(), message }
        }
        _ => return Ok(None),
    };
    Ok(to.map(|to| (to, answer)))
}

fn broken() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the answer is no D-Bus message")
}

/// The header fields that matter: whose answer it is, and the error's name.
fn parse_fields(bytes: &[u8]) -> Option<(Option<u32>, Option<String>)> {
    let (mut to, mut name) = (None, None);
    let mut reader = Reader { bytes, at: 0 };
    loop {
        reader.align(8);
        if reader.at >= bytes.len() {
            return Some((to, name));
        }
        let code = reader.byte()?;
        let kind = reader.signature()?;
        match (code, kind.as_str()) {
            (5, "u") => to = Some(reader.u32()?),
            (4, "s") => name = Some(reader.text()?),
            (_, "s" | "o") => drop(reader.text()?),
            (_, "u") => drop(reader.u32()?),
            (_, "g") => drop(reader.signature()?),
            _ => return None,
        }
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn align(&mut self, to: usize) {
        self.at = self.at.next_multiple_of(to);
    }

    fn take(&mut self, count: usize) -> Option<&[u8]> {
        let end = self.at.checked_add(count)?;
        let bytes = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(bytes)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn u32(&mut self) -> Option<u32> {
        self.align(4);
        self.take(4)?.try_into().ok().map(u32::from_le_bytes)
    }

    fn text(&mut self) -> Option<String> {
        let length = usize::try_from(self.u32()?).ok()?;
        let text = String::from_utf8(self.take(length)?.to_vec()).ok()?;
        self.byte().map(|_| text)
    }

    fn signature(&mut self) -> Option<String> {
        let length = usize::from(self.byte()?);
        let text = String::from_utf8(self.take(length)?.to_vec()).ok()?;
        self.byte().map(|_| text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello() -> Call<'static> {
        Call {
            destination: "org.freedesktop.DBus",
            path: "/org/freedesktop/DBus",
            interface: "org.freedesktop.DBus",
            member: "Hello",
            signature: "",
        }
    }

    #[test]
    fn the_first_message_of_every_bus() {
        // As libdbus sends it, but for the order of its fields.
        let mut expect = b"l\x01\x00\x01\0\0\0\0\x01\0\0\0\x6d\0\0\0".to_vec();
        expect.extend(b"\x01\x01o\0\x15\0\0\0/org/freedesktop/DBus\0\0\0");
        expect.extend(b"\x02\x01s\0\x14\0\0\0org.freedesktop.DBus\0\0\0\0");
        expect.extend(b"\x03\x01s\0\x05\0\0\0Hello\0\0\0");
        expect.extend(b"\x06\x01s\0\x14\0\0\0org.freedesktop.DBus\0\0\0\0");
        assert_eq!(call(1, &hello(), &Writer::default()), expect);
    }

    #[test]
    fn properties_are_aligned() {
        let mut body = Writer::default();
        body.properties(&[("Delegate", Value::Bool(true)), ("PIDs", Value::Numbers(&[7]))]);
        body.no_structures();
        let mut expect = b"\x30\0\0\0\0\0\0\0".to_vec();
        expect.extend(b"\x08\0\0\0Delegate\0\x01b\0\x01\0\0\0\0\0\0\0");
        expect.extend(b"\x04\0\0\0PIDs\0\x02au\0\0\0\0\x04\0\0\0\x07\0\0\0");
        // Even an empty array is followed by the gap to its first structure.
        expect.extend(b"\0\0\0\0\0\0\0\0");
        assert_eq!(body.0, expect);
    }

    fn reply(kind: u8, fields: &[u8], body: &[u8]) -> Vec<u8> {
        let mut out = vec![b'l', kind, 0, 1];
        out.extend(u32::try_from(body.len()).unwrap().to_le_bytes());
        out.extend(9u32.to_le_bytes());
        out.extend(u32::try_from(fields.len()).unwrap().to_le_bytes());
        out.extend(fields);
        out.resize(out.len().next_multiple_of(8), 0);
        out.extend(body);
        out
    }

    #[test]
    fn answers_are_told_from_signals_and_from_answers_to_others() {
        let to = |serial: u8| [5, 1, b'u', 0, serial, 0, 0, 0];
        let mut bytes = reply(4, b"\x01\x01o\0\x01\0\0\0/\0", b"");
        bytes.extend(reply(2, &to(1), b"xyz"));
        bytes.extend(reply(2, &to(2), b""));
        assert_eq!(answer(&mut bytes.as_slice(), 2).unwrap(), Answer::Done);
        let mut fields = to(3).to_vec();
        fields.extend(b"\x04\x01s\0\x03\0\0\0a.b\0");
        let bytes = reply(3, &fields, b"\x02\0\0\0no\0");
        let expect = Answer::Error { name: "a.b".into(), message: "no".into() };
        assert_eq!(answer(&mut bytes.as_slice(), 3).unwrap(), expect);
    }

    #[test]
    fn nonsense_is_an_error() {
        for bytes in [
            &b""[..],
            b"B\x02\0\x01\0\0\0\0\0\0\0\0\0\0\0\0",
            b"l\x02\0\x01\xff\xff\xff\xff\0\0\0\0\0\0\0\0",
            b"l\x02\0\x01\0\0\0\0\0\0\0\0\x05\0\0\0\x05\x01u\0\x01\0\0\0",
            b"l\x02\0\x01\0\0\0\0\0\0\0\0\x08\0\0\0\x04\x01s\0\xff\xff\xff\xff",
            b"l\x02\0\x01\0\0\0\0\0\0\0\0\x08\0\0\0\x04\xff\0\0\0\0\0\0",
        ] {
            assert!(answer(&mut &bytes[..], 1).is_err(), "{bytes:?}");
        }
    }

    /// Both ends of a conversation: reads from one, keeps what is written.
    struct Peer(&'static [u8], Vec<u8>);
    impl Read for Peer {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.read(buffer)
        }
    }
    impl Write for Peer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.1.write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn authentication() {
        let mut peer = Peer(b"OK 1234\r\n", Vec::new());
        authenticate(&mut peer, 1000).unwrap();
        assert_eq!(peer.1, b"\0AUTH EXTERNAL 31303030\r\nBEGIN\r\n");
        let refused = authenticate(&mut Peer(b"REJECTED EXTERNAL\r\n", Vec::new()), 0);
        assert_eq!(refused.unwrap_err().to_string(), "REJECTED EXTERNAL");
    }
}
