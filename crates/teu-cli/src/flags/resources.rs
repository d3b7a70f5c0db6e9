//! Limits: memory, processors, processes.

use super::{CreateFlags, Flag, Takes, integer, size};
use teu_model::ResourceRequest;

/// As typed; each definition checks its own form.
#[derive(Clone, Debug, Default)]
pub struct ResourceFlags {
    meant: ResourceRequest,
}

/// Zero means "not limited", as docker has it.
fn limit(bytes: u64) -> Option<u64> {
    Some(bytes).filter(|bytes| *bytes > 0)
}

/// Their definitions.
pub const RESOURCES: &[Flag<CreateFlags>] = &[
    Flag {
        long: "memory",
        short: Some('m'),
        takes: Takes::Value("bytes"),
        doc: "Memory limit: 512m, 2g",
        set: |typed, value| {
            size(value).map(|bytes| typed.resources.meant.memory_bytes = limit(bytes))
        },
    },
    Flag {
        long: "memory-reservation",
        short: None,
        takes: Takes::Value("bytes"),
        doc: "Memory soft limit",
        set: |typed, value| {
            size(value).map(|bytes| typed.resources.meant.memory_reservation_bytes = limit(bytes))
        },
    },
    Flag {
        long: "memory-swap",
        short: None,
        takes: Takes::Value("bytes"),
        doc: "Limit of memory and swap together; -1 for unlimited swap",
        set: |typed, value| {
            let bytes = match value {
                "-1" => Some(-1),
                _ => limit(size(value)?).map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX)),
            };
            typed.resources.meant.memory_swap_bytes = bytes;
            Ok(())
        },
    },
    Flag {
        long: "cpus",
        short: None,
        takes: Takes::Value("decimal"),
        doc: "Number of CPUs: 0.5, 2",
        set: |typed, value| {
            let nano = nano(value)
                .ok_or("it must be a decimal number with at most nine digits after the point")?;
            typed.resources.meant.nano_cpus = limit(nano);
            Ok(())
        },
    },
    Flag {
        long: "cpu-shares",
        short: Some('c'),
        takes: Takes::Value("int"),
        doc: "CPU shares (relative weight, 1024 is usual)",
        set: |typed, value| {
            let shares = u64::try_from(integer(value)?).map_err(|_| "it cannot be negative")?;
            typed.resources.meant.cpu_shares = limit(shares);
            Ok(())
        },
    },
    Flag {
        long: "cpuset-cpus",
        short: None,
        takes: Takes::Value("string"),
        doc: "CPUs in which to allow execution (0-3, 0,1)",
        set: |typed, value| {
            typed.resources.meant.cpuset_cpus = Some(value.to_string()).filter(|v| !v.is_empty());
            Ok(())
        },
    },
    Flag {
        long: "cpuset-mems",
        short: None,
        takes: Takes::Value("string"),
        doc: "Memory nodes in which to allow execution (0-3, 0,1)",
        set: |typed, value| {
            typed.resources.meant.cpuset_mems = Some(value.to_string()).filter(|v| !v.is_empty());
            Ok(())
        },
    },
    Flag {
        long: "pids-limit",
        short: None,
        takes: Takes::Value("int"),
        doc: "Processes and threads at most; -1 for unlimited",
        set: |typed, value| {
            integer(value).map(|count| typed.resources.meant.pids = Some(count).filter(|n| *n != 0))
        },
    },
];

impl ResourceFlags {
    /// The limits that were meant.
    pub fn resolve(self) -> Result<ResourceRequest, String> {
        Ok(self.meant)
    }
}

/// Billionths, exactly: `0.1` as a binary fraction is not.
fn nano(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|c| c.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty())
        || fraction.len() > 9
        || !digits(whole)
        || !digits(fraction)
    {
        return None;
    }
    let whole = if whole.is_empty() { 0 } else { whole.parse::<u64>().ok()? };
    let fraction = format!("{fraction:0<9}").parse::<u64>().ok()?;
    whole.checked_mul(1_000_000_000)?.checked_add(fraction)
}

#[test]
fn billionths() {
    for (text, expected) in [
        ("1", Some(1_000_000_000)),
        ("0.1", Some(100_000_000)),
        (".5", Some(500_000_000)),
        ("2.", Some(2_000_000_000)),
        ("1.000000001", Some(1_000_000_001)),
        ("", None),
        (".", None),
        ("-1", None),
        ("1e3", None),
        ("1.0000000001", None),
        ("99999999999999999999", None),
    ] {
        assert_eq!(nano(text), expected, "{text}");
    }
}
