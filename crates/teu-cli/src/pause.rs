//! `teu pause`: all processes stand still.

use crate::exit_code::for_each;
use crate::flags::{Arguments, Verb};
use crate::help::Teach;
use crate::{Door, Outcome};
use std::ffi::OsString;

pub const TEACH: Teach = Teach {
    name: "pause",
    usage: "CONTAINER [CONTAINER...]",
    about: "Pause all processes within one or more containers",
    example: "teu pause db; teu unpause db",
};

const VERB: Verb<()> = Verb {
    teach: TEACH,
    flags: &[],
    later: "",
    arguments: Arguments::AtLeast(1),
    first_ends_flags: false,
};

pub fn main(door: &Door, words: Vec<OsString>) -> Outcome {
    let Some(((), names)) = VERB.parse(words)? else { return Ok(0) };
    let engine = door.engine()?;
    for_each(&names, true, |name| Ok(engine.pause(name)?))
}
