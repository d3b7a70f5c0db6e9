//! `teu system reset`: everything of this state root goes.

use crate::exit_code::Failure;
use crate::flags::{Arguments, Flag, Takes, Verb, switch};
use crate::help::Teach;
use crate::{Door, Outcome, terminal};
use std::ffi::OsString;

pub const TEACH: Teach = Teach {
    name: "system reset",
    usage: "[OPTIONS]",
    about: "Remove all containers and images, and every trace of teu on the machine",
    example: "teu system reset --force",
};

/// As typed.
#[derive(Debug, Default)]
pub struct SystemFlags {
    force: bool,
}

const FLAGS: &[Flag<SystemFlags>] = &[Flag {
    long: "force",
    short: Some('f'),
    takes: Takes::Nothing,
    doc: "Do not ask",
    set: |typed, value| switch(value).map(|on| typed.force = on),
}];

const VERB: Verb<SystemFlags> = Verb {
    teach: TEACH,
    flags: &[FLAGS],
    later: "",
    arguments: Arguments::Exactly(0),
    first_ends_flags: false,
};

pub fn main(door: &Door, words: Vec<OsString>) -> Outcome {
    let Some((flags, _)) = VERB.parse(words)? else { return Ok(0) };
    if !flags.force && !confirmed()? {
        return Err(Failure::new("nothing was removed"));
    }
    door.engine()?.reset()?;
    Ok(0)
}

fn confirmed() -> Result<bool, Failure> {
    if !terminal::stdin_is_terminal() {
        return Err(
            Failure::new("this removes everything, and nobody can be asked").hint("use --force")
        );
    }
    eprint!(
        "WARNING! This will remove all containers, running ones too, and all images.\nGo on? [y/N] "
    );
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer);
    read.map_err(|error| Failure::new("cannot read the answer").because(error))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
