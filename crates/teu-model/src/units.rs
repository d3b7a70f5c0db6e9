//! Sizes as docker's users type and read them.

/// A text that is no size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid size: '{given}'")]
pub struct BadSize {
    /// What was given.
    pub given: String,
}

/// Bytes from `64m`, `1.5G`, `512KiB`, `1024`: powers of 1024, as docker's memory flags take them.
pub fn parse_size(text: &str) -> Result<u64, BadSize> {
    let bad = || BadSize { given: text.chars().take(100).collect() };
    let number_end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(number_end);
    let shift = match unit.trim_start_matches(' ').to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        "p" | "pb" | "pib" => 50,
        _ => return Err(bad()),
    };
    let bytes = number.parse::<f64>().map_err(|_| bad())? * (1u64 << shift) as f64;
    // Above 2^63 the kernel's signed counters end.
    if !(0.0..9.2e18).contains(&bytes) {
        return Err(bad());
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked in the line above"
    )]
    Ok(bytes as u64)
}

/// `1.23MB`: powers of 1000, four significant digits, as `docker images` prints.
pub fn human_size(bytes: u64) -> String {
    human(bytes, 1000.0, &["B", "kB", "MB", "GB", "TB", "PB"], 3)
}

/// `1.23MiB`: powers of 1024, as `docker stats` prints.
pub fn human_size_binary(bytes: u64) -> String {
    human(bytes, 1024.0, &["B", "KiB", "MiB", "GiB", "TiB", "PiB"], 4)
}

fn human(bytes: u64, base: f64, units: &[&str], digits: usize) -> String {
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= base && unit + 1 < units.len() {
        value /= base;
        unit += 1;
    }
    format!("{}{}", significant(value, digits), units[unit])
}

/// Go's `%.Ng`: at most `digits` significant digits, no trailing zeros.
fn significant(value: f64, digits: usize) -> String {
    let whole = format!("{}", value.trunc()).len();
    let text = format!("{value:.*}", digits.saturating_sub(whole));
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_string()
    } else {
        text
    }
}

#[test]
fn sizes_typed() {
    for (text, bytes) in [
        ("0", 0),
        ("64m", 64 << 20),
        ("1.5G", 3 << 29),
        ("512KiB", 512 << 10),
        ("7b", 7),
        ("1 GB", 1 << 30),
    ] {
        assert_eq!(parse_size(text), Ok(bytes), "{text}");
    }
    for bad in ["", "m", "-1", "1x", "1.2.3", "1e3", "99999999999p", "NaN", "inf"] {
        assert!(parse_size(bad).is_err(), "{bad}");
    }
}

#[test]
fn sizes_shown() {
    for (bytes, text) in [
        (0, "0B"),
        (999, "999B"),
        (1_000, "1kB"),
        (4_267_000, "4.27MB"),
        (124_000_000, "124MB"),
        (1_049_000_000, "1.05GB"),
    ] {
        assert_eq!(human_size(bytes), text);
    }
    assert_eq!(human_size_binary(1_300_234), "1.24MiB");
}
