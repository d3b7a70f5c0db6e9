//! `teu wait`: until containers end; their statuses.

use crate::exit_code::for_each;
use crate::flags::{Arguments, Verb};
use crate::help::Teach;
use crate::{Door, Outcome, output};
use std::ffi::OsString;

pub const TEACH: Teach = Teach {
    name: "wait",
    usage: "CONTAINER [CONTAINER...]",
    about: "Block until one or more containers stop, then print their exit codes",
    example: "teu wait job    # prints 0 when it went well",
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
    for_each(&names, false, |name| {
        let exit = engine.wait(name)?;
        output::print(&format!("{}\n", exit.code));
        Ok(())
    })
}
