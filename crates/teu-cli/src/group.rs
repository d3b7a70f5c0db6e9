//! Docker's groups of verbs: `teu container ls` is `teu ps`, `teu image rm` is `teu rmi`.

use crate::exit_code::Failure;
use crate::flags::DESCRIBE;
use crate::{Door, Main, Outcome, VERBS, df, man, output, prune, system, volume};
use std::ffi::OsString;

/// A group's name, what it is about, and its verbs: as typed there, and as `teu` has it alone.
type Group = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const GROUPS: &[Group] = &[
    (
        "container",
        "Manage containers",
        &[
            ("attach", "attach"),
            ("commit", "commit"),
            ("cp", "cp"),
            ("create", "create"),
            ("diff", "diff"),
            ("exec", "exec"),
            ("export", "export"),
            ("inspect", "inspect"),
            ("kill", "kill"),
            ("list", "ps"),
            ("logs", "logs"),
            ("ls", "ps"),
            ("pause", "pause"),
            ("ps", "ps"),
            ("remove", "rm"),
            ("rename", "rename"),
            ("restart", "restart"),
            ("rm", "rm"),
            ("run", "run"),
            ("start", "start"),
            ("stats", "stats"),
            ("stop", "stop"),
            ("top", "top"),
            ("unpause", "unpause"),
            ("update", "update"),
            ("wait", "wait"),
        ],
    ),
    (
        "image",
        "Manage images",
        &[
            ("import", "import"),
            ("inspect", "inspect"),
            ("list", "images"),
            ("load", "load"),
            ("ls", "images"),
            ("pull", "pull"),
            ("remove", "rmi"),
            ("rm", "rmi"),
            ("tag", "tag"),
        ],
    ),
    ("system", "Manage teu", &[("events", "events"), ("fsck", "fsck"), ("info", "info")]),
    ("volume", "Manage volumes", &[]),
];

/// What a group has that stands nowhere alone.
const OWN: &[(&str, &str, Main, &str)] = &[
    ("container", "prune", prune::containers, prune::CONTAINERS.about),
    ("image", "prune", prune::images, prune::IMAGES.about),
    ("system", "df", df::main, df::TEACH.about),
    ("system", "prune", prune::system, prune::SYSTEM.about),
    ("system", "reset", system::main, system::TEACH.about),
    ("volume", "create", volume::create, volume::CREATE.teach.about),
    ("volume", "export", volume::export_volume, volume::EXPORT.teach.about),
    ("volume", "import", volume::import_volume, volume::IMPORT.teach.about),
    ("volume", "inspect", volume::inspect::main, volume::inspect::TEACH.about),
    ("volume", "list", volume::list::main, volume::list::TEACH.about),
    ("volume", "ls", volume::list::main, volume::list::TEACH.about),
    ("volume", "prune", volume::prune::main, volume::prune::TEACH.about),
    ("volume", "remove", volume::remove, volume::REMOVE.teach.about),
    ("volume", "rm", volume::remove, volume::REMOVE.teach.about),
];

/// Runs a verb of the group `name`; nothing where that is no group.
pub fn answer(door: &Door, name: &str, words: &[OsString]) -> Option<Outcome> {
    let (name, about, verbs) = GROUPS.iter().find(|(group, _, _)| *group == name)?;
    let Some((verb, rest)) = words.split_first() else {
        output::print(&help(name));
        return Some(Ok(0));
    };
    let verb = verb.to_string_lossy();
    if verb == "--help" || verb == "-h" {
        output::print(&help(name));
        return Some(Ok(0));
    }
    if verb.strip_prefix("--") == Some(&format!("{DESCRIBE}=man")) {
        output::print(&man::of_group(name, about, &abouts(name)));
        return Some(Ok(0));
    }
    let mut rest = rest.to_vec();
    if let Some((_, _, main, _)) =
        OWN.iter().find(|(group, own, _, _)| group == name && *own == verb)
    {
        return Some(main(door, rest));
    }
    let alone = verbs.iter().find(|(own, _)| *own == verb).map(|(_, alone)| *alone);
    let Some((_, main, _)) = VERBS.iter().find(|(own, _, _)| Some(*own) == alone) else {
        return Some(Err(Failure::unknown_verb(&format!("{name} {verb}"))));
    };
    if alone == Some("inspect") {
        rest.insert(0, format!("--type={name}").into());
    }
    Some(main(door, rest))
}

/// What a group's verb is called alone.
pub fn alone(group: &str, verb: &str) -> Option<&'static str> {
    let (_, _, verbs) = GROUPS.iter().find(|(name, _, _)| *name == group)?;
    verbs.iter().find(|(own, _)| *own == verb).map(|(_, alone)| *alone)
}

/// Every group, and what it is about.
pub fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    GROUPS.iter().map(|(name, about, _)| (*name, *about))
}

/// The verbs of every group: for completions.
pub fn verbs() -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    GROUPS.iter().map(|(group, _, verbs)| {
        let own = OWN.iter().filter(move |(of, _, _, _)| of == group).map(|(_, verb, _, _)| *verb);
        let there =
            verbs.iter().filter(|(_, alone)| VERBS.iter().any(|(name, _, _)| name == alone));
        (*group, there.map(|(verb, _)| *verb).chain(own).collect())
    })
}

/// The verbs of a group, sorted, each with what it is about.
fn abouts(group: &str) -> Vec<(&'static str, &'static str)> {
    let (_, mut verbs) = verbs().find(|(name, _)| *name == group).unwrap_or_default();
    verbs.sort_unstable();
    let about = |verb: &'static str| {
        let own = OWN.iter().find(|(of, own, _, _)| *of == group && *own == verb);
        let teach = VERBS.iter().find(|(name, _, _)| alone(group, verb) == Some(name));
        own.map_or(teach.map_or("", |(_, _, teach)| teach.about), |own| own.3)
    };
    verbs.into_iter().map(|verb| (verb, about(verb))).collect()
}

fn help(group: &str) -> String {
    let about = GROUPS.iter().find(|(name, _, _)| *name == group).map_or("", |(_, about, _)| about);
    let mut text = format!("Usage:  teu {group} COMMAND\n\n{about}\n\nCommands:\n");
    for (verb, about) in abouts(group) {
        text += &format!("  {verb:<10}{about}\n");
    }
    text += &format!("\nRun 'teu {group} COMMAND --help' for more information on a command.\n");
    text
}
