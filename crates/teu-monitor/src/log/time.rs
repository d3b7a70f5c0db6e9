//! Moments, as RFC 3339 writes them: `2026-11-21T10:38:31.123456789Z`.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A moment, to the nanosecond, from 1970 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp {
    secs: u64,
    nanos: u32,
}

/// A text that is no moment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not a time as in 2026-11-21T10:38:31Z")]
pub struct BadTimestamp {
    /// What was given.
    pub given: String,
}

const DAY_SECS: u64 = 86_400;

impl Timestamp {
    /// This moment.
    pub fn now() -> Timestamp {
        Timestamp::from(SystemTime::now())
    }

    /// So many seconds and nanoseconds after 1970 began.
    pub fn from_unix(secs: u64, nanos: u32) -> Timestamp {
        let last = 253_402_300_799; // the end of the year 9999
        Timestamp { secs: secs.min(last), nanos: nanos.min(999_999_999) }
    }

    /// Seconds after 1970 began.
    pub fn unix_secs(self) -> u64 {
        self.secs
    }

    /// Nanoseconds after that second began.
    pub fn nanos(self) -> u32 {
        self.nanos
    }

    /// How long after `earlier` this is; nothing if it is not.
    pub fn since(self, earlier: Timestamp) -> Duration {
        let of = |one: Timestamp| Duration::new(one.secs, one.nanos);
        of(self).saturating_sub(of(earlier))
    }

    /// From RFC 3339, with `Z` or an offset, and with any number of decimals up to nine.
    pub fn parse(text: &str) -> Result<Timestamp, BadTimestamp> {
        parse(text).ok_or_else(|| BadTimestamp { given: text.chars().take(64).collect() })
    }

    /// With all nine decimals, as `docker logs --timestamps` prints it.
    pub fn to_fixed_width(self) -> String {
        let text = Timestamp { nanos: 0, ..self }.to_string();
        format!("{}.{:09}Z", text.trim_end_matches('Z'), self.nanos)
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Timestamp {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_unix(since.as_secs(), since.subsec_nanos())
    }
}

impl From<Timestamp> for SystemTime {
    fn from(time: Timestamp) -> SystemTime {
        UNIX_EPOCH + Duration::new(time.secs, time.nanos)
    }
}

impl fmt::Display for Timestamp {
    /// As Go's `RFC3339Nano`: the decimals without their last zeros, and no point where there are none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil(self.secs / DAY_SECS);
        let second = self.secs % DAY_SECS;
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        if self.nanos > 0 {
            let decimals = format!("{:09}", self.nanos);
            write!(f, ".{}", decimals.trim_end_matches('0'))?;
        }
        f.write_str("Z")
    }
}

impl TryFrom<String> for Timestamp {
    type Error = BadTimestamp;
    fn try_from(text: String) -> Result<Timestamp, BadTimestamp> {
        Timestamp::parse(&text)
    }
}

impl From<Timestamp> for String {
    fn from(time: Timestamp) -> String {
        time.to_string()
    }
}

/// Year, month and day of the `days`th day after 1970-01-01. Howard Hinnant's `civil_from_days`: years
/// begin in March, so that the leap day is the last.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

/// The inverse of [`civil`], for 1970 and later.
fn days_from_civil(year: u64, month: u64, day: u64) -> u64 {
    let year = year - u64::from(month <= 2);
    let era = year / 400;
    let year_of_era = year % 400;
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn parse(text: &str) -> Option<Timestamp> {
    let number = |from: usize, to: usize| {
        let digits = text.get(from..to)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<u64>().ok())?
    };
    let separator = |at: usize, allowed: &[u8]| {
        text.as_bytes().get(at).is_some_and(|byte| allowed.contains(byte)).then_some(())
    };
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    for (at, allowed) in
        [(4, &b"-"[..]), (7, &b"-"[..]), (10, &b"Tt "[..]), (13, &b":"[..]), (16, &b":"[..])]
    {
        separator(at, allowed)?;
    }
    let in_range = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    if !in_range {
        return None;
    }
    let mut rest = &text[19..];
    let mut nanos = 0;
    if let Some(after_point) = rest.strip_prefix('.') {
        let count = after_point.bytes().take_while(u8::is_ascii_digit).count();
        let digits = &after_point[..count];
        if digits.is_empty() || count > 9 {
            return None;
        }
        nanos = format!("{digits:0<9}").parse().ok()?;
        rest = &after_point[count..];
    }
    let secs = days_from_civil(year, month, day) * DAY_SECS + hour * 3600 + minute * 60 + second;
    Some(Timestamp::from_unix(secs.checked_add_signed(-offset_secs(rest)?)?, nanos))
}

/// `Z`, `+02:00`, `-0530`: seconds east of Greenwich.
fn offset_secs(text: &str) -> Option<i64> {
    if matches!(text, "Z" | "z") {
        return Some(0);
    }
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits = text.get(1..)?.replace(':', "");
    if digits.len() != 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (hours, minutes): (i64, i64) = (digits[..2].parse().ok()?, digits[2..].parse().ok()?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(secs: u64, nanos: u32, text: &str) {
        assert_eq!(Timestamp::from_unix(secs, nanos).to_string(), text);
        assert_eq!(Timestamp::parse(text), Ok(Timestamp::from_unix(secs, nanos)), "{text}");
    }

    #[test]
    fn both_ways() {
        check(0, 0, "1970-01-01T00:00:00Z");
        check(951_782_400, 1, "2000-02-29T00:00:00.000000001Z");
        check(1_795_257_511, 500_000_000, "2026-11-21T10:38:31.5Z");
        check(4_107_542_399, 999_999_999, "2100-02-28T23:59:59.999999999Z");
        check(4_107_542_400, 0, "2100-03-01T00:00:00Z");
        for day in 0..400_000 {
            let (year, month, dom) = civil(day);
            assert_eq!(days_from_civil(year, month, dom), day);
        }
    }

    #[test]
    fn offsets_and_nonsense() {
        let at = |text: &str| Timestamp::parse(text).map(Timestamp::unix_secs).ok();
        assert_eq!(at("1970-01-01T02:00:00+02:00"), Some(0));
        assert_eq!(at("1970-01-01T00:00:00.25-0100"), Some(3600));
        for bad in [
            "",
            "2026",
            "2026-11-21",
            "2026-13-21T10:38:31Z",
            "2026-11-21T10:38:31",
            "2026-11-21T10:38:31.Z",
            "2026-11-21T10:38:31.1234567890Z",
            "1969-12-31T23:59:59Z",
            "1970-01-01T00:00:00+02:00",
            "2026-11-21T10:38:31+2",
            "2026-11-2\u{e9}T10:38:31Z",
            "+026-11-21T10:38:31Z",
        ] {
            assert_eq!(at(bad), None, "{bad}");
        }
    }

    #[test]
    fn fixed_width_has_nine_decimals() {
        let time = Timestamp::from_unix(0, 5_000_000);
        assert_eq!(time.to_fixed_width(), "1970-01-01T00:00:00.005000000Z");
    }
}
