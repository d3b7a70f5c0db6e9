//! `teu rename`: another name.

use crate::exit_code::Failure;
use crate::flags::{Arguments, Verb};
use crate::help::Teach;
use crate::{Door, Outcome};
use std::ffi::OsString;

pub const TEACH: Teach = Teach {
    name: "rename",
    usage: "CONTAINER NEW_NAME",
    about: "Rename a container",
    example: "teu rename web web-old",
};

const VERB: Verb<()> = Verb {
    teach: TEACH,
    flags: &[],
    later: "",
    arguments: Arguments::Exactly(2),
    first_ends_flags: false,
};

pub fn main(door: &Door, words: Vec<OsString>) -> Outcome {
    let Some(((), names)) = VERB.parse(words)? else { return Ok(0) };
    let (old, new) = (names[0].trim(), names[1].trim());
    if old.is_empty() || new.is_empty() {
        return Err(Failure::new("Error: Neither old nor new names may be empty"));
    }
    door.engine()?.rename(old, new).map_err(|error| {
        // Docker tells both: why, and what failed.
        Failure::from(error).tell();
        Failure::new(format!("Error: failed to rename container named {old}"))
    })?;
    Ok(0)
}
