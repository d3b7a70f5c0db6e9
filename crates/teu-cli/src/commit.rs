//! `teu commit`: an image from what a container changed.

use crate::exit_code::Failure;
use crate::flags::{Arguments, Flag, Takes, Verb, switch};
use crate::help::Teach;
use crate::{Door, Outcome, output, tag};
use std::ffi::OsString;
use teu_engine::CommitRequest;
use teu_model::Timestamp;

pub const TEACH: Teach = Teach {
    name: "commit",
    usage: "[OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
    about: "Create a new image from a container's changes",
    example: "teu commit -m 'with curl' -c 'CMD [\"curl\"]' web web-with-curl",
};

/// As typed.
#[derive(Debug, Default)]
pub struct CommitFlags {
    author: Option<String>,
    message: Option<String>,
    changes: Vec<String>,
    no_pause: bool,
}

const FLAGS: &[Flag<CommitFlags>] = &[
    Flag {
        long: "author",
        short: Some('a'),
        takes: Takes::Value("string"),
        doc: "Author (e.g., \"John Hannibal Smith <hannibal@a-team.com>\")",
        set: |typed, value| {
            typed.author = Some(value.to_string()).filter(|author| !author.is_empty());
            Ok(())
        },
    },
    Flag {
        long: "change",
        short: Some('c'),
        takes: Takes::Value("list"),
        doc: "Apply Dockerfile instruction to the created image",
        set: |typed, value| {
            typed.changes.push(value.to_string());
            Ok(())
        },
    },
    Flag {
        long: "message",
        short: Some('m'),
        takes: Takes::Value("string"),
        doc: "Commit message",
        set: |typed, value| {
            typed.message = Some(value.to_string()).filter(|message| !message.is_empty());
            Ok(())
        },
    },
    Flag {
        long: "pause",
        short: Some('p'),
        takes: Takes::Nothing,
        doc: "Pause container during commit (default true)",
        set: |typed, value| switch(value).map(|on| typed.no_pause = !on),
    },
];

pub const VERB: Verb<CommitFlags> = Verb {
    teach: TEACH,
    flags: &[FLAGS],
    later: "",
    arguments: Arguments::Between(1, 2),
    first_ends_flags: false,
};

pub fn main(door: &Door, words: Vec<OsString>) -> Outcome {
    let Some((flags, words)) = VERB.parse(words)? else { return Ok(0) };
    let reference = words.get(1).map(|name| tag::reference(name)).transpose()?;
    if reference.as_ref().is_some_and(|reference| reference.digest.is_some()) {
        return Err(Failure::new("refusing to create a tag with a digest reference"));
    }
    let request = CommitRequest {
        reference,
        author: flags.author,
        message: flags.message,
        changes: flags.changes,
        pause: !flags.no_pause,
        epoch: epoch()?,
    };
    let image = door.engine()?.commit(&words[0], &request)?;
    output::print(&format!("{}\n", image.id));
    Ok(0)
}

/// `SOURCE_DATE_EPOCH`, as builders understand it: seconds since 1970.
fn epoch() -> Result<Option<Timestamp>, Failure> {
    let Ok(text) = std::env::var("SOURCE_DATE_EPOCH") else { return Ok(None) };
    let seconds = text.parse::<u64>().ok().and_then(|seconds| seconds.checked_mul(1_000_000_000));
    match seconds {
        Some(nanoseconds) => Ok(Some(Timestamp(nanoseconds))),
        None if text.is_empty() => Ok(None),
        None => Err(Failure::new(format!("invalid SOURCE_DATE_EPOCH: {text}"))),
    }
}
