//! `teu rmi`: names of images, and images without a name.

use crate::exit_code::for_each;
use crate::flags::{Arguments, Flag, Takes, Verb, switch};
use crate::help::Teach;
use crate::{Door, Outcome, output};
use std::ffi::OsString;
use teu_engine::parts::Removed;

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
        for removed in engine.remove_image(name, flags.force)? {
            output::print(&match removed {
                Removed::Untagged(reference) => format!("Untagged: {}\n", reference.familiar()),
                Removed::Deleted(digest) => format!("Deleted: {digest}\n"),
            });
        }
        Ok(())
    })
}
