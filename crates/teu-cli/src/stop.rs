//! `teu stop`: asks, waits, then kills.

use crate::exit_code::{Failure, for_each};
use crate::flags::{Arguments, Flag, Takes, Verb, integer};
use crate::help::Teach;
use crate::{Door, Outcome};
use std::ffi::OsString;
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
    for_each(&names, true, |name| Ok(engine.stop(name, signal, flags.seconds)?))
}
