//! One entry of a log, as a line of JSON; both ways.

use super::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where something was written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Standard output; of a container with a terminal, all output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Stream {
    /// `stdout` or `stderr`.
    pub fn name(self) -> &'static str {
        match self {
            Stream::Stdout => "stdout",
            Stream::Stderr => "stderr",
        }
    }
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it was written.
    pub stream: Stream,
    /// When it was read from the container.
    pub time: Timestamp,
    /// The text, with its line end unless the line goes on in the next entry (or never ended).
    pub text: String,
    /// Words beside it: labels, variables, a tag.
    pub words: BTreeMap<String, String>,
}

/// The entry as it stands in the file.
#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    log: String,
    stream: Stream,
    time: Timestamp,
    #[serde(default)]
    attrs: BTreeMap<String, String>,
}

impl Entry {
    /// From a line of the file. `None` for what is no entry: half of one, after a loss of power.
    pub fn parse(line: &[u8]) -> Option<Entry> {
        let line: Line = serde_json::from_slice(line).ok()?;
        Some(Entry { stream: line.stream, time: line.time, text: line.log, words: line.attrs })
    }
}

/// Appends the entry for `text` to `out`; `ended` says whether a line end belongs behind it.
///
/// Docker's own escapes: `<`, `>` and `&` as Go's encoder writes them, U+FFFD for what is not UTF-8.
pub(super) fn append(
    out: &mut Vec<u8>,
    text: &[u8],
    ended: bool,
    stream: Stream,
    attrs: &[u8],
    time: &str,
) {
    out.extend_from_slice(b"{\"log\":\"");
    escape(out, text);
    if ended {
        out.extend_from_slice(b"\\n");
    }
    out.extend_from_slice(b"\",\"stream\":\"");
    out.extend_from_slice(stream.name().as_bytes());
    out.push(b'"');
    out.extend_from_slice(attrs);
    out.extend_from_slice(b",\"time\":\"");
    out.extend_from_slice(time.as_bytes());
    out.extend_from_slice(b"\"}\n");
}

/// Bytes that stand for themselves in JSON as docker writes it.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0x20;
    while byte < 0x80 {
        plain[byte] = !matches!(byte as u8, b'"' | b'\\' | b'<' | b'>' | b'&');
        byte += 1;
    }
    plain
};

fn escape(out: &mut Vec<u8>, mut text: &[u8]) {
    while !text.is_empty() {
        let plain = text.iter().position(|&byte| !PLAIN[usize::from(byte)]).unwrap_or(text.len());
        out.extend_from_slice(&text[..plain]);
        text = &text[plain..];
        let Some(&byte) = text.first() else { return };
        let used = if byte < 0x80 { escape_ascii(out, byte) } else { escape_wide(out, text) };
        text = &text[used..];
    }
}

fn escape_ascii(out: &mut Vec<u8>, byte: u8) -> usize {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    match byte {
        b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        _ => {
            let (high, low) = (HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]);
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
        }
    }
    1
}

/// All bytes from the first that is not ASCII to the next that is.
fn escape_wide(out: &mut Vec<u8>, text: &[u8]) -> usize {
    let end = text.iter().position(u8::is_ascii).unwrap_or(text.len());
    for chunk in text[..end].utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter {
                '\u{2028}' => out.extend_from_slice(b"\\u2028"),
                '\u{2029}' => out.extend_from_slice(b"\\u2029"),
                _ => out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        for _ in chunk.invalid() {
            out.extend_from_slice(b"\\ufffd");
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &[u8], json: &str) {
        let mut out = Vec::new();
        append(&mut out, text, true, Stream::Stderr, b"", "1970-01-01T00:00:00.5Z");
        let line = format!(
            "{{\"log\":\"{json}\\n\",\"stream\":\"stderr\",\"time\":\"1970-01-01T00:00:00.5Z\"}}\n"
        );
        assert_eq!(String::from_utf8(out.clone()).unwrap(), line);
        let entry = Entry::parse(&out).unwrap();
        assert_eq!(entry.text, format!("{}\n", String::from_utf8_lossy(text)));
        assert_eq!((entry.stream, entry.time.nanos()), (Stream::Stderr, 500_000_000));
    }

    #[test]
    fn escapes_as_docker_does() {
        check(b"hello", "hello");
        check(b"", "");
        check(b"a\"b\\c\td\r", r#"a\"b\\c\u0009d\r"#);
        check(b"<a&b>\x1b[0m\x7f", "\\u003ca\\u0026b\\u003e\\u001b[0m\x7f");
        check("gr\u{fc}n \u{2028}\u{1f600}".as_bytes(), "gr\u{fc}n \\u2028\u{1f600}");
        check(b"x\xffy", r"x\ufffdy");
    }

    #[test]
    fn what_is_no_entry_is_none() {
        for line in ["", "{", "{}", "[]", "{\"log\":\"x\",\"stream\":\"stdin\",\"time\":\"\"}"] {
            assert_eq!(Entry::parse(line.as_bytes()), None);
        }
    }
}
