//! `teu restart`: stops, as `stop` does, and starts again.

use crate::exit_code::{Failure, for_each};
use crate::flags::{Arguments, Flag, Verb};
use crate::help::Teach;
use crate::stop::{StopFlags, WaitingLine, signal_flag, timeout};
use crate::{Door, Outcome};
use std::ffi::OsString;

pub const TEACH: Teach = Teach {
    name: "restart",
    usage: "[OPTIONS] CONTAINER [CONTAINER...]",
    about: "Restart one or more containers",
    example: "teu restart web\n\
              teu restart -t 60 db    # a minute to finish its work, then SIGKILL",
};

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
        let restarted = engine.restart(name, signal, flags.seconds, &|waiting| line.show(waiting));
        line.clear();
        for warning in restarted? {
            eprintln!("WARNING: {warning}");
        }
        Ok::<(), Failure>(())
    })
}
