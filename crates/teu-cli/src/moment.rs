//! Moments as users type them: `42m`, `1h30m`, `2026-11-21T10:00:00Z`, `2026-11-21`, seconds since 1970.

use std::time::Duration;
use teu_model::Timestamp;

/// What `--since` and `--until` take, seen from `now`. A duration means: so long ago.
pub fn parse(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    if let Some(ago) = duration(text).filter(|_| text != "0") {
        let nanos = u64::try_from(ago.as_nanos()).unwrap_or(u64::MAX);
        return Ok(Timestamp(now.0.saturating_sub(nanos)));
    }
    if let Some(unix) = unix(text) {
        return Ok(unix);
    }
    // Docker fills up what is missing, and takes local time; containers' logs are in UTC, and so is this.
    let zoned = format!("{text}Z");
    let filled = match text.len() {
        10 => format!("{text}T00:00:00Z"),
        13 => format!("{text}:00:00Z"),
        16 => format!("{text}:00Z"),
        _ => zoned,
    };
    let found = Timestamp::parse_rfc3339(text).or_else(|| Timestamp::parse_rfc3339(&filled));
    found.ok_or_else(|| {
        format!("invalid time \"{text}\"; one looks like 42m or 2026-11-21T10:00:00Z")
    })
}

/// Go's form: numbers with units, one after the other.
pub fn duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = text;
    let mut sum = 0f64;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..end].parse().ok()?;
        let units =
            [("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9), ("h", 3600.0), ("m", 60.0), ("s", 1.0)];
        let (unit, seconds) = units.iter().find(|(unit, _)| rest[end..].starts_with(unit))?;
        sum += number * seconds;
        rest = &rest[end + unit.len()..];
    }
    (!text.is_empty()).then(|| Duration::try_from_secs_f64(sum).ok()).flatten()
}

fn unix(text: &str) -> Option<Timestamp> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    if seconds.is_empty() || !seconds.bytes().chain(fraction.bytes()).all(|c| c.is_ascii_digit()) {
        return None;
    }
    let digits = fraction.bytes().chain(std::iter::repeat(b'0')).take(9);
    let nanos = digits.fold(0u64, |sum, digit| sum * 10 + u64::from(digit - b'0'));
    seconds.parse::<u64>().ok()?.checked_mul(1_000_000_000)?.checked_add(nanos).map(Timestamp)
}

#[test]
fn moments() {
    let now = Timestamp::parse_rfc3339("2026-11-21T10:00:00Z").unwrap();
    let check = |text: &str, expected: &str| {
        let got = parse(text, now).map(|moment| moment.to_string()).unwrap_or_else(|error| error);
        assert!(got.starts_with(expected), "{text}: {got}");
    };
    check("42m", "2026-11-21T09:18:00Z");
    check("1h30m", "2026-11-21T08:30:00Z");
    check("0.5s", "2026-11-21T09:59:59.5Z");
    check("1700000000.25", "2023-11-14T22:13:20.25Z");
    check("2026-11-20", "2026-11-20T00:00:00Z");
    check("2026-11-20T11:12", "2026-11-20T11:12:00Z");
    check("2026-11-20T11:12:13", "2026-11-20T11:12:13Z");
    check("2026-11-20T11:12:13+01:00", "2026-11-20T10:12:13Z");
    for bad in ["", "yesterday", "m", "5x", "-1h", "1e9s"] {
        check(bad, "invalid time");
    }
}
