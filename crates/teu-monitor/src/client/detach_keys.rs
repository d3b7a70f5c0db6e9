//! The keys that leave a container without ending it: `ctrl-p,ctrl-q`.

use super::pump::HELD_BACK_BYTES_MAX;

/// A sequence of keys, and how much of it has been typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DetachKeys {
    keys: Vec<u8>,
    typed: usize,
}

/// A text that names no keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid detach keys ({given}): \"{key}\" is no key")]
pub struct BadDetachKeys {
    /// What was given.
    pub given: String,
    /// The part that is wrong.
    pub key: String,
}

impl Default for DetachKeys {
    fn default() -> DetachKeys {
        DetachKeys { keys: vec![0x10, 0x11], typed: 0 }
    }
}

impl DetachKeys {
    /// From `ctrl-p,ctrl-q`, `ctrl-@,x`, `a`: letters, digits, or `ctrl-` with one of `a-z @ [ \ ] ^ _`.
    pub fn parse(text: &str) -> Result<DetachKeys, BadDetachKeys> {
        let keys = text.split(',').take(HELD_BACK_BYTES_MAX).map(|key| {
            parse_key(key).ok_or_else(|| BadDetachKeys { given: text.into(), key: key.into() })
        });
        Ok(DetachKeys { keys: keys.collect::<Result<_, _>>()?, typed: 0 })
    }

    /// Takes what was typed, appends to `out` what is meant for the container, and tells whether the
    /// sequence is complete. The keys of a sequence that is begun are held back until it is clear that it
    /// is none.
    pub fn pass(&mut self, typed: &[u8], out: &mut Vec<u8>) -> bool {
        for &byte in typed {
            if self.keys.get(self.typed) == Some(&byte) {
                self.typed += 1;
                if self.typed == self.keys.len() {
                    self.typed = 0;
                    return true;
                }
                continue;
            }
            out.extend_from_slice(&self.keys[..self.typed]);
            self.typed = usize::from(self.keys.first() == Some(&byte));
            if self.typed == 0 {
                out.push(byte);
            }
        }
        false
    }
}

fn parse_key(key: &str) -> Option<u8> {
    if let [byte] = key.as_bytes() {
        return byte.is_ascii_graphic().then_some(*byte);
    }
    match key.strip_prefix("ctrl-")?.as_bytes() {
        [byte @ b'a'..=b'z'] => Some(byte & 0x1f),
        [byte @ (b'@' | b'[' | b'\\' | b']' | b'^' | b'_')] => Some(byte & 0x1f),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(keys: &str, typed: &str, passed: &str, detached: bool) {
        let mut keys = DetachKeys::parse(keys).unwrap();
        let mut out = Vec::new();
        let mut left = false;
        for byte in typed.bytes() {
            left |= keys.pass(&[byte], &mut out);
        }
        assert_eq!((String::from_utf8(out).unwrap().as_str(), left), (passed, detached));
    }

    #[test]
    fn keys_are_recognised_and_others_pass() {
        check("ctrl-p,ctrl-q", "ls\x10\x11", "ls", true);
        check("ctrl-p,ctrl-q", "\x10x", "\x10x", false);
        check("ctrl-p,ctrl-q", "\x10\x10\x11", "\x10", true);
        check("a,b,c", "ababc", "ab", true);
        check("ctrl-@", "\0", "", true);
        assert_eq!(DetachKeys::parse("ctrl-p,ctrl-q"), Ok(DetachKeys::default()));
        for bad in ["", "ctrl-", "ctrl-A", "ctrl-pp", "a,", "enter", "\u{e9}"] {
            assert!(DetachKeys::parse(bad).is_err(), "{bad}");
        }
    }
}
