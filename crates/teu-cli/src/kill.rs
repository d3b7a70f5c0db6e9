//! `teu kill`: a signal to the first process.

use crate::exit_code::{Failure, for_each};
use crate::flags::{Arguments, Flag, Takes, Verb};
use crate::help::Teach;
use crate::{Door, Outcome};
use std::ffi::OsString;
use teu_engine::EngineError;
use teu_model::Signal;

pub const TEACH: Teach = Teach {
    name: "kill",
    usage: "[OPTIONS] CONTAINER [CONTAINER...]",
    about: "Kill one or more running containers",
    example: "teu kill web\n\
              teu kill -s HUP web    # read the configuration again",
};

/// As typed.
#[derive(Debug, Default)]
pub struct KillFlags {
    signal: Option<String>,
}

const FLAGS: &[Flag<KillFlags>] = &[Flag {
    long: "signal",
    short: Some('s'),
    takes: Takes::Value("string"),
    doc: "Signal to send to the container (default KILL)",
    set: |typed, value| {
        typed.signal = Some(value.to_string());
        Ok(())
    },
}];

const VERB: Verb<KillFlags> = Verb {
    teach: TEACH,
    flags: &[FLAGS],
    later: "",
    arguments: Arguments::AtLeast(1),
    first_ends_flags: false,
};

pub fn main(door: &Door, words: Vec<OsString>) -> Outcome {
    let Some((flags, names)) = VERB.parse(words)? else { return Ok(0) };
    let signal = Signal::parse(flags.signal.as_deref().filter(|s| !s.is_empty()).unwrap_or("KILL"));
    let signal = signal.map_err(|error| Failure::new(error.to_string()))?;
    let engine = door.engine()?;
    for_each(&names, true, |name| {
        engine.kill(name, signal).map_err(|error| match error {
            EngineError::NoSuchContainer { .. } => {
                Failure::new(format!("cannot kill container: {name}")).because(error)
            }
            other => other.into(),
        })
    })
}
