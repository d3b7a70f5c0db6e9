//! `teu completion SHELL`: a script that asks teu itself what may come next, so that it knows every flag
//! of this version and every container of this moment.

use crate::exit_code::Failure;
use crate::flags::{Arguments, DESCRIBE, Verb};
use crate::help::Teach;
use crate::{Door, Outcome, VERBS, door, group, output};
use std::ffi::OsString;
use teu_engine::Engine;

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

pub fn main(_door: &Door, words: Vec<OsString>) -> Outcome {
    let Some(((), words)) = VERB.parse(words)? else { return Ok(0) };
    let script = match words[0].as_str() {
        "bash" => BASH,
        "zsh" => ZSH,
        "fish" => FISH,
        other => {
            let message = format!("there is no completion for {other:?}");
            return Err(Failure::new(message).hint("bash, zsh and fish have one"));
        }
    };
    output::print(script);
    Ok(0)
}

const BASH: &str = r#"# teu completion for bash
_teu() {
    local IFS=$'\n'
    COMPREPLY=($(compgen -W "$(teu __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)" -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -o bashdefault -F _teu teu
"#;
const ZSH: &str = r#"#compdef teu
_teu() {
    local -a found
    found=("${(@f)$(teu __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    if [[ -n "$found" ]]; then compadd -- "${found[@]}"; else _files; fi
}
if [ "$funcstack[1]" = "_teu" ]; then _teu "$@"; else compdef _teu teu; fi
"#;
const FISH: &str = r#"# teu completion for fish
function __teu_complete
    set -l words (commandline -opc) (commandline -ct)
    teu __complete $words[2..-1] 2>/dev/null
end
complete -c teu -a '(__teu_complete)'
"#;

/// Verbs whose arguments are containers.
const OF_CONTAINERS: [&str; 20] = [
    "attach", "commit", "cp", "diff", "exec", "export", "inspect", "kill", "logs", "pause", "port",
    "rename", "restart", "rm", "start", "stats", "stop", "top", "unpause", "update",
];
/// Verbs whose first argument is an image, or all are.
const OF_IMAGES: [&str; 6] = ["create", "image inspect", "images", "rmi", "run", "tag"];

/// `teu __complete WORDS…`: what may stand in the last word's place, one a line.
pub fn complete(door: &Door, words: Vec<OsString>) -> Outcome {
    let Some((typed, before)) = words.split_last() else { return Ok(0) };
    let typed = typed.to_string_lossy().into_owned();
    let (door, verb, rest) = match door::read(before.to_vec(), door.tools) {
        Ok(door::Asked::Verb(door, verb, rest)) => (door, verb, rest),
        _ => {
            let verbs = VERBS.iter().map(|(name, _, _)| name.to_string());
            let groups = group::all().map(|(name, _)| name.to_string());
            let tools = door.tools.iter().map(|(name, _, _)| name.to_string());
            let flags = ["--root", "--config", "--version", "--help"].map(String::from);
            offer(&typed, verbs.chain(groups).chain(tools).chain(["help".into()]).chain(flags));
            return Ok(0);
        }
    };
    let in_group = group::verbs().find(|(name, _)| *name == verb);
    if let (Some((_, verbs)), true) = (&in_group, rest.is_empty()) {
        offer(&typed, verbs.iter().map(ToString::to_string));
        return Ok(0);
    }
    if typed.starts_with('-') {
        let ask: OsString = format!("--{DESCRIBE}=flags:{typed}").into();
        if in_group.is_some() {
            let words: Vec<OsString> = rest.iter().take(1).cloned().chain([ask]).collect();
            return group::answer(&door, &verb, &words).unwrap_or(Ok(0));
        }
        let main = VERBS.iter().find(|(name, _, _)| *name == verb).map(|(_, main, _)| main);
        return main.map_or(Ok(0), |main| main(&door, vec![ask]));
    }
    let words = rest.iter().map(|word| word.to_string_lossy().into_owned());
    let words: Vec<String> = words.filter(|word| !word.starts_with('-')).collect();
    let verb = match (&in_group, words.first()) {
        (Some((group, _)), Some(inner)) if group::alone(group, inner) != Some("inspect") => {
            group::alone(group, inner).unwrap_or_default().to_string()
        }
        (Some((group, _)), _) => format!("{group} inspect"),
        _ => verb,
    };
    let (paths, outside) = door.state_root()?;
    let of_containers = OF_CONTAINERS.contains(&verb.as_str())
        || ["wait", "why", "container inspect"].contains(&verb.as_str());
    let mut found = Vec::new();
    if of_containers {
        found.extend(Engine::container_names(&paths)?);
    }
    if OF_IMAGES.contains(&verb.as_str()) || verb == "inspect" {
        let engine = Engine::open_as_it_is(paths, outside)?;
        for image in engine.images()? {
            found.extend(image.tags.iter().map(teu_model::Reference::familiar));
        }
    }
    offer(&typed, found);
    Ok(0)
}

fn offer(typed: &str, all: impl IntoIterator<Item = String>) {
    let mut fitting: Vec<String> = all.into_iter().filter(|word| word.starts_with(typed)).collect();
    fitting.sort_unstable();
    fitting.dedup();
    output::print(&fitting.iter().map(|word| format!("{word}\n")).collect::<String>());
}
