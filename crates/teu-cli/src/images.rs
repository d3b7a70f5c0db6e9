//! `teu images`: what is here.

use crate::exit_code::Failure;
use crate::filter::Filters;
use crate::flags::{Arguments, Flag, Takes, Verb, switch};
use crate::help::Teach;
use crate::pattern::glob;
use crate::{Door, Outcome, moment, output, table, template};
use serde_json::{Value, json};
use std::ffi::OsString;
use std::time::SystemTime;
use teu_engine::Engine;
use teu_engine::parts::ListedImage;
use teu_model::{Reference, Timestamp, human_duration, human_size};

pub const TEACH: Teach = Teach {
    name: "images",
    usage: "[OPTIONS] [REPOSITORY[:TAG]]",
    about: "List images",
    example: "teu images\n\
              teu images --format '{{.Repository}}:{{.Tag}} {{.Size}}' debian",
};

/// As typed.
#[derive(Debug, Default)]
pub struct ImagesFlags {
    quiet: bool,
    whole: bool,
    digests: bool,
    filters: Filters,
    format: String,
}

const FLAGS: &[Flag<ImagesFlags>] = &[
    Flag {
        long: "all",
        short: Some('a'),
        takes: Takes::Nothing,
        doc: "Show all images; there are no intermediate ones to hide",
        set: |_, value| switch(value).map(|_| ()),
    },
    Flag {
        long: "quiet",
        short: Some('q'),
        takes: Takes::Nothing,
        doc: "Only show image IDs",
        set: |typed, value| switch(value).map(|on| typed.quiet = on),
    },
    Flag {
        long: "no-trunc",
        short: None,
        takes: Takes::Nothing,
        doc: "Don't truncate output",
        set: |typed, value| switch(value).map(|on| typed.whole = on),
    },
    Flag {
        long: "digests",
        short: None,
        takes: Takes::Nothing,
        doc: "Show digests",
        set: |typed, value| switch(value).map(|on| typed.digests = on),
    },
    Flag {
        long: "filter",
        short: Some('f'),
        takes: Takes::Value("filter"),
        doc: "Only those with dangling=true, reference=PATTERN, label=NAME[=VALUE], before=, since=, until=",
        set: |typed, value| typed.filters.add(value),
    },
    Flag {
        long: "format",
        short: None,
        takes: Takes::Value("string"),
        doc: "json, 'table TEMPLATE' or 'TEMPLATE': {{.Repository}}:{{.Tag}}",
        set: |typed, value| {
            typed.format = value.to_string();
            Ok(())
        },
    },
];

pub const VERB: Verb<ImagesFlags> = Verb {
    teach: TEACH,
    flags: &[FLAGS],
    later: "--tree",
    arguments: Arguments::Between(0, 1),
    first_ends_flags: false,
};

pub fn main(door: &Door, words: Vec<OsString>) -> Outcome {
    let Some((mut flags, words)) = VERB.parse(words)? else { return Ok(0) };
    if let Some(name) = words.first() {
        flags.filters.add(&format!("reference={name}")).map_err(Failure::new)?;
    }
    if !["", "table", "json"].contains(&flags.format.as_str()) {
        template::list(&flags.format, &[], &heads()).map_err(Failure::new)?;
    }
    let now = Timestamp::from(SystemTime::now());
    let engine = door.engine()?;
    let wanted = Wanted::look_up(&flags.filters, &engine, now)?;
    let mut rows = Vec::new();
    for image in &engine.images()? {
        for name in image.rows() {
            if wanted.fits(image, name) {
                rows.push(row(image, name, &flags, now));
            }
        }
    }
    if flags.quiet && ["", "table"].contains(&flags.format.as_str()) {
        let mut ids: Vec<String> = rows.iter().map(|row| text(row, "ID")).collect();
        ids.dedup();
        output::print(&ids.iter().map(|id| format!("{id}\n")).collect::<String>());
        return Ok(0);
    }
    let formatted = template::list(&flags.format, &rows, &heads()).map_err(Failure::new)?;
    output::print(&formatted.unwrap_or_else(|| own_table(&rows, &flags)));
    Ok(0)
}

fn own_table(rows: &[Value], flags: &ImagesFlags) -> String {
    let mut columns = vec!["Repository", "Tag", "ID", "CreatedSince", "Size"];
    if flags.digests {
        columns.insert(2, "Digest");
    }
    let mut table = vec![columns.iter().map(|column| head(column)).collect::<Vec<_>>()];
    table.extend(rows.iter().map(|row| columns.iter().map(|column| text(row, column)).collect()));
    if flags.whole { table::render(&table) } else { table::render_here(table) }
}

/// Docker's head of each field.
fn heads() -> Value {
    const FIELDS: [&str; 11] = [
        "Repository",
        "Tag",
        "Digest",
        "ID",
        "CreatedSince",
        "CreatedAt",
        "Size",
        "Containers",
        "SharedSize",
        "UniqueSize",
        "VirtualSize",
    ];
    FIELDS.iter().map(|field| (field.to_string(), Value::from(head(field)))).collect()
}

fn head(field: &str) -> String {
    match field {
        "ID" => "IMAGE ID".to_string(),
        "CreatedSince" => "CREATED".to_string(),
        "CreatedAt" => "CREATED AT".to_string(),
        other => other.to_uppercase(),
    }
}

fn text(row: &Value, field: &str) -> String {
    row[field].as_str().unwrap_or("").to_string()
}

fn row(
    image: &ListedImage,
    name: Option<&Reference>,
    flags: &ImagesFlags,
    now: Timestamp,
) -> Value {
    let none = || "<none>".to_string();
    let id = if flags.whole { image.id.to_string() } else { image.id.short() };
    let since = image.created.map(|created| format!("{} ago", human_duration(created.age(now))));
    let repository = name.map(Reference::familiar_name);
    let digest = image
        .digests
        .iter()
        .find(|digest| name.is_none_or(|name| digest.familiar_name() == name.familiar_name()));
    let digest = digest.and_then(|reference| reference.digest.as_ref()).map(ToString::to_string);
    json!({
        "Repository": repository.unwrap_or_else(none),
        "Tag": name.and_then(|name| name.tag.clone()).unwrap_or_else(none),
        "Digest": digest.unwrap_or_else(none),
        "ID": id,
        "CreatedSince": since.unwrap_or_else(|| "N/A".to_string()),
        "CreatedAt": image.created.map_or("N/A".to_string(), go_time),
        "Size": human_size(image.size),
        "Containers": "N/A",
        "SharedSize": "N/A",
        "UniqueSize": "N/A",
        "VirtualSize": human_size(image.size),
    })
}

/// A moment as Go prints it: `2026-11-21 10:00:00 +0000 UTC`.
pub fn go_time(time: Timestamp) -> String {
    let whole = Timestamp(time.0 - time.0 % 1_000_000_000).to_string();
    format!("{} +0000 UTC", whole.trim_end_matches('Z').replace('T', " "))
}

/// The filters, with what they name looked up.
struct Wanted<'f> {
    filters: &'f Filters,
    dangling: Option<bool>,
    before: Option<Timestamp>,
    since: Option<Timestamp>,
}

impl<'f> Wanted<'f> {
    fn look_up(
        filters: &'f Filters,
        engine: &Engine,
        now: Timestamp,
    ) -> Result<Wanted<'f>, Failure> {
        filters.check(&["before", "dangling", "label", "label!", "reference", "since", "until"])?;
        let created = |key: &str| -> Result<Option<Timestamp>, Failure> {
            let found = filters.values(key).last().map(|name| engine.find_image(name));
            Ok(found.transpose()?.and_then(|found| found.image.config.created_at()))
        };
        let until = filters.values("until").last().map(|text| moment::parse(text, now));
        let until = until.transpose().map_err(Failure::new)?;
        let before = created("before")?;
        Ok(Wanted {
            dangling: filters.switch("dangling")?,
            before: before.into_iter().chain(until).min(),
            since: created("since")?,
            filters,
        })
    }

    fn fits(&self, image: &ListedImage, name: Option<&Reference>) -> bool {
        let created = image.created.unwrap_or_default();
        self.dangling.is_none_or(|dangling| image.tags.is_empty() == dangling)
            && self.before.is_none_or(|before| created < before)
            && self.since.is_none_or(|since| created > since)
            && self.filters.labels(&image.image.config.config.labels)
            && self
                .filters
                .any("reference", |pattern| name.is_some_and(|name| is_called(name, pattern)))
    }
}

/// By a pattern for its short name, with the tag or without; or by any way to write the name itself.
fn is_called(name: &Reference, pattern: &str) -> bool {
    if glob(pattern, &name.familiar()) || glob(pattern, &name.familiar_name()) {
        return true;
    }
    let has_tag = pattern.rsplit('/').next().is_some_and(|last| last.contains(':'));
    Reference::parse(pattern).is_ok_and(|wanted| {
        name.familiar_name() == wanted.familiar_name() && (!has_tag || name.tag == wanted.tag)
    })
}
