//! `teu volume`: directories that outlive containers.

mod inspect;
mod list;
mod prune;

use crate::exit_code::{Failure, for_each};
use crate::flags::{Arguments, Flag, Takes, Verb, switch};
use crate::help::Teach;
use crate::{Door, Outcome, export, import, output};
use std::collections::BTreeMap;
use std::ffi::OsString;
use teu_engine::EngineError;
use teu_engine::parts::{NewVolume, VolumeError};

pub const TEACH: Teach = Teach {
    name: "volume",
    usage: "COMMAND",
    about: "Manage volumes",
    example: "teu volume create data\n\
              teu run -v data:/var/lib/postgresql postgres\n\
              teu volume export data > data.tar",
};

/// What `volume` can do, and who does it.
const VERBS: &[(&str, crate::Main, Teach)] = &[
    ("create", create, CREATE.teach),
    ("ls", list::main, list::TEACH),
    ("inspect", inspect::main, inspect::TEACH),
    ("rm", remove, REMOVE.teach),
    ("prune", prune::main, prune::TEACH),
    ("export", export_volume, EXPORT.teach),
    ("import", import_volume, IMPORT.teach),
];

pub fn main(door: &Door, mut words: Vec<OsString>) -> Outcome {
    let Some(verb) = words.first().map(|word| word.to_string_lossy().into_owned()) else {
        output::print(&help());
        return Ok(0);
    };
    words.remove(0);
    let verb = match verb.as_str() {
        "--help" | "-h" => {
            output::print(&help());
            return Ok(0);
        }
        "list" => "ls",
        "remove" => "rm",
        other => other,
    };
    match VERBS.iter().find(|(name, _, _)| *name == verb) {
        Some((_, main, _)) => main(door, words),
        None => Err(Failure::unknown_verb(&format!("volume {verb}"))),
    }
}

fn help() -> String {
    let mut text = String::from("Usage:  teu volume COMMAND\n\nManage volumes\n\nExample:\n");
    for line in TEACH.example.lines() {
        text += &format!("  {}\n", line.trim());
    }
    text += "\nCommands:\n";
    for (name, _, teach) in VERBS {
        text += &format!("  {name:<9} {}\n", teach.about);
    }
    text + "\nRun 'teu volume COMMAND --help' for more information on a command.\n"
}

/// As typed.
#[derive(Debug, Default)]
pub struct CreateVolumeFlags {
    driver: Option<String>,
    labels: Vec<String>,
    options: Vec<String>,
    name: Option<String>,
}

const CREATE_FLAGS: &[Flag<CreateVolumeFlags>] = &[
    Flag {
        long: "driver",
        short: Some('d'),
        takes: Takes::Value("string"),
        doc: "Specify volume driver name (default \"local\")",
        set: |typed, value| {
            typed.driver = Some(value.to_string());
            Ok(())
        },
    },
    Flag {
        long: "label",
        short: None,
        takes: Takes::Value("list"),
        doc: "Set metadata for a volume",
        set: |typed, value| {
            typed.labels.push(value.to_string());
            Ok(())
        },
    },
    Flag {
        long: "opt",
        short: Some('o'),
        takes: Takes::Value("map"),
        doc: "Set driver specific options: type=nfs, device=…, o=…",
        set: |typed, value| {
            if !value.contains('=') {
                return Err(format!("invalid key=value pair: {value}"));
            }
            typed.options.push(value.to_string());
            Ok(())
        },
    },
    Flag {
        long: "name",
        short: None,
        takes: Takes::Value("string"),
        doc: "Specify volume name, as the argument does",
        set: |typed, value| {
            typed.name = Some(value.to_string()).filter(|name| !name.is_empty());
            Ok(())
        },
    },
];

const CREATE: Verb<CreateVolumeFlags> = Verb {
    teach: Teach {
        name: "volume create",
        usage: "[OPTIONS] [VOLUME]",
        about: "Create a volume",
        example: "teu volume create --label project=x data\n\
                  teu volume create -o type=none -o o=bind -o device=/srv/data data",
    },
    flags: &[CREATE_FLAGS],
    later: "--availability --group --limit-bytes --required-bytes --scope --secret --sharing \
            --topology-preferred --topology-required --type",
    arguments: Arguments::Between(0, 1),
    first_ends_flags: false,
};

fn create(door: &Door, words: Vec<OsString>) -> Outcome {
    let Some((flags, mut words)) = CREATE.parse(words)? else { return Ok(0) };
    if flags.name.is_some() && !words.is_empty() {
        return Err(Failure::new(
            "conflicting options: cannot specify a volume-name through both --name and as a positional arg",
        ));
    }
    let asked = NewVolume {
        name: words.pop().or(flags.name).filter(|name| !name.is_empty()),
        driver: flags.driver,
        labels: pairs(&flags.labels),
        options: pairs(&flags.options),
        ..NewVolume::default()
    };
    let volume = door.engine()?.create_volume(&asked)?;
    output::print(&format!("{}\n", volume.name));
    Ok(0)
}

/// `name=value`, the last of a name counts.
pub fn pairs(list: &[String]) -> BTreeMap<String, String> {
    let pair = |text: &String| {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        (name.to_string(), value.to_string())
    };
    list.iter().map(pair).collect()
}

/// As typed.
#[derive(Debug, Default)]
pub struct RemoveVolumeFlags {
    force: bool,
}

const REMOVE: Verb<RemoveVolumeFlags> = Verb {
    teach: Teach {
        name: "volume rm",
        usage: "[OPTIONS] VOLUME [VOLUME...]",
        about: "Remove one or more volumes",
        example: "teu volume rm data",
    },
    flags: &[&[Flag {
        long: "force",
        short: Some('f'),
        takes: Takes::Nothing,
        doc: "Do not complain of volumes that are not there",
        set: |typed, value| switch(value).map(|on| typed.force = on),
    }]],
    later: "",
    arguments: Arguments::AtLeast(1),
    first_ends_flags: false,
};

fn remove(door: &Door, words: Vec<OsString>) -> Outcome {
    let Some((flags, names)) = REMOVE.parse(words)? else { return Ok(0) };
    let engine = door.engine()?;
    for_each(&names, true, |name| match engine.remove_volume(name) {
        Err(EngineError::Volume(VolumeError::NoSuchVolume { .. })) if flags.force => Ok(()),
        other => Ok(other?),
    })
}

const EXPORT: Verb<export::ExportFlags> = Verb {
    teach: Teach {
        name: "volume export",
        usage: "[OPTIONS] VOLUME",
        about: "Write a volume's content as a tar archive",
        example: "teu volume export data > data.tar",
    },
    flags: &[export::FLAGS],
    later: "",
    arguments: Arguments::Exactly(1),
    first_ends_flags: false,
};

fn export_volume(door: &Door, words: Vec<OsString>) -> Outcome {
    let Some((flags, names)) = EXPORT.parse(words)? else { return Ok(0) };
    export::write_archive(flags.output.as_deref(), "export", |to| {
        Ok(door.engine()?.export_volume(&names[0], to)?)
    })
}

const IMPORT: Verb<()> = Verb {
    teach: Teach {
        name: "volume import",
        usage: "VOLUME [FILE|-]",
        about: "Read a tar archive into a volume",
        example: "teu volume import data < data.tar",
    },
    flags: &[],
    later: "",
    arguments: Arguments::Between(1, 2),
    first_ends_flags: false,
};

fn import_volume(door: &Door, words: Vec<OsString>) -> Outcome {
    let Some(((), words)) = IMPORT.parse(words)? else { return Ok(0) };
    let tar = import::input(words.get(1).filter(|path| *path != "-").map(String::as_str))?;
    door.engine()?.import_volume(&words[0], tar)?;
    Ok(0)
}
