//! `teu rm`: containers, and all they wrote.

use crate::exit_code::for_each;
use crate::flags::{Arguments, Flag, Takes, Verb, switch};
use crate::help::Teach;
use crate::{Door, Outcome, output};
use std::ffi::OsString;
use teu_engine::{Engine, EngineError};

pub const TEACH: Teach = Teach {
    name: "rm",
    usage: "[OPTIONS] CONTAINER [CONTAINER...]",
    about: "Remove one or more containers",
    example: "teu rm web\n\
              teu rm -f $(teu ps -aq)    # all of them, running or not",
};

/// As typed.
#[derive(Debug, Default)]
pub struct RmFlags {
    force: bool,
    volumes: bool,
    link: bool,
    dry: bool,
}

const FLAGS: &[Flag<RmFlags>] = &[
    Flag {
        long: "force",
        short: Some('f'),
        takes: Takes::Nothing,
        doc: "Remove a running container too (uses SIGKILL)",
        set: |typed, value| switch(value).map(|on| typed.force = on),
    },
    Flag {
        long: "volumes",
        short: Some('v'),
        takes: Takes::Nothing,
        doc: "Remove anonymous volumes associated with the container",
        set: |typed, value| switch(value).map(|on| typed.volumes = on),
    },
    Flag {
        long: "link",
        short: Some('l'),
        takes: Takes::Nothing,
        doc: "Remove the specified link",
        set: |typed, value| switch(value).map(|on| typed.link = on),
    },
    Flag {
        long: "dry-run",
        short: None,
        takes: Takes::Nothing,
        doc: "Only tell what would be removed",
        set: |typed, value| switch(value).map(|on| typed.dry = on),
    },
];

pub const VERB: Verb<RmFlags> = Verb {
    teach: TEACH,
    flags: &[FLAGS],
    later: "",
    arguments: Arguments::AtLeast(1),
    first_ends_flags: false,
};

pub fn main(door: &Door, words: Vec<OsString>) -> Outcome {
    let Some((flags, names)) = VERB.parse(words)? else { return Ok(0) };
    let engine = door.engine()?;
    for_each(&names, false, |name| match remove(&engine, name, &flags) {
        Ok(()) => {
            output::print(&format!("{name}\n"));
            Ok(())
        }
        // By force, what is not there is removed enough; docker says so and ends well.
        Err(error @ EngineError::NoSuchContainer { .. }) if flags.force => {
            eprintln!("teu: {error}");
            Ok(())
        }
        Err(error) => Err(error.into()),
    })
}

fn remove(engine: &Engine, name: &str, flags: &RmFlags) -> Result<(), EngineError> {
    if flags.link {
        // Docker's words for a container that is there and has no link of this name.
        engine.find(name)?;
        let message = format!("Could not get parent for {name}: links are no part of teu");
        return Err(EngineError::BadRequest {
            message,
            hint: Some("use names: they are resolved"),
        });
    }
    if flags.dry {
        engine.may_remove(name, flags.force)
    } else {
        engine.remove_with(name, flags.force, flags.volumes)
    }
}
