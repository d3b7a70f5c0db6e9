//! `teu diff`: what a container changed of its image's files.

use crate::flags::{Arguments, Verb};
use crate::help::Teach;
use crate::{Door, Outcome, output};
use std::ffi::OsString;
use teu_engine::ChangeKind;

pub const TEACH: Teach = Teach {
    name: "diff",
    usage: "CONTAINER",
    about: "Inspect changes to files or directories on a container's filesystem",
    example: "teu diff web    # A added, C changed, D deleted",
};

pub const VERB: Verb<()> = Verb {
    teach: TEACH,
    flags: &[],
    later: "",
    arguments: Arguments::Exactly(1),
    first_ends_flags: false,
};

pub fn main(door: &Door, words: Vec<OsString>) -> Outcome {
    let Some(((), names)) = VERB.parse(words)? else { return Ok(0) };
    let mut lines = Vec::new();
    for change in door.engine()?.diff(&names[0])? {
        let letter = match change.kind {
            ChangeKind::Added => b'A',
            ChangeKind::Changed => b'C',
            ChangeKind::Deleted => b'D',
        };
        lines.extend([letter, b' ', b'/']);
        lines.extend(change.path);
        lines.push(b'\n');
    }
    output::bytes(&lines);
    Ok(0)
}
