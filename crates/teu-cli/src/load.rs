//! `teu load`: images from an archive of `docker save`, or of an OCI tool.

use crate::flags::{Arguments, Flag, Takes, Verb, switch};
use crate::help::Teach;
use crate::{Door, Outcome, import, output};
use std::ffi::OsString;

pub const TEACH: Teach = Teach {
    name: "load",
    usage: "[OPTIONS]",
    about: "Load an image from a tar archive or STDIN",
    example: "teu load -i images.tar\n\
              docker save debian | teu load",
};

/// As typed.
#[derive(Debug, Default)]
pub struct LoadFlags {
    input: Option<String>,
    quiet: bool,
}

const FLAGS: &[Flag<LoadFlags>] = &[
    Flag {
        long: "input",
        short: Some('i'),
        takes: Takes::Value("string"),
        doc: "Read from tar archive file, instead of STDIN",
        set: |typed, value| {
            typed.input = Some(value.to_string());
            Ok(())
        },
    },
    Flag {
        long: "quiet",
        short: Some('q'),
        takes: Takes::Nothing,
        doc: "Suppress the load output",
        set: |typed, value| switch(value).map(|on| typed.quiet = on),
    },
];

const VERB: Verb<LoadFlags> = Verb {
    teach: TEACH,
    flags: &[FLAGS],
    later: "--platform",
    arguments: Arguments::Exactly(0),
    first_ends_flags: false,
};

pub fn main(door: &Door, words: Vec<OsString>) -> Outcome {
    let Some((flags, _)) = VERB.parse(words)? else { return Ok(0) };
    let archive = import::input(flags.input.as_deref().filter(|path| !path.is_empty()))?;
    let loaded = door.engine()?.load(archive)?;
    for image in loaded {
        output::print(&match image.reference {
            Some(reference) => format!("Loaded image: {}\n", reference.familiar()),
            None => format!("Loaded image ID: {}\n", image.id),
        });
    }
    Ok(0)
}
