//! `teu volume`: directories that outlive containers.

pub mod inspect;
pub mod list;
pub mod prune;

use crate::exit_code::{Failure, for_each};
use crate::flags::{Arguments, Flag, Takes, Verb, switch};
use crate::help::Teach;
use crate::{Door, Outcome, export, import, output};
use std::collections::BTreeMap;
use std::ffi::OsString;
use teu_engine::EngineError;
use teu_engine::parts::{NewVolume, VolumeError};

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

pub const CREATE: Verb<CreateVolumeFlags> = Verb {
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

pub fn create(door: &Door, words: Vec<OsString>) -> Outcome {
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
    dry: bool,
}

pub const REMOVE: Verb<RemoveVolumeFlags> = Verb {
    teach: Teach {
        name: "volume rm",
        usage: "[OPTIONS] VOLUME [VOLUME...]",
        about: "Remove one or more volumes",
        example: "teu volume rm data",
    },
    flags: &[&[
        Flag {
            long: "force",
            short: Some('f'),
            takes: Takes::Nothing,
            doc: "Do not complain of volumes that are not there",
            set: |typed, value| switch(value).map(|on| typed.force = on),
        },
        Flag {
            long: "dry-run",
            short: None,
            takes: Takes::Nothing,
            doc: "Only tell what would be removed",
            set: |typed, value| switch(value).map(|on| typed.dry = on),
        },
    ]],
    later: "",
    arguments: Arguments::AtLeast(1),
    first_ends_flags: false,
};

pub fn remove(door: &Door, words: Vec<OsString>) -> Outcome {
    let Some((flags, names)) = REMOVE.parse(words)? else { return Ok(0) };
    let engine = door.engine()?;
    let remove = |name: &str| match flags.dry {
        true => engine.may_remove_volume(name),
        false => engine.remove_volume(name),
    };
    for_each(&names, true, |name| match remove(name) {
        Err(EngineError::Volume(VolumeError::NoSuchVolume { .. })) if flags.force => Ok(()),
        other => Ok(other?),
    })
}

pub const EXPORT: Verb<export::ExportFlags> = Verb {
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

pub fn export_volume(door: &Door, words: Vec<OsString>) -> Outcome {
    let Some((flags, names)) = EXPORT.parse(words)? else { return Ok(0) };
    export::write_archive(flags.output.as_deref(), "export", |to| {
        Ok(door.engine()?.export_volume(&names[0], to)?)
    })
}

pub const IMPORT: Verb<()> = Verb {
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

pub fn import_volume(door: &Door, words: Vec<OsString>) -> Outcome {
    let Some(((), words)) = IMPORT.parse(words)? else { return Ok(0) };
    let tar = import::input(words.get(1).filter(|path| *path != "-").map(String::as_str))?;
    door.engine()?.import_volume(&words[0], tar)?;
    Ok(0)
}
