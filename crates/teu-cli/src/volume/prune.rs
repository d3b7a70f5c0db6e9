//! `teu volume prune`: volumes that nobody needs.

use super::list::Filter;
use crate::exit_code::Failure;
use crate::flags::{Arguments, Flag, Takes, Verb, switch};
use crate::help::Teach;
use crate::{Door, Outcome, output, terminal};
use std::ffi::OsString;
use teu_engine::EngineError;
use teu_engine::parts::VolumeError;
use teu_model::human_size;

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
    if !flags.force && !confirmed(all)? {
        return Err(Failure::new("volume prune has been cancelled"));
    }
    let engine = door.engine()?;
    let (mut removed, mut reclaimed) = (String::new(), 0u64);
    for listed in engine.volumes()? {
        let name = &listed.volume.name;
        let goes = listed.users.is_empty()
            && (all || listed.volume.anonymous)
            && Filter::all_fit(&filters, &listed);
        if !goes {
            continue;
        }
        let size = engine.size_of_volume(name).unwrap_or(0);
        match engine.remove_volume(name) {
            Ok(()) => {
                removed += &format!("{name}\n");
                reclaimed += size;
            }
            // Somebody was faster, or needs it by now.
            Err(EngineError::Volume(
                VolumeError::NoSuchVolume { .. } | VolumeError::InUse { .. },
            )) => {}
            Err(error) => return Err(error.into()),
        }
    }
    if !removed.is_empty() {
        output::print(&format!("Deleted Volumes:\n{removed}\n"));
    }
    output::print(&format!("Total reclaimed space: {}\n", human_size(reclaimed)));
    Ok(0)
}

fn confirmed(all: bool) -> Result<bool, Failure> {
    if !terminal::stdin_is_terminal() {
        return Err(Failure::new("nobody can be asked whether to remove volumes").hint("use -f"));
    }
    let what = if all { "all" } else { "anonymous" };
    eprint!(
        "WARNING! This will remove {what} local volumes not used by at least one container.\nAre you sure you want to continue? [y/N] "
    );
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer);
    read.map_err(|error| Failure::new("cannot read the answer").because(error))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
