//! Records of a pax extended header: `<length> <key>=<value>\n`, one after the other.
//!
//! Source: POSIX.1-2017 pax, "pax Extended Header".

use crate::header::valid_id;
use crate::sparse::PaxSparse;
use crate::{TarError, Time, Xattr};

const XATTR_PREFIX: &[u8] = b"SCHILY.xattr.";

/// What a pax header says about the entry that follows it.
#[derive(Debug, Default)]
pub(crate) struct Records {
    pub path: Option<Vec<u8>>,
    pub link_path: Option<Vec<u8>>,
    pub size: Option<u64>,
    pub uid: Option<u32>,
    pub gid: Option<u32>,
    pub mtime: Option<Time>,
    pub xattrs: Vec<Xattr>,
    pub sparse: PaxSparse,
}

/// Reads all records. `offset` is for messages.
pub(crate) fn parse(mut bytes: &[u8], offset: u64) -> Result<Records, TarError> {
    let bad = |why| TarError::BadExtended { offset, why };
    let mut records = Records::default();
    while !bytes.is_empty() {
        let (key, value, rest) = record(bytes).ok_or_else(|| bad("a pax record is malformed"))?;
        bytes = rest;
        records.take(key, value).map_err(bad)?;
    }
    // Each name once, the last one wins; sorted, so that equal layers give equal indexes.
    records.xattrs.reverse();
    records.xattrs.sort_by(|one, other| one.name.cmp(&other.name));
    records.xattrs.dedup_by(|later, kept| later.name == kept.name);
    Ok(records)
}

/// Key and value of the first record, and what follows it.
fn record(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let blank = bytes.iter().take(20).position(|&byte| byte == b' ')?;
    let length = usize::try_from(decimal(&bytes[..blank])?).ok()?;
    if length <= blank + 1 || length > bytes.len() {
        return None;
    }
    let (body, rest) = (&bytes[blank + 1..length], &bytes[length..]);
    let body = body.strip_suffix(b"\n")?;
    let equals = body.iter().position(|&byte| byte == b'=')?;
    let (key, value) = (&body[..equals], &body[equals + 1..]);
    if key.is_empty() || key.contains(&0) { None } else { Some((key, value, rest)) }
}

impl Records {
    fn take(&mut self, key: &[u8], value: &[u8]) -> Result<(), &'static str> {
        if let Some(name) = key.strip_prefix(XATTR_PREFIX) {
            return self.take_xattr(name, value);
        }
        // An empty value takes back what an earlier record said.
        let some = !value.is_empty();
        let id = |value: &[u8], why| {
            let id = decimal(value).and_then(|id| i64::try_from(id).ok()).and_then(valid_id);
            id.map(Some).ok_or(why)
        };
        match key {
            b"path" => self.path = some.then(|| value.to_vec()),
            b"linkpath" => self.link_path = some.then(|| value.to_vec()),
            b"size" if some => self.size = Some(decimal(value).ok_or("its size is no number")?),
            b"size" => self.size = None,
            b"uid" if some => self.uid = id(value, "its owner is no user id of 32 bits")?,
            b"uid" => self.uid = None,
            b"gid" if some => self.gid = id(value, "its group is no group id of 32 bits")?,
            b"gid" => self.gid = None,
            b"mtime" if some => self.mtime = Some(time(value).ok_or("its time is no number")?),
            b"mtime" => self.mtime = None,
            _ => self.sparse.take(key, value)?,
        }
        Ok(())
    }

    fn take_xattr(&mut self, name: &[u8], value: &[u8]) -> Result<(), &'static str> {
        if name.is_empty() || name.len() > 255 || name.contains(&0) {
            return Err("an extended attribute's name is not 1 to 255 bytes without a zero");
        }
        if value.len() > 65_535 {
            return Err("an extended attribute is longer than 65,535 bytes");
        }
        self.xattrs.push(Xattr { name: name.to_vec(), value: value.to_vec() });
        Ok(())
    }
}

/// Decimal digits only, at most what a signed size holds.
pub(crate) fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter()
        .try_fold(0u64, |value, digit| match digit {
            b'0'..=b'9' => value.checked_mul(10)?.checked_add(u64::from(digit - b'0')),
            _ => None,
        })
        .filter(|&value| i64::try_from(value).is_ok())
}

/// `-12.345`: seconds with a fraction, of which nine digits count.
fn time(text: &[u8]) -> Option<Time> {
    let (negative, text) = match text.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = match text.iter().position(|&byte| byte == b'.') {
        Some(point) => (&text[..point], &text[point + 1..]),
        None => (text, &b""[..]),
    };
    let seconds = i64::try_from(decimal(whole)?).ok()?;
    if !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let nanoseconds = (0..9).fold(0u32, |value, place| {
        value * 10 + u32::from(fraction.get(place).map_or(0, |digit| digit - b'0'))
    });
    Some(match (negative, nanoseconds) {
        (false, _) => Time { seconds, nanoseconds },
        (true, 0) => Time { seconds: -seconds, nanoseconds: 0 },
        (true, _) => Time { seconds: -seconds - 1, nanoseconds: 1_000_000_000 - nanoseconds },
    })
}

#[test]
fn times() {
    let check = |text: &str, expected: Option<(i64, u32)>| {
        let got = time(text.as_bytes()).map(|time| (time.seconds, time.nanoseconds));
        assert_eq!(got, expected, "{text}");
    };
    check("0", Some((0, 0)));
    check("1.5", Some((1, 500_000_000)));
    check("1.0000000019", Some((1, 1)));
    check("-1.25", Some((-2, 750_000_000)));
    check("-3", Some((-3, 0)));
    for bad in ["", ".", "-", "1.x", "1e3", " 1", "9223372036854775808", "--1"] {
        check(bad, None);
    }
}

#[test]
fn records_are_exact() {
    let good = parse(b"9 path=a\n22 SCHILY.xattr.a.b==\n\n", 0).unwrap_or_default();
    assert_eq!(good.path, None, "the second record's length does not fit");
    let good = parse(b"9 path=a\n22 SCHILY.xattr.a.b=x\n", 0).unwrap();
    assert_eq!(good.path.as_deref(), Some(&b"a"[..]));
    assert_eq!(good.xattrs[0].name, b"a.b");
    for bad in [
        &b"8 path=a\n"[..],
        b"11 path=a\n",
        b"path=a\n",
        b"9 path=a ",
        b"9 =path\n",
        b"99999999999999999999999 a=b\n",
        b"0 a=b\n",
        b"3 \n\n",
        b"-9 path=a\n",
        b"9  path=\n",
        b"10 size=-1\n",
        b"20 uid=99999999999\n",
        b"18 uid=4294967295\n",
    ] {
        // `9  path=` has a key that begins with a blank: no key of ours, and so without effect.
        let got = parse(bad, 0);
        assert!(got.is_err() || got.unwrap().path.is_none(), "{}", bad.escape_ascii());
    }
}
