//! `teu exec`: one more process in a running container.

use crate::converse::{Conversation, detach_keys};
use crate::exit_code::Failure;
use crate::flags::{Arguments, Flag, HasProcess, ProcessFlags, Takes, Verb, exec_process, switch};
use crate::help::Teach;
use crate::{Door, Outcome, terminal};
use std::ffi::OsString;
use teu_engine::parts::Attach;
use teu_engine::{EngineError, ExecOptions};

pub const TEACH: Teach = Teach {
    name: "exec",
    usage: "[OPTIONS] CONTAINER COMMAND [ARG...]",
    about: "Execute a command in a running container",
    example: "teu exec -it web sh\n\
              teu exec -u postgres -w /tmp db psql -c 'select 1'",
};

/// As typed.
#[derive(Debug, Default)]
pub struct ExecFlags {
    process: ProcessFlags,
    privileged: bool,
}

impl HasProcess for ExecFlags {
    fn process(&mut self) -> &mut ProcessFlags {
        &mut self.process
    }
}

const OWN: &[Flag<ExecFlags>] = &[Flag {
    long: "privileged",
    short: None,
    takes: Takes::Nothing,
    doc: "Give all capabilities to the command",
    set: |typed, value| switch(value).map(|on| typed.privileged = on),
}];

const VERB: Verb<ExecFlags> = Verb {
    teach: TEACH,
    flags: &[&exec_process(), OWN],
    later: "",
    arguments: Arguments::AtLeast(2),
    first_ends_flags: true,
};

pub fn main(door: &Door, words: Vec<OsString>) -> Outcome {
    let Some((flags, words)) = VERB.parse(words)? else { return Ok(0) };
    let (name, command) = (&words[0], &words[1..]);
    if flags.process.names_nobody() {
        return Err(Failure::usage(Some("exec"), "the user in -u is empty"));
    }
    let asked = flags.process.resolve(command).map_err(Failure::new)?;
    let streams = Attach { stdin: asked.stdin, stdout: true, stderr: true };
    let keys = detach_keys(flags.process.detach_keys.as_deref())?;
    let detach = flags.process.detach;
    if !detach {
        terminal::check(asked.tty, streams.stdin)?;
    }
    let engine = door.engine()?;
    let options = ExecOptions {
        attach: (!detach).then_some(streams),
        terminal: terminal::size().filter(|_| asked.tty),
        privileged: flags.privileged,
    };
    let signals = if detach { None } else { Some(terminal::take_signals(false)?) };
    let running = engine.exec(name, &asked, &options).map_err(of_exec)?;
    if detach {
        return Ok(0);
    }
    let talk = Conversation {
        engine: &engine,
        container: &running.container,
        streams,
        tty: asked.tty,
        detach_keys: keys,
        signals,
        is_first: false,
    };
    talk.hold(running.link)
}

/// 126 and 127 where the program could not be run; 1 where it was not tried.
fn of_exec(error: EngineError) -> Failure {
    let code = match &error {
        EngineError::CannotStart { exit_code, .. } => *exit_code,
        _ => 1,
    };
    Failure::from(error).code(code)
}
