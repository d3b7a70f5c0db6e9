//! Signals by the names that users type and image configs carry.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A signal's number on Linux (the same on x86_64 and aarch64), 1 to 64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Signal(pub i32);

/// A text that names no signal. Docker's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Invalid signal: {given}")]
pub struct BadSignal {
    /// What was given.
    pub given: String,
}

/// `signal(7)`, "Standard signals", in the order of their numbers from 1.
const NAMES: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
    "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
    "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
];
/// glibc's SIGRTMIN: the kernel's first two belong to its threads.
const RTMIN: i32 = 34;
const RTMAX: i32 = 64;

impl Signal {
    /// SIGKILL.
    pub const KILL: Signal = Signal(9);
    /// SIGTERM.
    pub const TERM: Signal = Signal(15);
    /// SIGINT.
    pub const INT: Signal = Signal(2);
    /// SIGSTOP.
    pub const STOP: Signal = Signal(19);

    /// From `SIGTERM`, `term`, `15`, `SIGRTMIN+3`.
    pub fn parse(text: &str) -> Result<Signal, BadSignal> {
        let bad = || BadSignal { given: text.chars().take(100).collect() };
        if text.bytes().all(|c| c.is_ascii_digit()) {
            let number = text.parse::<i32>().map_err(|_| bad())?;
            return if (1..=RTMAX).contains(&number) { Ok(Signal(number)) } else { Err(bad()) };
        }
        let upper = text.to_ascii_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        let alias = match name {
            "CLD" => "CHLD",
            "IOT" => "ABRT",
            "POLL" => "IO",
            other => other,
        };
        if let Some(position) = NAMES.iter().position(|&known| known == alias) {
            return Ok(Signal(i32::try_from(position).map_err(|_| bad())? + 1));
        }
        let real_time =
            |base: i32, offset: &str| offset.parse::<i32>().ok().map(|offset| base + offset);
        let number = match alias {
            "RTMIN" => Some(RTMIN),
            "RTMAX" => Some(RTMAX),
            _ => match (alias.strip_prefix("RTMIN+"), alias.strip_prefix("RTMAX-")) {
                (Some(offset), _) => real_time(RTMIN, offset),
                (_, Some(offset)) => offset.parse::<i32>().ok().map(|offset| RTMAX - offset),
                _ => None,
            },
        };
        number.filter(|number| (RTMIN..=RTMAX).contains(number)).map(Signal).ok_or_else(bad)
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match usize::try_from(self.0 - 1).ok().and_then(|index| NAMES.get(index)) {
            Some(name) => write!(f, "SIG{name}"),
            None if self.0 >= RTMIN => write!(f, "SIGRTMIN+{}", self.0 - RTMIN),
            None => write!(f, "signal {}", self.0),
        }
    }
}

#[test]
fn signals() {
    for (text, number) in
        [("TERM", 15), ("sigkill", 9), ("9", 9), ("SIGRTMIN+3", 37), ("RTMAX-1", 63), ("SYS", 31)]
    {
        assert_eq!(Signal::parse(text), Ok(Signal(number)), "{text}");
    }
    for bad in ["", "0", "65", "SIGFOO", "RTMIN+99", "-1", "RTMIN+-1", "99999999999"] {
        assert!(Signal::parse(bad).is_err(), "{bad}");
    }
    assert_eq!(Signal(15).to_string(), "SIGTERM");
}
