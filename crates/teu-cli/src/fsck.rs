//! `teu fsck`: is everything of this state root as it should be?

use crate::flags::{Arguments, Flag, Takes, Verb, switch};
use crate::help::Teach;
use crate::{Door, Outcome, output};
use std::ffi::OsString;
use teu_engine::{Engine, Finding, FsckOptions};

pub const TEACH: Teach = Teach {
    name: "fsck",
    usage: "[OPTIONS]",
    about: "Look at everything of this state root, and tell what does not fit",
    example: "teu fsck              # ends with 0 if all is well, with 1 if not\n\
              teu fsck --repair     # and puts it right",
};

const FLAGS: &[Flag<FsckOptions>] = &[
    Flag {
        long: "repair",
        short: None,
        takes: Takes::Nothing,
        doc: "Put right what does not fit",
        set: |typed, value| switch(value).map(|on| typed.repair = on),
    },
    Flag {
        long: "verify",
        short: None,
        takes: Takes::Nothing,
        doc: "Read every byte of every layer, too",
        set: |typed, value| switch(value).map(|on| typed.verify = on),
    },
];

pub const VERB: Verb<FsckOptions> = Verb {
    teach: TEACH,
    flags: &[FLAGS],
    later: "",
    arguments: Arguments::Exactly(0),
    first_ends_flags: false,
};

pub fn main(door: &Door, words: Vec<OsString>) -> Outcome {
    let Some((options, _)) = VERB.parse(words)? else { return Ok(0) };
    let (paths, outside) = door.state_root()?;
    let mut found = 0;
    let clean = Engine::fsck(paths, outside, options, &mut |finding| {
        found += 1;
        output::print(&told(finding));
    })?;
    if found == 0 {
        output::print("nothing is wrong\n");
    }
    Ok(u8::from(!clean))
}

fn told(finding: &Finding) -> String {
    let Finding { object, wrong, remedy, repaired } = finding;
    match repaired {
        None => format!("{object}: {wrong}\n    --repair would: {remedy}\n"),
        Some(Ok(())) => format!("{object}: {wrong}\n    repaired: {remedy}\n"),
        Some(Err(why)) => format!("{object}: {wrong}\n    not repaired: {why}\n"),
    }
}
