//! `teu pull`: an image from a registry.

use crate::exit_code::Failure;
use crate::flags::{Arguments, Flag, Takes, Verb, switch};
use crate::help::Teach;
use crate::progress::News;
use crate::{Door, Outcome, output, tag};
use std::ffi::OsString;
use teu_engine::Silent;
use teu_model::Platform;

pub const TEACH: Teach = Teach {
    name: "pull",
    usage: "[OPTIONS] NAME[:TAG|@DIGEST]",
    about: "Download an image from a registry",
    example: "teu pull debian:12\n\
              teu pull registry.example:5000/app@sha256:…    # exactly this one",
};

/// As typed.
#[derive(Debug, Default)]
pub struct PullFlags {
    platform: Option<String>,
    quiet: bool,
}

const FLAGS: &[Flag<PullFlags>] = &[
    Flag {
        long: "platform",
        short: None,
        takes: Takes::Value("string"),
        doc: "Take the image for this platform: linux/arm64",
        set: |typed, value| {
            typed.platform = Some(value.to_string());
            Ok(())
        },
    },
    Flag {
        long: "quiet",
        short: Some('q'),
        takes: Takes::Nothing,
        doc: "Print only the image's name",
        set: |typed, value| switch(value).map(|on| typed.quiet = on),
    },
];

const VERB: Verb<PullFlags> = Verb {
    teach: TEACH,
    flags: &[FLAGS],
    later: "--all-tags -a --disable-content-trust",
    arguments: Arguments::Exactly(1),
    first_ends_flags: false,
};

pub fn main(door: &Door, words: Vec<OsString>) -> Outcome {
    let Some((flags, names)) = VERB.parse(words)? else { return Ok(0) };
    let reference = tag::reference(&names[0])?;
    let platform = platform(flags.platform.as_deref())?.unwrap_or_else(Platform::here);
    let engine = door.engine()?;
    if flags.quiet {
        engine.pull(&reference, &platform, &mut Silent)?;
    } else {
        let has_tag = names[0].rsplit('/').next().is_some_and(|last| last.contains([':', '@']));
        if !has_tag {
            output::print("Using default tag: latest\n");
        }
        engine.pull(&reference, &platform, &mut News::for_pull())?;
    }
    output::print(&format!("{reference}\n"));
    Ok(0)
}

/// `--platform`.
pub fn platform(text: Option<&str>) -> Result<Option<Platform>, Failure> {
    let text = text.filter(|text| !text.is_empty());
    text.map(Platform::parse).transpose().map_err(|error| Failure::new(error.to_string()))
}
