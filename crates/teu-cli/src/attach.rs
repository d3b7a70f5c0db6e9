//! `teu attach`: to the first process of a running container.

use crate::converse::{Conversation, detach_keys};
use crate::flags::{Arguments, Flag, Takes, Verb, switch};
use crate::help::Teach;
use crate::{Door, Outcome, terminal};
use std::ffi::OsString;
use teu_engine::parts::{Attach, DetachKeys};
use teu_engine::{Engine, InspectedExec};

pub const TEACH: Teach = Teach {
    name: "attach",
    usage: "[OPTIONS] CONTAINER",
    about: "Attach local standard input, output, and error streams to a running container",
    example: "teu attach shell    # ctrl-p ctrl-q leaves it running\n\
              teu attach $(teu inspect -f '{{index .ExecIDs 0}}' web)    # to an exec that was left so",
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
    let process = match engine.find(&names[0]) {
        Ok(container) => container.record.process,
        Err(error) => match engine.inspect_exec(&names[0]) {
            Ok(exec) => return again(&engine, &exec, &flags, keys),
            Err(_) => return Err(error.into()),
        },
    };
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

/// To an exec that somebody left.
fn again(
    engine: &Engine,
    exec: &InspectedExec,
    flags: &AttachFlags,
    detach_keys: DetachKeys,
) -> Outcome {
    let about = &exec.state.about;
    let stdin = !flags.no_stdin && about.stdin;
    let streams = Attach { stdin, stdout: true, stderr: true };
    terminal::check(about.tty, streams.stdin)?;
    let signals = terminal::take_signals(!flags.no_sig_proxy)?;
    let link = engine.attach_exec(exec, streams)?;
    let (container, tty, signals) = (&exec.container, about.tty, Some(signals));
    Conversation { engine, container, streams, tty, detach_keys, signals, is_first: false }
        .hold(link)
}
