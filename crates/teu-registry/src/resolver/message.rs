//! A DNS message's bytes (RFC 1035 section 4, RFC 3596). Pure; an answer is hostile input.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    A = 1,
    Aaaa = 28,
}

const CNAME: u16 = 5;
const CLASS_IN: u16 = 1;
/// Longer chains of aliases are not followed.
const ALIASES_MAX: usize = 16;

/// What an answer says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// 0 is good, 3 means no such name.
    pub code: u8,
    /// The rest is to be fetched by TCP.
    pub cut: bool,
    pub addresses: Vec<IpAddr>,
}

/// A question, or none where `name` cannot stand in one.
pub(super) fn question(id: u16, name: &str, kind: Kind) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(name.len() + 18);
    bytes.extend(id.to_be_bytes());
    // Recursion desired; one question.
    bytes.extend([0x01, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    if name.len() > 253 {
        return None;
    }
    for label in name.split('.') {
        let plain = label.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_');
        let length = u8::try_from(label.len()).ok().filter(|length| (1..=63).contains(length))?;
        if !plain {
            return None;
        }
        bytes.push(length);
        bytes.extend(label.bytes());
    }
    bytes.push(0);
    bytes.extend((kind as u16).to_be_bytes());
    bytes.extend(CLASS_IN.to_be_bytes());
    Some(bytes)
}

/// Reads the answer to that question; none where it is something else or broken.
pub(crate) fn answer(bytes: &[u8], id: u16, name: &str, kind: Kind) -> Option<Answer> {
    let mut reader = Reader { bytes, at: 0 };
    let (got_id, flags) = (reader.u16()?, reader.u16()?);
    let (questions, answers) = (reader.u16()?, reader.u16()?);
    reader.skip(4)?;
    let is_response = flags & 0x8000 != 0;
    if got_id != id || !is_response || questions != 1 {
        return None;
    }
    let asked = reader.name()?;
    if asked != name || reader.u16()? != kind as u16 || reader.u16()? != CLASS_IN {
        return None;
    }
    let cut = flags & 0x0200 != 0;
    let code = (flags & 0x000f) as u8;
    let records = match reader.records(answers) {
        Some(records) => records,
        // A cut message may end anywhere.
        None if cut => Vec::new(),
        None => return None,
    };
    Some(Answer { code, cut, addresses: addresses_of(name, kind, &records) })
}

enum Data {
    Address(Kind, IpAddr),
    Alias(String),
}

/// Only what belongs to the asked name, through its aliases.
fn addresses_of(name: &str, kind: Kind, records: &[(String, Data)]) -> Vec<IpAddr> {
    let mut name = name;
    for _ in 0..ALIASES_MAX {
        let own = records.iter().filter(|(owner, _)| owner == name);
        let addresses: Vec<IpAddr> = own
            .clone()
            .filter_map(|(_, data)| match data {
                Data::Address(of, address) if *of == kind => Some(*address),
                _ => None,
            })
            .collect();
        let alias = own.clone().find_map(|(_, data)| match data {
            Data::Alias(target) => Some(target),
            Data::Address(..) => None,
        });
        match alias {
            Some(target) if addresses.is_empty() => name = target,
            _ => return addresses,
        }
    }
    Vec::new()
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn take(&mut self, amount: usize) -> Option<&[u8]> {
        let taken = self.bytes.get(self.at..self.at.checked_add(amount)?)?;
        self.at += amount;
        Some(taken)
    }

    fn skip(&mut self, amount: usize) -> Option<()> {
        self.take(amount).map(drop)
    }

    fn u16(&mut self) -> Option<u16> {
        let bytes = self.take(2)?;
        Some(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    /// A name in lower case. Pointers lead backwards only, so that it ends.
    fn name(&mut self) -> Option<String> {
        let mut name = String::new();
        let mut at = self.at;
        let mut end = None;
        loop {
            let length = usize::from(*self.bytes.get(at)?);
            match length {
                0 => break,
                1..=63 => {
                    let label = self.bytes.get(at + 1..at + 1 + length)?;
                    if !name.is_empty() {
                        name.push('.');
                    }
                    name.extend(label.iter().map(|c| char::from(c.to_ascii_lowercase())));
                    at += 1 + length;
                }
                0xc0.. => {
                    let low = usize::from(*self.bytes.get(at + 1)?);
                    let target = (length & 0x3f) << 8 | low;
                    end = end.or(Some(at + 2));
                    if target >= at {
                        return None;
                    }
                    at = target;
                }
                _ => return None,
            }
            if name.len() > 255 {
                return None;
            }
        }
        self.at = end.unwrap_or(at + 1);
        Some(name)
    }

    fn records(&mut self, count: u16) -> Option<Vec<(String, Data)>> {
        let mut records = Vec::new();
        for _ in 0..count {
            let owner = self.name()?;
            let (kind, class) = (self.u16()?, self.u16()?);
            self.skip(4)?;
            let length = usize::from(self.u16()?);
            let end = self.at.checked_add(length)?;
            let data = match (class, kind, length) {
                (CLASS_IN, 1, 4) => {
                    let octets: [u8; 4] = self.take(4)?.try_into().ok()?;
                    Some(Data::Address(Kind::A, Ipv4Addr::from(octets).into()))
                }
                (CLASS_IN, 28, 16) => {
                    let octets: [u8; 16] = self.take(16)?.try_into().ok()?;
                    Some(Data::Address(Kind::Aaaa, Ipv6Addr::from(octets).into()))
                }
                (CLASS_IN, CNAME, _) => Some(Data::Alias(self.name()?)),
                _ => None,
            };
            records.extend(data.map(|data| (owner, data)));
            if end > self.bytes.len() {
                return None;
            }
            self.at = end;
        }
        Some(records)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The answer to `reg.example A`: an alias to `cdn.example`, its address, and a stray one.
    fn sample() -> Vec<u8> {
        let mut bytes = question(7, "reg.example", Kind::A).unwrap();
        bytes[2] = 0x81;
        bytes[7] = 3;
        let record = |owner: &[u8], kind: u8, data: &[u8]| {
            let mut record = owner.to_vec();
            record.extend([0, kind, 0, 1, 0, 0, 0, 60, 0, data.len() as u8]);
            record.extend(data);
            record
        };
        let cdn = b"\x03CDN\xc0\x10";
        bytes.extend(record(&[0xc0, 12], 5, cdn));
        bytes.extend(record(b"\x03cdn\x07example\x00", 1, &[10, 0, 0, 1]));
        bytes.extend(record(b"\x04evil\x00", 1, &[6, 6, 6, 6]));
        bytes
    }

    #[test]
    fn an_answer_through_an_alias() {
        let answer = answer(&sample(), 7, "reg.example", Kind::A).unwrap();
        assert_eq!(answer.addresses, [IpAddr::from([10, 0, 0, 1])]);
        assert!(!answer.cut && answer.code == 0);
    }

    #[test]
    fn answers_to_other_questions_are_refused() {
        let sample = sample();
        assert_eq!(answer(&sample, 8, "reg.example", Kind::A), None);
        assert_eq!(answer(&sample, 7, "reg.example", Kind::Aaaa), None);
        assert_eq!(answer(&sample, 7, "other.example", Kind::A), None);
        assert_eq!(answer(&question(7, "a", Kind::A).unwrap(), 7, "a", Kind::A), None);
    }

    #[test]
    fn broken_answers_end_without_harm() {
        let sample = sample();
        for length in 0..sample.len() {
            assert_eq!(answer(&sample[..length], 7, "reg.example", Kind::A), None, "{length}");
        }
        for at in 0..sample.len() {
            for value in [0, 0x3f, 0x40, 0xc0, 0xff] {
                let mut broken = sample.clone();
                broken[at] = value;
                answer(&broken, 7, "reg.example", Kind::A);
            }
        }
    }

    #[test]
    fn names_that_cannot_be_asked() {
        let long = "a".repeat(64);
        for name in ["", ".", "a..b", "a b", "ä.example", &long, &"a.".repeat(200)] {
            assert_eq!(question(1, name, Kind::A), None, "{name}");
        }
    }
}
