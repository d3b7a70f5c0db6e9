//! `teu stop`: asks, waits, then kills.

use crate::exit_code::{Failure, for_each};
use crate::flags::{Arguments, Flag, Takes, Verb, integer};
use crate::help::Teach;
use crate::{Door, Outcome, table, terminal};
use std::cell::Cell;
use std::ffi::OsString;
use teu_engine::Waiting;
use teu_model::Signal;

pub const TEACH: Teach = Teach {
    name: "stop",
    usage: "[OPTIONS] CONTAINER [CONTAINER...]",
    about: "Stop one or more running containers",
    example: "teu stop web\n\
              teu stop -t 60 db    # a minute to finish its work, then SIGKILL",
};

/// As typed.
#[derive(Debug, Default)]
pub struct StopFlags {
    signal: Option<String>,
    pub seconds: Option<i64>,
}

impl StopFlags {
    /// The signal that was asked for.
    pub fn signal(&self) -> Result<Option<Signal>, Failure> {
        let signal = self.signal.as_deref().filter(|signal| !signal.is_empty());
        let signal = signal.map(Signal::parse).transpose();
        signal.map_err(|error| Failure::new(error.to_string()))
    }
}

/// `-s`, here and for `restart`.
pub const fn signal_flag() -> Flag<StopFlags> {
    Flag {
        long: "signal",
        short: Some('s'),
        takes: Takes::Value("string"),
        doc: "Signal to send to the container",
        set: |typed, value| {
            typed.signal = Some(value.to_string());
            Ok(())
        },
    }
}

/// Docker had it as `--time` first, and still takes that.
pub const fn timeout(long: &'static str, short: Option<char>) -> Flag<StopFlags> {
    Flag {
        long,
        short,
        takes: Takes::Value("int"),
        doc: "Seconds to wait before killing the container; -1 for ever",
        set: |typed, value| integer(value).map(|seconds| typed.seconds = Some(seconds)),
    }
}

const FLAGS: &[Flag<StopFlags>] =
    &[signal_flag(), timeout("timeout", Some('t')), timeout("time", None)];

const VERB: Verb<StopFlags> = Verb {
    teach: TEACH,
    flags: &[FLAGS],
    later: "",
    arguments: Arguments::AtLeast(1),
    first_ends_flags: false,
};

pub fn main(door: &Door, words: Vec<OsString>) -> Outcome {
    let Some((flags, names)) = VERB.parse(words)? else { return Ok(0) };
    let signal = flags.signal()?;
    let engine = door.engine()?;
    let line = WaitingLine::default();
    for_each(&names, true, |name| {
        let stopped = engine.stop(name, signal, flags.seconds, &|waiting| line.show(waiting));
        line.clear();
        Ok(stopped?)
    })
}

/// On a terminal, what `stop` and `restart` wait for: one line that changes in place and goes.
#[derive(Debug, Default)]
pub struct WaitingLine {
    shown: Cell<bool>,
}

impl WaitingLine {
    /// Shows it.
    pub fn show(&self, waiting: &Waiting) {
        let Some(width) = terminal::stderr_width() else { return };
        let text = table::shorten(&told(waiting), width.saturating_sub(1));
        if !terminal::is_dumb() {
            eprint!("\r\x1b[2K{text}");
        } else if !self.shown.get() {
            eprintln!("{text}");
        }
        self.shown.set(true);
    }

    /// Takes it away.
    pub fn clear(&self) {
        if self.shown.replace(false) && !terminal::is_dumb() {
            eprint!("\r\x1b[2K");
        }
    }
}

fn told(waiting: &Waiting) -> String {
    let Waiting { name, signal, .. } = waiting;
    let mut text = match waiting.left {
        Some(left) => {
            let seconds = left.as_secs_f64().ceil();
            format!("{name}: waiting for its end by {signal}, SIGKILL in {seconds} s")
        }
        None => format!("{name}: waiting for its end by {signal}"),
    };
    if waiting.deaf {
        text += &format!(" (it has no handler for {signal}: run it with --init)");
    }
    text
}

#[test]
fn what_is_waited_for() {
    let mut waiting = Waiting {
        name: "web".into(),
        signal: Signal::TERM,
        left: Some(std::time::Duration::from_millis(8001)),
        deaf: false,
    };
    assert_eq!(told(&waiting), "web: waiting for its end by SIGTERM, SIGKILL in 9 s");
    waiting.deaf = true;
    assert!(told(&waiting).ends_with("(it has no handler for SIGTERM: run it with --init)"));
    waiting.left = None;
    assert!(told(&waiting).starts_with("web: waiting for its end by SIGTERM ("));
}
