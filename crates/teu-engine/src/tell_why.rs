//! `why`: one sentence that says how a container ended, the facts behind it, and what to change.

use crate::records::Container;
use crate::{Engine, EngineError};
use std::time::Duration;
use teu_model::{Cause, Exit, Signal, Status, Timestamp, human_duration, human_size_binary};
use teu_monitor::log::{LogConfig, LogOptions, LogReader, Tail};

/// So much of the log is shown.
const LOG_LINES: usize = 5;
/// Ended before it could do anything.
const AT_ONCE: Duration = Duration::from_secs(1);

/// The answer.
#[derive(Clone, Debug, Default)]
pub struct Why {
    /// Its id.
    pub id: String,
    /// What happened.
    pub sentence: String,
    /// Name and value, in order.
    pub facts: Vec<(&'static str, String)>,
    /// What the kernel said.
    pub kernel: Vec<String>,
    /// The last lines that the container wrote.
    pub log: Vec<String>,
    /// What to do about it.
    pub advice: Vec<String>,
}

impl Engine {
    /// How the container that `given` names ended; without a name the one that did so last. Also of those that
    /// were removed a while ago.
    pub fn why(&self, given: Option<&str>) -> Result<Why, EngineError> {
        let (container, is_removed) = match given {
            Some(given) => match self.find(given) {
                Ok(container) => (container, false),
                Err(error) => (self.find_remembered(given)?.ok_or(error)?, true),
            },
            None => self.last_ended()?,
        };
        let mut why = explain(&container);
        if !is_removed {
            self.name_what_was_missing(&container, &mut why);
        }
        let state = &container.state;
        why.facts.insert(0, ("container", format!("{} ({})", state.name, container.id().short())));
        if is_removed {
            why.facts.push(("removed", "yes: this is what is remembered of it".into()));
        }
        let log =
            if is_removed { container.directory.join("log") } else { self.log_path(&container) };
        why.log = last_lines(&LogConfig::new(log));
        Ok(why)
    }

    /// One that ended at once may have missed a library or its script's interpreter.
    fn name_what_was_missing(&self, container: &Container, why: &mut Why) {
        let state = &container.state;
        let (Some(exit), Some(started)) = (&state.exit, state.started_at) else { return };
        let at_once = exit.finished_at.age_since(started) < AT_ONCE;
        if state.status.is_alive() || !at_once || Cause::of(exit) != Cause::Itself {
            return;
        }
        if let Some((cause, remedy)) = self.explain_end(container, exit.code) {
            why.sentence = format!("{}: {cause}.", why.sentence.trim_end_matches('.'));
            why.advice.insert(0, remedy);
        }
    }

    /// What is to be said in one line of an end that nobody asked for; nothing of one that explains itself.
    pub fn remark(&self, container: &Container, exit: &Exit) -> Option<String> {
        let is_asked = matches!(
            Cause::of(exit),
            Cause::Verb { .. } | Cause::StopTimeout { .. } | Cause::Itself | Cause::MonitorLost
        );
        if is_asked || !matches!(exit.code, 137 | 139 | 143) {
            return None;
        }
        let pid = container.state.running.as_ref().map(|running| running.pid);
        let kernel = crate::kernel_word::about(container.id(), pid, exit);
        Some(sentence(container, &Exit { kernel, ..exit.clone() }))
    }

    fn last_ended(&self) -> Result<(Container, bool), EngineError> {
        let here = self.list()?.into_iter().map(|one| (one.container, false));
        let gone = self.remembered()?.into_iter().map(|container| (container, true));
        let ended_at = |(container, _): &(Container, bool)| {
            container.state.exit.as_ref().map(|exit| exit.finished_at)
        };
        here.chain(gone)
            .filter(|one| ended_at(one).is_some() && !one.0.state.status.is_alive())
            .max_by_key(ended_at)
            .ok_or_else(|| EngineError::BadRequest {
                message: "no container has ended".into(),
                hint: Some("teu ps -a lists those that there are"),
            })
    }
}

fn explain(container: &Container) -> Why {
    let (record, state) = (&container.record, &container.state);
    let mut why = Why { id: container.id().to_string(), ..Why::default() };
    why.facts.push(("image", record.request.image.clone()));
    why.facts.push(("command", record.process.args.join(" ")));
    if let Some(started) = state.started_at {
        why.facts.push(("started", started.to_string()));
    }
    if let Some(error) = &state.start_error {
        why.sentence = format!("{} could not be started: {error}", state.name);
        why.advice.extend(state.start_hint.clone());
        why.advice.push(format!("change what it names, then: teu start {}", state.name));
        return why;
    }
    let Some(exit) = state.exit.as_ref().filter(|_| !state.status.is_alive()) else {
        why.sentence = match state.status {
            Status::Created => format!("{} has never been started.", state.name),
            _ => format!("{} has not ended: it is {}.", state.name, state.status.word()),
        };
        return why;
    };
    why.sentence = sentence(container, exit);
    why.kernel = exit.kernel.clone();
    facts(&mut why, container, exit);
    advice(&mut why, container, exit);
    why
}

fn sentence(container: &Container, exit: &Exit) -> String {
    let (name, code) = (&container.state.name, exit.code);
    let limit = container.record.request.resources.memory_bytes;
    let limit = limit.map_or("of the machine".to_string(), |bytes| {
        format!("limit of {}", human_size_binary(bytes))
    });
    let victim = victim(&exit.kernel).map_or(String::new(), |victim| format!(" ({victim})"));
    let core = if exit.core_dumped { ", and left a core" } else { "" };
    match Cause::of(exit) {
        Cause::Rebooted => format!("{name} ended because the machine was restarted."),
        Cause::MonitorLost => format!(
            "{name} ended while nobody watched it: its monitor had been killed, so its exit status is not known."
        ),
        Cause::Verb { by, signal, .. } if by == "attach" => {
            format!("{name} was ended by {signal}, which the attached command passed on.")
        }
        Cause::Verb { by, signal, .. } => match exit.signal {
            Some(_) => format!("{name} was ended by `teu {by}`, which sent {signal}."),
            None => format!("{name} ended with {code} after `teu {by}` had sent {signal}."),
        },
        Cause::StopTimeout { signal, asked_at, killed_at } => format!(
            "{name} did not end within {} of {signal}, so `teu {}` killed it.",
            human_duration(killed_at.age_since(asked_at)).to_lowercase(),
            exit.sent.last().map_or("stop", |sent| &sent.by)
        ),
        Cause::Unhealthy => {
            format!("{name} was killed because its health check failed.")
        }
        Cause::OutOfMemory => {
            format!("{name} was killed by the kernel: its memory {limit} was used up{victim}.")
        }
        Cause::ChildOutOfMemory => format!(
            "{name} ended with {code} after the kernel had killed one of its processes{victim}: its memory {limit} was used up."
        ),
        Cause::ForbiddenCall => format!(
            "{name} was killed by SIGSYS: it made a system call that its seccomp profile forbids."
        ),
        Cause::Crash { signal } => {
            format!("{name} crashed: {signal}, {}{core}.", meaning(signal))
        }
        Cause::Outside { signal } => format!(
            "{name} was ended by {signal} from outside: neither a verb of teu nor the kernel sent it."
        ),
        Cause::Itself if code == 0 => format!("{name} ended by itself, with 0: all went well."),
        Cause::Itself if code > 128 && code < 193 => format!(
            "{name} ended by itself with {code}, as a program does whose child was ended by {}.",
            Signal(i32::from(code) - 128)
        ),
        Cause::Itself => format!("{name} ended by itself, with {code}."),
    }
}

/// `signal(7)`, in a few words.
fn meaning(signal: Signal) -> &'static str {
    match signal.0 {
        4 => "an instruction that the processor does not know",
        5 => "a breakpoint that nobody watches",
        6 => "it gave up by abort()",
        7 => "memory that is not there (a file cut short, a full disk)",
        8 => "arithmetic that has no result",
        _ => "memory that it may not touch",
    }
}

/// `tail, 16000kB`: of the kernel's last line.
fn victim(kernel: &[String]) -> Option<String> {
    let line = kernel.iter().rev().find(|line| line.contains("Killed process "))?;
    let (_, rest) = line.split_once("Killed process ")?;
    let name = rest.split_once('(')?.1.split_once(')')?.0;
    let anon = rest.split_once("anon-rss:")?.1.split_once(',')?.0;
    Some(format!("{name} held {anon}"))
}

fn facts(why: &mut Why, container: &Container, exit: &Exit) {
    let state = &container.state;
    let add = |facts: &mut Vec<_>, name, value: String| facts.push((name, value));
    let facts = &mut why.facts;
    if exit.finished_at != Timestamp(0) {
        let ran = state.started_at.map(|started| exit.finished_at.age_since(started));
        let ran = ran.map_or(String::new(), |ran| format!(", after {:.1} s", ran.as_secs_f64()));
        add(facts, "ended", format!("{}{ran}", exit.finished_at));
    }
    add(facts, "exit code", exit.code.to_string());
    if let Some(signal) = exit.signal {
        add(
            facts,
            "signal",
            format!("{signal}{}", if exit.core_dumped { ", core dumped" } else { "" }),
        );
    }
    for sent in &exit.sent {
        let by = if sent.by == "attach" {
            "the attached command".into()
        } else {
            format!("teu {}", sent.by)
        };
        add(facts, "was sent", format!("{} by {by} at {}", sent.signal, sent.at));
    }
    if exit.oom_killed {
        add(facts, "out of memory", "the kernel killed a process of it".into());
    }
    if let Some(limit) = container.record.request.resources.memory_bytes {
        add(facts, "memory limit", human_size_binary(limit));
    }
    if let Some(note) = &exit.note {
        add(facts, "note", note.clone());
    }
    if state.restart_count > 0 {
        add(facts, "restarts", state.restart_count.to_string());
    }
    if state.status == Status::Restarting {
        let at = state.restart.map_or(String::new(), |restart| format!(" at {}", restart.at));
        add(facts, "next", format!("it starts again{at}"));
    }
}

fn advice(why: &mut Why, container: &Container, exit: &Exit) {
    let name = &container.state.name;
    let memory = container.record.request.resources.memory_bytes;
    let advice = &mut why.advice;
    match Cause::of(exit) {
        Cause::OutOfMemory | Cause::ChildOutOfMemory => match memory {
            Some(bytes) => advice.push(format!(
                "give it more: -m {}, or make the program use less",
                human_size_binary(bytes.saturating_mul(2))
            )),
            None => advice.push("set a limit (-m) so that one container cannot take it all".into()),
        },
        Cause::StopTimeout { signal, .. } => {
            advice.push(format!("give it longer: teu stop -t 60 {name}, or --stop-timeout at its creation"));
            advice.push(format!(
                "a first process ignores {signal} unless it handles it: --init hands it on, --stop-signal sends another"
            ));
        }
        Cause::ForbiddenCall => advice.push(
            "allow the call in a profile (--security-opt seccomp=FILE), or see which it is with seccomp=unconfined".into(),
        ),
        Cause::Rebooted => advice.push(format!(
            "to have it started with the machine: --restart unless-stopped, and teu boot at start-up; now: teu start {name}"
        )),
        Cause::MonitorLost => advice.push("see who killed teu-monitor: journalctl -k, or the machine's own OOM killer".into()),
        Cause::Outside { .. } => advice.push("look for who sent it: another user or script on this host, or systemd-oomd".into()),
        Cause::Unhealthy => advice.push(format!("see what its check said: teu inspect -f '{{{{json .State.Health}}}}' {name}")),
        Cause::Crash { .. } => advice.push("its last lines may say what it was doing; a core is written with --ulimit core=-1".into()),
        Cause::Itself if exit.code != 0 => advice.push(format!("its last lines may say why: teu logs {name}")),
        Cause::Itself | Cause::Verb { .. } => {}
    }
}

fn last_lines(config: &LogConfig) -> Vec<String> {
    let options = LogOptions { tail: Tail::Entries(LOG_LINES), ..LogOptions::default() };
    let Ok(mut reader) = LogReader::open(config, options) else { return Vec::new() };
    std::iter::from_fn(|| reader.next_entry().ok().flatten())
        .take(LOG_LINES)
        .map(|entry| entry.text.trim_end_matches('\n').to_string())
        .collect()
}
