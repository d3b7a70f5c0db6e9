//! `teu rmi`: names of images, and images without a name.

use crate::exit_code::{Failure, for_each};
use crate::flags::{Arguments, Flag, Takes, Verb, switch};
use crate::help::Teach;
use crate::{Door, Outcome, output};
use std::ffi::OsString;
use teu_engine::EngineError;
use teu_engine::parts::{ImageError, Removed};

pub const TEACH: Teach = Teach {
    name: "rmi",
    usage: "[OPTIONS] IMAGE [IMAGE...]",
    about: "Remove one or more images",
    example: "teu rmi debian:12",
};

/// As typed.
#[derive(Debug, Default)]
pub struct RmiFlags {
    force: bool,
}

const FLAGS: &[Flag<RmiFlags>] = &[Flag {
    long: "force",
    short: Some('f'),
    takes: Takes::Nothing,
    doc: "Force removal of the image",
    set: |typed, value| switch(value).map(|on| typed.force = on),
}];

const VERB: Verb<RmiFlags> = Verb {
    teach: TEACH,
    flags: &[FLAGS],
    later: "--no-prune --platform",
    arguments: Arguments::AtLeast(1),
    first_ends_flags: false,
};

pub fn main(door: &Door, words: Vec<OsString>) -> Outcome {
    let Some((flags, names)) = VERB.parse(words)? else { return Ok(0) };
    let engine = door.engine()?;
    for_each(&names, false, |name| {
        let removed = match engine.remove_image(name, flags.force) {
            // Asked by force, what is not there is told and is no failure.
            Err(EngineError::Image(error @ ImageError::NoSuchImage { .. })) if flags.force => {
                Failure::new(error.to_string()).tell();
                return Ok(());
            }
            other => other?,
        };
        for removed in removed {
            output::print(&match removed {
                Removed::Untagged(reference) => format!("Untagged: {}\n", reference.familiar()),
                Removed::Deleted(digest) => format!("Deleted: {digest}\n"),
            });
        }
        Ok(())
    })
}
