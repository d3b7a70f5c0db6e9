//! `teu start`: containers that do not run.

use crate::converse::{Conversation, detach_keys};
use crate::exit_code::{Failure, for_each};
use crate::flags::{Arguments, Flag, Takes, Verb, switch};
use crate::help::Teach;
use crate::{Door, Outcome, terminal};
use std::ffi::OsString;
use teu_engine::parts::Attach;
use teu_engine::{Engine, StartOptions};

pub const TEACH: Teach = Teach {
    name: "start",
    usage: "[OPTIONS] CONTAINER [CONTAINER...]",
    about: "Start one or more stopped containers",
    example: "teu start web\n\
              teu start -ai shell    # and talk to it",
};

/// As typed.
#[derive(Debug, Default)]
pub struct StartFlags {
    attach: bool,
    interactive: bool,
    detach_keys: Option<String>,
}

const FLAGS: &[Flag<StartFlags>] = &[
    Flag {
        long: "attach",
        short: Some('a'),
        takes: Takes::Nothing,
        doc: "Attach STDOUT/STDERR and forward signals",
        set: |typed, value| switch(value).map(|on| typed.attach = on),
    },
    Flag {
        long: "interactive",
        short: Some('i'),
        takes: Takes::Nothing,
        doc: "Attach container's STDIN",
        set: |typed, value| switch(value).map(|on| typed.interactive = on),
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

const VERB: Verb<StartFlags> = Verb {
    teach: TEACH,
    flags: &[FLAGS],
    later: "--checkpoint --checkpoint-dir",
    arguments: Arguments::AtLeast(1),
    first_ends_flags: false,
};

pub fn main(door: &Door, words: Vec<OsString>) -> Outcome {
    let Some((flags, names)) = VERB.parse(words)? else { return Ok(0) };
    let engine = door.engine()?;
    if !(flags.attach || flags.interactive) {
        let mut failed = Vec::new();
        let status = for_each(&names, true, |name| {
            let started = engine.start(name, &StartOptions::default());
            let started = started.inspect_err(|_| failed.push(name.to_string()))?;
            for warning in started.into_iter().flat_map(|started| started.warnings) {
                eprintln!("WARNING: {warning}");
            }
            Ok(())
        })?;
        if failed.is_empty() {
            return Ok(status);
        }
        return Err(Failure::new(format!("failed to start containers: {}", failed.join(", "))));
    }
    let [name] = &names[..] else {
        return Err(Failure::new("you cannot start and attach multiple containers at once"));
    };
    attached(&engine, name, &flags)
}

fn attached(engine: &Engine, name: &str, flags: &StartFlags) -> Outcome {
    let container = engine.find(name)?;
    let process = &container.record.process;
    let streams = Attach { stdin: flags.interactive && process.stdin, stdout: true, stderr: true };
    terminal::check(process.tty, streams.stdin)?;
    let keys = detach_keys(flags.detach_keys.as_deref())?;
    let signals = terminal::take_signals(true)?;
    let options =
        StartOptions { attach: Some(streams), terminal: terminal::size().filter(|_| process.tty) };
    let link = match engine.start(name, &options)? {
        Some(started) => started.link,
        // It runs already: docker attaches to it.
        None => engine.attach(name, streams)?.1,
    };
    let talk = Conversation {
        engine,
        container: &container,
        streams,
        tty: process.tty,
        detach_keys: keys,
        signals: Some(signals),
        is_first: true,
    };
    talk.hold(link)
}
