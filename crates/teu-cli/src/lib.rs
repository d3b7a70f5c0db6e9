//! The command line: docker's words in, the engine's verbs, docker's words out.
//!
//! ```text
//!  teu run -it debian bash
//!   │   │   └──────┬──────┘
//!   │   │   flags as typed (flags/) ──resolve──► request as meant (teu-model)
//!   │   └ one file per verb: run.rs, create.rs, …   ──► Engine ──► output.rs, table.rs, exit_code.rs
//!   └ global flags: door.rs
//! ```
//! - A flag is defined once, by what it is called, what it does, its help and how it is kept ([`flags::Flag`]).
//! - The verb is chosen before anything else is built or opened; `--help` and `--version` open nothing.
//! - A failure is told here and nowhere below: once, with its causes, a hint, docker's exit code.

#![expect(clippy::print_stderr, reason = "a door is what prints")]

mod after_exit;
mod attach;
mod boot;
mod commit;
mod completion;
mod converse;
mod cp;
mod create;
mod df;
mod diff;
mod door;
mod events;
mod exec;
mod exit_code;
mod export;
mod filter;
mod flags;
mod fsck;
mod group;
mod help;
mod images;
mod import;
mod info;
mod inspect;
mod kill;
mod load;
mod logs;
mod man;
mod moment;
mod output;
mod pattern;
mod pause;
mod progress;
mod prune;
mod ps;
mod pull;
mod rename;
mod restart;
mod rm;
mod rmi;
mod run;
mod start;
mod stats;
mod stop;
mod suggest;
mod system;
mod table;
mod tag;
mod template;
mod terminal;
mod top;
mod unpause;
mod update;
mod version;
mod volume;
mod wait;
mod why;

use door::Door;
use exit_code::Failure;
use std::ffi::OsString;

/// What a verb leaves: a status, or what is to be told.
type Outcome = Result<u8, Failure>;

/// A verb's entry: the door, and all that was typed after the verb.
type Main = fn(&Door, Vec<OsString>) -> Outcome;

/// Every verb, in the order in which `--help` lists them.
const VERBS: &[(&str, Main, help::Teach)] = &[
    ("run", run::main, run::TEACH),
    ("create", create::main, create::TEACH),
    ("start", start::main, start::TEACH),
    ("attach", attach::main, attach::TEACH),
    ("exec", exec::main, exec::TEACH),
    ("stop", stop::main, stop::TEACH),
    ("restart", restart::main, restart::TEACH),
    ("kill", kill::main, kill::TEACH),
    ("wait", wait::main, wait::TEACH),
    ("pause", pause::main, pause::TEACH),
    ("unpause", unpause::main, unpause::TEACH),
    ("rename", rename::main, rename::TEACH),
    ("update", update::main, update::TEACH),
    ("top", top::main, top::TEACH),
    ("stats", stats::main, stats::TEACH),
    ("rm", rm::main, rm::TEACH),
    ("ps", ps::main, ps::TEACH),
    ("events", events::main, events::TEACH),
    ("logs", logs::main, logs::TEACH),
    ("cp", cp::main, cp::TEACH),
    ("diff", diff::main, diff::TEACH),
    ("commit", commit::main, commit::TEACH),
    ("export", export::main, export::TEACH),
    ("inspect", inspect::main, inspect::TEACH),
    ("why", why::main, why::TEACH),
    ("boot", boot::main, boot::TEACH),
    ("pull", pull::main, pull::TEACH),
    ("images", images::main, images::TEACH),
    ("tag", tag::main, tag::TEACH),
    ("rmi", rmi::main, rmi::TEACH),
    ("import", import::main, import::TEACH),
    ("load", load::main, load::TEACH),
    ("version", version::main, version::TEACH),
    ("info", info::main, info::TEACH),
    ("fsck", fsck::main, fsck::TEACH),
    ("completion", completion::main, completion::TEACH),
    ("man", man::main, man::TEACH),
];

/// A verb of another door: its name, one line about it, and its entry, which returns the exit status.
pub type Tool = (&'static str, &'static str, fn(Vec<OsString>) -> u8);

/// The whole command line, without the program's own name; `tools` are verbs too, and answer for
/// themselves. Returns the exit status.
pub fn main(arguments: Vec<OsString>, tools: &'static [Tool]) -> u8 {
    match answer(arguments, tools) {
        Ok(status) => status,
        Err(failure) => failure.tell(),
    }
}

fn answer(arguments: Vec<OsString>, tools: &'static [Tool]) -> Outcome {
    let (door, verb, rest) = match door::read(arguments, tools)? {
        door::Asked::Verb(door, verb, rest) => (door, verb, rest),
        door::Asked::Help => {
            output::print(&help::overview(tools));
            return Ok(0);
        }
        door::Asked::Version => {
            output::print(&version::one_line());
            return Ok(0);
        }
    };
    if let Some((_, main, _)) = VERBS.iter().find(|(name, _, _)| *name == verb) {
        return main(&door, rest);
    }
    if let Some(outcome) = group::answer(&door, &verb, &rest) {
        return outcome;
    }
    if let Some((_, _, main)) = tools.iter().find(|(name, _, _)| *name == verb) {
        return Ok(main(rest));
    }
    match verb.as_str() {
        // The monitor's word for: a container ended and nobody was there.
        "after-exit" => after_exit::main(&door, rest),
        completion::HIDDEN => completion::complete(&door, rest),
        "help" => help::main(&door, rest),
        _ => Err(Failure::unknown_verb(&verb)),
    }
}
