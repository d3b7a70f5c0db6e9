//! `teu volume ls`.

use super::inspect;
use crate::exit_code::Failure;
use crate::flags::{Arguments, Flag, Takes, Verb, switch};
use crate::help::Teach;
use crate::{Door, Outcome, output, table, template};
use serde_json::Value;
use std::ffi::OsString;
use teu_engine::ListedVolume;

pub const TEACH: Teach = Teach {
    name: "volume ls",
    usage: "[OPTIONS]",
    about: "List volumes",
    example: "teu volume ls -f dangling=true    # those that no container uses",
};

/// As typed.
#[derive(Debug, Default)]
pub struct ListVolumeFlags {
    quiet: bool,
    format: String,
    filters: Vec<String>,
}

const FLAGS: &[Flag<ListVolumeFlags>] = &[
    Flag {
        long: "filter",
        short: Some('f'),
        takes: Takes::Value("filter"),
        doc: "Provide filter values: dangling=true, name=…, label=…, driver=…",
        set: |typed, value| {
            typed.filters.push(value.to_string());
            Ok(())
        },
    },
    Flag {
        long: "format",
        short: None,
        takes: Takes::Value("string"),
        doc: "table, json, or a template: {{.Name}}",
        set: |typed, value| {
            typed.format = value.to_string();
            Ok(())
        },
    },
    Flag {
        long: "quiet",
        short: Some('q'),
        takes: Takes::Nothing,
        doc: "Only display volume names",
        set: |typed, value| switch(value).map(|on| typed.quiet = on),
    },
];

const VERB: Verb<ListVolumeFlags> = Verb {
    teach: TEACH,
    flags: &[FLAGS],
    later: "--cluster",
    arguments: Arguments::Exactly(0),
    first_ends_flags: false,
};

pub fn main(door: &Door, words: Vec<OsString>) -> Outcome {
    let Some((flags, _)) = VERB.parse(words)? else { return Ok(0) };
    let filters: Vec<Filter> =
        flags.filters.iter().map(|text| Filter::parse(text)).collect::<Result<_, _>>()?;
    let mut volumes = door.engine()?.volumes()?;
    volumes.retain(|volume| Filter::all_fit(&filters, volume));
    output::print(&shown(&flags, &volumes)?);
    Ok(0)
}

fn shown(flags: &ListVolumeFlags, volumes: &[ListedVolume]) -> Result<String, Failure> {
    if flags.quiet && ["", "table"].contains(&flags.format.as_str()) {
        return Ok(volumes.iter().map(|one| format!("{}\n", one.volume.name)).collect());
    }
    let rows: Vec<Value> = volumes.iter().map(inspect::row).collect();
    let formatted =
        template::list(&flags.format, &rows, &inspect::heads()).map_err(Failure::new)?;
    Ok(formatted.unwrap_or_else(|| {
        let mut table = vec![vec!["DRIVER".to_string(), "VOLUME NAME".to_string()]];
        let row = |one: &ListedVolume| vec![one.volume.driver.clone(), one.volume.name.clone()];
        table.extend(volumes.iter().map(row));
        table::render_here(table)
    }))
}

/// One `--filter`; of one kind any may fit, of several kinds each must.
pub enum Filter {
    Dangling(bool),
    Name(String),
    Driver(String),
    Label(String, Option<String>),
    NotLabel(String, Option<String>),
}

impl Filter {
    pub fn parse(text: &str) -> Result<Filter, Failure> {
        let Some((name, value)) = text.split_once('=') else {
            return Err(Failure::new(format!(
                "invalid argument \"{text}\": bad format of filter (expected name=value)"
            ))
            .code(125));
        };
        let label = |value: &str| match value.split_once('=') {
            Some((label, value)) => (label.to_string(), Some(value.to_string())),
            None => (value.to_string(), None),
        };
        match name {
            "dangling" => switch(value)
                .map(Filter::Dangling)
                .map_err(|_| Failure::new(format!("invalid filter 'dangling=[{value}]'"))),
            "name" => Ok(Filter::Name(value.to_string())),
            "driver" => Ok(Filter::Driver(value.to_string())),
            "label" => Ok(Filter::Label(label(value).0, label(value).1)),
            "label!" => Ok(Filter::NotLabel(label(value).0, label(value).1)),
            _ => Err(Failure::new(format!("invalid filter '{name}'"))),
        }
    }

    fn kind(&self) -> u8 {
        match self {
            Filter::Dangling(_) => 0,
            Filter::Name(_) => 1,
            Filter::Driver(_) => 2,
            // Labels must all fit.
            Filter::Label(..) | Filter::NotLabel(..) => 3,
        }
    }

    pub fn all_fit(filters: &[Filter], volume: &ListedVolume) -> bool {
        filters.iter().all(|filter| {
            let alike = filters.iter().filter(|other| other.kind() == filter.kind());
            if filter.kind() == 3 {
                return filter.fits(volume);
            }
            alike.into_iter().any(|other| other.fits(volume))
        })
    }

    fn fits(&self, listed: &ListedVolume) -> bool {
        let volume = &listed.volume;
        let has = |label: &str, value: &Option<String>| {
            let found = volume.labels.get(label);
            found.is_some_and(|found| value.as_ref().is_none_or(|value| value == found))
        };
        match self {
            Filter::Dangling(dangling) => listed.users.is_empty() == *dangling,
            Filter::Name(name) => volume.name.contains(name.as_str()),
            Filter::Driver(driver) => volume.driver == *driver,
            Filter::Label(label, value) => has(label, value),
            Filter::NotLabel(label, value) => !has(label, value),
        }
    }
}
