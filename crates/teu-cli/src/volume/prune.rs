//! `teu volume prune`: volumes that nobody needs.

use super::list::Filter;
use crate::exit_code::Failure;
use crate::flags::{Arguments, Flag, Takes, Verb, switch};
use crate::help::Teach;
use crate::prune::{self, agreed, total};
use crate::{Door, Outcome};
use std::ffi::OsString;
use teu_engine::parts::VolumeError;
use teu_engine::{Engine, EngineError};

pub const TEACH: Teach = Teach {
    name: "volume prune",
    usage: "[OPTIONS]",
    about: "Remove unused local volumes",
    example: "teu volume prune       # those without a name\n\
              teu volume prune -a    # all that no container uses",
};

/// As typed.
#[derive(Debug, Default)]
pub struct PruneVolumeFlags {
    all: bool,
    force: bool,
    dry: bool,
    filters: Vec<String>,
}

const FLAGS: &[Flag<PruneVolumeFlags>] = &[
    Flag {
        long: "all",
        short: Some('a'),
        takes: Takes::Nothing,
        doc: "Remove all unused volumes, not just anonymous ones",
        set: |typed, value| switch(value).map(|on| typed.all = on),
    },
    Flag {
        long: "filter",
        short: None,
        takes: Takes::Value("filter"),
        doc: "Provide filter values: label=…, label!=…, all=true",
        set: |typed, value| {
            typed.filters.push(value.to_string());
            Ok(())
        },
    },
    Flag {
        long: "force",
        short: Some('f'),
        takes: Takes::Nothing,
        doc: "Do not prompt for confirmation",
        set: |typed, value| switch(value).map(|on| typed.force = on),
    },
    Flag {
        long: "dry-run",
        short: None,
        takes: Takes::Nothing,
        doc: "Only tell what would be removed",
        set: |typed, value| switch(value).map(|on| typed.dry = on),
    },
];

const VERB: Verb<PruneVolumeFlags> = Verb {
    teach: TEACH,
    flags: &[FLAGS],
    later: "",
    arguments: Arguments::Exactly(0),
    first_ends_flags: false,
};

pub fn main(door: &Door, words: Vec<OsString>) -> Outcome {
    let Some((flags, _)) = VERB.parse(words)? else { return Ok(0) };
    let mut all = flags.all;
    let mut filters = Vec::new();
    for text in &flags.filters {
        match text.split_once('=') {
            Some(("all", value)) => all |= switch(value).map_err(Failure::new)?,
            Some(("label" | "label!", _)) => filters.push(Filter::parse(text)?),
            _ => {
                let name = text.split('=').next().unwrap_or_default();
                return Err(Failure::new(format!("invalid filter '{name}'")));
            }
        }
    }
    let what = if all { "all" } else { "anonymous" };
    let warning =
        format!("This will remove {what} local volumes not used by at least one container.");
    if !flags.force && !flags.dry {
        agreed(&warning, "volume")?;
    }
    let bytes = prune_volumes(&door.engine()?, all, &filters, flags.dry)?;
    total(bytes, flags.dry);
    Ok(0)
}

/// Removes those that fit, or only tells them; what that gives back.
pub fn prune_volumes(
    engine: &Engine,
    all: bool,
    filters: &[Filter],
    dry: bool,
) -> Result<u64, Failure> {
    let (mut removed, mut reclaimed) = (Vec::new(), 0u64);
    for listed in engine.volumes()? {
        let name = listed.volume.name.clone();
        let goes = listed.users.is_empty()
            && (all || listed.volume.anonymous)
            && Filter::all_fit(filters, &listed);
        if !goes {
            continue;
        }
        let size = engine.size_of_volume(&name).unwrap_or(0);
        match if dry { Ok(()) } else { engine.remove_volume(&name) } {
            Ok(()) => {
                removed.push(name);
                reclaimed += size;
            }
            // Somebody was faster, or needs it by now.
            Err(EngineError::Volume(
                VolumeError::NoSuchVolume { .. } | VolumeError::InUse { .. },
            )) => {}
            Err(error) => return Err(error.into()),
        }
    }
    prune::list("Volumes", dry, &removed);
    Ok(reclaimed)
}
