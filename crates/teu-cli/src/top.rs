//! `teu top`: the processes of a container.

use crate::flags::{Arguments, Verb};
use crate::help::Teach;
use crate::{Door, Outcome, output, table};
use std::ffi::OsString;

pub const TEACH: Teach = Teach {
    name: "top",
    usage: "CONTAINER [ps OPTIONS]",
    about: "Display the running processes of a container",
    example: "teu top web\n\
              teu top web aux\n\
              teu top web -o pid,user,args",
};

const VERB: Verb<()> = Verb {
    teach: TEACH,
    flags: &[],
    later: "",
    arguments: Arguments::AtLeast(1),
    first_ends_flags: true,
};

pub fn main(door: &Door, words: Vec<OsString>) -> Outcome {
    let Some(((), words)) = VERB.parse(words)? else { return Ok(0) };
    let processes = door.engine()?.top(&words[0], &words[1..])?;
    let rows: Vec<Vec<String>> = std::iter::once(processes.titles).chain(processes.rows).collect();
    // Docker's columns here are twenty wide.
    output::print(&table::render_at_least(&rows, 20));
    Ok(0)
}
