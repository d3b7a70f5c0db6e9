//! `teu logs`: what a container wrote.

use crate::exit_code::Failure;
use crate::flags::{Arguments, Flag, Takes, Verb, switch};
use crate::help::Teach;
use crate::{Door, Outcome, moment};
use std::ffi::OsString;
use std::io::Write;
use std::time::{Duration, SystemTime};
use teu_engine::parts::{Entry, LogOptions, LogTimestamp, Stream, Tail};
use teu_model::Timestamp;

pub const TEACH: Teach = Teach {
    name: "logs",
    usage: "[OPTIONS] CONTAINER",
    about: "Fetch the logs of a container",
    example: "teu logs -f web\n\
              teu logs --since 10m -n 100 -t web",
};

/// As typed.
#[derive(Debug, Default)]
pub struct LogsFlags {
    follow: bool,
    timestamps: bool,
    details: bool,
    tail: Option<String>,
    since: Option<String>,
    until: Option<String>,
}

const FLAGS: &[Flag<LogsFlags>] = &[
    Flag {
        long: "follow",
        short: Some('f'),
        takes: Takes::Nothing,
        doc: "Follow log output",
        set: |typed, value| switch(value).map(|on| typed.follow = on),
    },
    Flag {
        long: "timestamps",
        short: Some('t'),
        takes: Takes::Nothing,
        doc: "Show timestamps",
        set: |typed, value| switch(value).map(|on| typed.timestamps = on),
    },
    Flag {
        long: "details",
        short: None,
        takes: Takes::Nothing,
        doc: "Show extra details provided to logs",
        set: |typed, value| switch(value).map(|on| typed.details = on),
    },
    Flag {
        long: "tail",
        short: Some('n'),
        takes: Takes::Value("string"),
        doc: "Number of lines to show from the end of the logs (default all)",
        set: |typed, value| {
            typed.tail = Some(value.to_string());
            Ok(())
        },
    },
    Flag {
        long: "since",
        short: None,
        takes: Takes::Value("string"),
        doc: "Show logs since a moment (2026-11-21T10:00:00Z), or for so long (42m)",
        set: |typed, value| {
            typed.since = Some(value.to_string());
            Ok(())
        },
    },
    Flag {
        long: "until",
        short: None,
        takes: Takes::Value("string"),
        doc: "Show logs before a moment, or before so long ago",
        set: |typed, value| {
            typed.until = Some(value.to_string());
            Ok(())
        },
    },
];

const VERB: Verb<LogsFlags> = Verb {
    teach: TEACH,
    flags: &[FLAGS],
    later: "",
    arguments: Arguments::Exactly(1),
    first_ends_flags: false,
};

/// How long a reader that follows waits before it looks whether the container still runs.
const LOOK_EVERY: Duration = Duration::from_millis(500);

pub fn main(door: &Door, words: Vec<OsString>) -> Outcome {
    let Some((flags, names)) = VERB.parse(words)? else { return Ok(0) };
    let now = Timestamp::from(SystemTime::now());
    let moment = |text: &Option<String>| {
        let text = text.as_deref().filter(|text| !text.is_empty());
        let moment = text.map(|text| moment::parse(text, now)).transpose().map_err(Failure::new)?;
        Ok::<_, Failure>(moment.map(log_time))
    };
    let options = LogOptions {
        tail: tail(flags.tail.as_deref())?,
        since: moment(&flags.since)?,
        until: moment(&flags.until)?,
        ..LogOptions::default()
    };
    let engine = door.engine()?;
    let (container, mut reader) = engine.logs(&names[0], options)?;
    let failed = |source: std::io::Error| Failure::new("cannot read the log").because(source);
    let mut out = Output::new(flags.timestamps, flags.details);
    loop {
        // Asked before the log is read to its end: what was written before the container ended is told.
        let runs = flags.follow && engine.is_running(&container);
        while let Some(entry) = reader.next_entry().map_err(failed)? {
            if !out.write(&entry) {
                return Ok(0);
            }
        }
        // What follows is later than what is wanted.
        let left = options.until.map(|until| until.since(LogTimestamp::now()));
        let is_late = left.is_some_and(|left| left.is_zero());
        if !out.flush() || !runs || is_late || reader.is_over() {
            return Ok(0);
        }
        let wait = left.map_or(LOOK_EVERY, |left| left.min(LOOK_EVERY));
        reader.wait(None, Some(wait)).map_err(failed)?;
    }
}

fn tail(text: Option<&str>) -> Result<Tail, Failure> {
    match text {
        None | Some("all" | "") => Ok(Tail::All),
        Some(number) => match number.parse::<i64>() {
            // Docker takes a negative number for all.
            Ok(number) => Ok(usize::try_from(number).map_or(Tail::All, Tail::Entries)),
            Err(_) => Ok(Tail::All),
        },
    }
}

/// As a query of a URL, which is how docker writes them.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' ' => escaped.push('+'),
            byte if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) => {
                escaped.push(char::from(byte));
            }
            byte => escaped += &format!("%{byte:02X}"),
        }
    }
    escaped
}

fn log_time(moment: Timestamp) -> LogTimestamp {
    let nanos = u32::try_from(moment.0 % 1_000_000_000).unwrap_or(0);
    LogTimestamp::from_unix(moment.0 / 1_000_000_000, nanos)
}

/// Where entries go: each stream to its own, in the order in which they were written.
struct Output {
    timestamps: bool,
    details: bool,
    /// What is not written yet, and where it goes.
    kept: Vec<u8>,
    stream: Stream,
    /// The last entry of each stream ended its line.
    line_is_over: [bool; 2],
}

impl Output {
    fn new(timestamps: bool, details: bool) -> Output {
        Output {
            timestamps,
            details,
            kept: Vec::new(),
            stream: Stream::Stdout,
            line_is_over: [true; 2],
        }
    }

    /// False when the reader is gone.
    fn write(&mut self, entry: &Entry) -> bool {
        if (self.stream != entry.stream || self.kept.len() > 64 << 10) && !self.flush() {
            return false;
        }
        self.stream = entry.stream;
        let line = &mut self.line_is_over[entry.stream as usize];
        if self.timestamps && *line {
            self.kept.extend_from_slice(entry.time.to_fixed_width().as_bytes());
            self.kept.push(b' ');
        }
        if self.details && *line {
            let words: Vec<String> = entry
                .words
                .iter()
                .map(|(name, value)| format!("{}={}", escaped(name), escaped(value)))
                .collect();
            self.kept.extend_from_slice(words.join(",").as_bytes());
            self.kept.push(b' ');
        }
        *line = entry.text.ends_with('\n');
        self.kept.extend_from_slice(entry.text.as_bytes());
        true
    }

    fn flush(&mut self) -> bool {
        let written = match self.stream {
            Stream::Stdout => {
                let mut out = std::io::stdout().lock();
                out.write_all(&self.kept).and_then(|()| out.flush())
            }
            Stream::Stderr => std::io::stderr().lock().write_all(&self.kept),
        };
        self.kept.clear();
        written.is_ok()
    }
}
