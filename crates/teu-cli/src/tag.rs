//! `teu tag`: a further name for an image.

use crate::exit_code::Failure;
use crate::flags::{Arguments, Verb};
use crate::help::Teach;
use crate::{Door, Outcome};
use std::ffi::OsString;
use teu_model::Reference;

pub const TEACH: Teach = Teach {
    name: "tag",
    usage: "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
    about: "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
    example: "teu tag debian registry.example/base/debian:12",
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
    let target = reference(&names[1])?;
    if target.digest.is_some() {
        return Err(Failure::new("refusing to create a tag with a digest reference"));
    }
    door.engine()?.tag(&names[0], &target)?;
    Ok(0)
}

/// A name of an image.
pub fn reference(text: &str) -> Result<Reference, Failure> {
    Reference::parse(text).map_err(|error| Failure::new(error.to_string()))
}
