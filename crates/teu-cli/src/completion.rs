//! `teu completion SHELL`: a script that asks teu itself what may come next, so that it knows every flag
//! of this version and every container, image and volume of this moment.

use crate::exit_code::Failure;
use crate::flags::{Arguments, Place, Verb, question};
use crate::help::Teach;
use crate::{Door, Outcome, VERBS, door, group, output};
use std::ffi::OsString;
use teu_engine::Engine;
use teu_model::Status;

pub const TEACH: Teach = Teach {
    name: "completion",
    usage: "bash|zsh|fish",
    about: "Print what a shell needs to complete commands, flags, containers and images",
    example: "source <(teu completion bash)\n\
              teu completion zsh > ~/.zfunc/_teu\n\
              teu completion fish > ~/.config/fish/completions/teu.fish",
};

const VERB: Verb<()> = Verb {
    teach: TEACH,
    flags: &[],
    later: "",
    arguments: Arguments::Exactly(1),
    first_ends_flags: false,
};

/// The hidden verb that the scripts call, with the words so far; the last is what is being typed.
pub const HIDDEN: &str = "__complete";

const SHELLS: [(&str, &str); 3] = [
    ("bash", include_str!("completion/teu.bash")),
    ("zsh", include_str!("completion/teu.zsh")),
    ("fish", include_str!("completion/teu.fish")),
];

pub fn main(_door: &Door, words: Vec<OsString>) -> Outcome {
    let Some(((), words)) = VERB.parse(words)? else { return Ok(0) };
    let Some((_, script)) = SHELLS.iter().find(|(shell, _)| *shell == words[0]) else {
        let message = format!("there is no completion for {:?}", words[0]);
        return Err(Failure::new(message).hint("bash, zsh and fish have one"));
    };
    output::print(script);
    Ok(0)
}

/// `teu __complete WORDS…`: what may stand in the last word's place, one a line. Nothing that is wrong is told:
/// somebody is typing.
pub fn complete(door: &Door, words: Vec<OsString>) -> Outcome {
    let Some((typed, before)) = words.split_last() else { return Ok(0) };
    let typed = typed.to_string_lossy().into_owned();
    let mut found = candidates(door, before, &typed).unwrap_or_default();
    found.retain(|word| word.starts_with(&typed));
    found.sort_unstable();
    found.dedup();
    output::print(&found.iter().map(|word| format!("{word}\n")).collect::<String>());
    Ok(0)
}

fn candidates(door: &Door, before: &[OsString], typed: &str) -> Option<Vec<String>> {
    let (door, verb, mut words) = match door::read(before.to_vec(), door.tools) {
        Ok(door::Asked::Verb(door, verb, rest)) => (door, verb, rest),
        Ok(door::Asked::Help) => return Some(at_the_start(door)),
        // The value of a global flag is a file.
        Ok(door::Asked::Version) | Err(_) => return None,
    };
    let Some((_, verbs)) = group::verbs().find(|(name, _)| *name == verb) else {
        if verb == "help" {
            return Some(at_the_start(&door));
        }
        let (_, main, _) = VERBS.iter().find(|(name, _, _)| *name == verb)?;
        words.push(question(typed));
        let place = main(&door, words).err()?.into_place()?;
        return at(&door, &verb, place);
    };
    if words.is_empty() {
        return Some(verbs.iter().map(ToString::to_string).collect());
    }
    let inner = words[0].to_string_lossy().into_owned();
    let name = match group::alone(&verb, &inner) {
        Some("inspect") | None => format!("{verb} {inner}"),
        Some(alone) => alone.to_string(),
    };
    words.push(question(typed));
    let place = group::answer(&door, &verb, &words)?.err()?.into_place()?;
    at(&door, &name, place)
}

fn at_the_start(door: &Door) -> Vec<String> {
    let verbs = VERBS.iter().map(|(name, _, _)| *name);
    let groups = group::all().map(|(name, _)| name);
    let tools = door.tools.iter().map(|(name, _, _)| *name);
    let others = ["help", "--root", "--config", "--version", "--help"];
    verbs.chain(groups).chain(tools).chain(others).map(str::to_string).collect()
}

fn at(door: &Door, verb: &str, place: Place) -> Option<Vec<String>> {
    match place {
        Place::Flag(flags) => Some(flags),
        Place::Nothing => None,
        Place::Value(flag, before) => {
            let mut found = Vec::new();
            for kind in values(flag) {
                found.extend(kind.names(door)?);
            }
            Some(found.into_iter().map(|word| format!("{before}{word}")).collect())
        }
        Place::Argument(earlier) => {
            let mut found = Vec::new();
            for kind in arguments(verb, earlier.len()) {
                found.extend(kind.names(door)?);
            }
            found.retain(|word| !earlier.contains(word));
            Some(found)
        }
    }
}

/// What names are looked up.
enum Kind {
    /// Containers of which this is true, with something before and after each name.
    Containers(&'static str, fn(Status) -> bool, &'static str),
    Images,
    Volumes(&'static str),
    Words(&'static [&'static str]),
    /// Verbs and groups.
    Verbs,
}

impl Kind {
    fn names(&self, door: &Door) -> Option<Vec<String>> {
        let open = || {
            let (paths, outside) = door.state_root().ok()?;
            Engine::open_as_it_is(paths, outside).ok()
        };
        match self {
            Kind::Words(words) => Some(words.iter().map(ToString::to_string).collect()),
            Kind::Verbs => Some(at_the_start(door)),
            Kind::Containers(before, are, after) => {
                let mut listed = open()?.list().ok()?;
                listed.retain(|one| are(one.container.state.status));
                let name = |one: &teu_engine::Listed| {
                    format!("{before}{}{after}", one.container.state.name)
                };
                Some(listed.iter().map(name).collect())
            }
            Kind::Images => {
                let images = open()?.images().ok()?;
                let tags = images.iter().flat_map(|image| &image.tags);
                Some(tags.map(teu_model::Reference::familiar).collect())
            }
            Kind::Volumes(after) => {
                let volumes = open()?.volumes().ok()?;
                Some(volumes.iter().map(|one| format!("{}{after}", one.volume.name)).collect())
            }
        }
    }
}

const fn containers(are: fn(Status) -> bool) -> Kind {
    Kind::Containers("", are, "")
}
const fn shared() -> Kind {
    Kind::Containers("container:", any, "")
}
fn any(_: Status) -> bool {
    true
}
fn alive(status: Status) -> bool {
    status.is_alive() || status == Status::Restarting
}
fn stopped(status: Status) -> bool {
    !alive(status)
}
fn paused(status: Status) -> bool {
    status == Status::Paused
}

/// What argument number `at` of a verb is.
fn arguments(verb: &str, at: usize) -> Vec<Kind> {
    match (verb, at) {
        ("attach" | "exec" | "top", 0) | ("kill" | "pause" | "stop" | "stats", _) => {
            vec![containers(alive)]
        }
        ("start", _) => vec![containers(stopped)],
        ("unpause", _) => vec![containers(paused)],
        ("commit" | "diff" | "export" | "logs" | "rename" | "why", 0)
        | ("restart" | "rm" | "update" | "wait" | "container inspect", _) => vec![containers(any)],
        ("cp", 0 | 1) => vec![Kind::Containers("", any, ":")],
        ("create" | "images" | "run" | "tag", 0) | ("image inspect" | "pull" | "rmi", _) => {
            vec![Kind::Images]
        }
        ("inspect", _) => vec![containers(any), Kind::Images],
        ("volume inspect" | "volume remove" | "volume rm", _)
        | ("volume export" | "volume import", 0) => vec![Kind::Volumes("")],
        ("completion", 0) => vec![Kind::Words(&["bash", "fish", "zsh"])],
        ("man", 0) => vec![Kind::Verbs],
        _ => Vec::new(),
    }
}

/// What a flag's value is; of most it is nobody else's business.
fn values(flag: &str) -> Vec<Kind> {
    let words = |words| vec![Kind::Words(words)];
    match flag {
        "attach" => words(&["stderr", "stdin", "stdout"]),
        "cgroupns" | "userns" => words(&["host", "private"]),
        "health-on-failure" => words(&["kill", "none", "restart", "stop"]),
        "ipc" => vec![Kind::Words(&["host", "none", "private", "shareable"]), shared()],
        "log-driver" => words(&["json-file", "local", "none"]),
        "network" | "net" => vec![Kind::Words(&["bridge", "host", "none"]), shared()],
        "pid" | "uts" => vec![Kind::Words(&["host"]), shared()],
        "pull" => words(&["always", "missing", "never"]),
        "restart" => words(&["always", "no", "on-failure", "unless-stopped"]),
        "signal" | "stop-signal" => words(&[
            "SIGCONT", "SIGHUP", "SIGINT", "SIGKILL", "SIGQUIT", "SIGSTOP", "SIGTERM", "SIGUSR1",
            "SIGUSR2", "SIGWINCH",
        ]),
        "type" => words(&["container", "image"]),
        "volume" => vec![Kind::Volumes(":")],
        "volumes-from" => vec![containers(any)],
        _ => Vec::new(),
    }
}
