//! `teu attach`: to the first process of a running container.

use crate::converse::{Conversation, detach_keys};
use crate::flags::{Arguments, Flag, Takes, Verb, switch};
use crate::help::Teach;
use crate::{Door, Outcome, terminal};
use std::ffi::OsString;
use teu_engine::parts::Attach;

pub const TEACH: Teach = Teach {
    name: "attach",
    usage: "[OPTIONS] CONTAINER",
    about: "Attach local standard input, output, and error streams to a running container",
    example: "teu attach shell    # ctrl-p ctrl-q leaves it running",
};

/// As typed.
#[derive(Debug, Default)]
pub struct AttachFlags {
    no_stdin: bool,
    no_sig_proxy: bool,
    detach_keys: Option<String>,
}

const FLAGS: &[Flag<AttachFlags>] = &[
    Flag {
        long: "no-stdin",
        short: None,
        takes: Takes::Nothing,
        doc: "Do not attach STDIN",
        set: |typed, value| switch(value).map(|on| typed.no_stdin = on),
    },
    Flag {
        long: "sig-proxy",
        short: None,
        takes: Takes::Nothing,
        doc: "Pass signals that this command gets on to the process (default true)",
        set: |typed, value| switch(value).map(|on| typed.no_sig_proxy = !on),
    },
    Flag {
        long: "detach-keys",
        short: None,
        takes: Takes::Value("string"),
        doc: "Override the key sequence for detaching (default ctrl-p,ctrl-q)",
        set: |typed, value| {
            typed.detach_keys = Some(value.to_string());
            Ok(())
        },
    },
];

const VERB: Verb<AttachFlags> = Verb {
    teach: TEACH,
    flags: &[FLAGS],
    later: "",
    arguments: Arguments::Exactly(1),
    first_ends_flags: false,
};

pub fn main(door: &Door, words: Vec<OsString>) -> Outcome {
    let Some((flags, names)) = VERB.parse(words)? else { return Ok(0) };
    let keys = detach_keys(flags.detach_keys.as_deref())?;
    let engine = door.engine()?;
    let process = engine.find(&names[0])?.record.process;
    let streams = Attach { stdin: !flags.no_stdin && process.stdin, stdout: true, stderr: true };
    terminal::check(process.tty, streams.stdin)?;
    let signals = terminal::take_signals(!flags.no_sig_proxy)?;
    let (container, link) = engine.attach(&names[0], streams)?;
    let talk = Conversation {
        engine: &engine,
        container: &container,
        streams,
        tty: process.tty,
        detach_keys: keys,
        signals: Some(signals),
        is_first: true,
    };
    talk.hold(link)
}
