//! `teu volume inspect`: a volume in docker's field names.

use crate::exit_code::Failure;
use crate::flags::{Arguments, Flag, Takes, Verb};
use crate::help::Teach;
use crate::template::Template;
use crate::{Door, Outcome, output};
use serde_json::{Value, json};
use std::ffi::OsString;
use teu_engine::ListedVolume;

pub const TEACH: Teach = Teach {
    name: "volume inspect",
    usage: "[OPTIONS] VOLUME [VOLUME...]",
    about: "Display detailed information on one or more volumes",
    example: "teu volume inspect -f '{{.Mountpoint}}' data",
};

/// As typed.
#[derive(Debug, Default)]
pub struct InspectVolumeFlags {
    format: String,
}

const VERB: Verb<InspectVolumeFlags> = Verb {
    teach: TEACH,
    flags: &[&[Flag {
        long: "format",
        short: Some('f'),
        takes: Takes::Value("string"),
        doc: "json, or a template: {{.Mountpoint}}",
        set: |typed, value| {
            typed.format = value.to_string();
            Ok(())
        },
    }]],
    later: "",
    arguments: Arguments::AtLeast(1),
    first_ends_flags: false,
};

pub fn main(door: &Door, words: Vec<OsString>) -> Outcome {
    let Some((flags, names)) = VERB.parse(words)? else { return Ok(0) };
    let template = match flags.format.as_str() {
        "" | "json" => None,
        text => Some(Template::parse(text).map_err(Failure::new)?),
    };
    let engine = door.engine()?;
    let (mut found, mut failed) = (Vec::new(), None);
    for name in &names {
        match engine.find_volume(name) {
            Ok(volume) => found.push(value(&volume)),
            Err(error) => failed = Some(Failure::from(error)),
        }
    }
    match template {
        Some(template) => {
            for value in &found {
                output::print(&(template.render(value).map_err(Failure::new)? + "\n"));
            }
        }
        None => {
            let list = Value::Array(found);
            let text = if flags.format == "json" { list.to_string() } else { format!("{list:#}") };
            output::print(&(text + "\n"));
        }
    }
    failed.map_or(Ok(0), Err)
}

/// As `inspect` shows it.
pub fn value(listed: &ListedVolume) -> Value {
    let volume = &listed.volume;
    let or_null = |map: &std::collections::BTreeMap<String, String>| {
        if map.is_empty() { Value::Null } else { json!(map) }
    };
    let created = volume.created_at.to_string();
    // docker tells whole seconds.
    let seconds = created.split('.').next().unwrap_or_default().trim_end_matches('Z');
    json!({
        "CreatedAt": format!("{seconds}Z"),
        "Driver": volume.driver,
        "Labels": or_null(&volume.labels),
        "Mountpoint": listed.mountpoint.display().to_string(),
        "Name": volume.name,
        "Options": or_null(&volume.options),
        "Scope": "local",
    })
}

/// As a line of `ls`.
pub fn row(listed: &ListedVolume) -> Value {
    let volume = &listed.volume;
    let labels: Vec<String> =
        volume.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    json!({
        "Availability": "N/A",
        "Driver": volume.driver,
        "Group": "N/A",
        "Label": volume.labels,
        "Labels": labels.join(","),
        "Links": "N/A",
        "Mountpoint": listed.mountpoint.display().to_string(),
        "Name": volume.name,
        "Scope": "local",
        "Size": "N/A",
        "Status": "N/A",
    })
}

/// The head of a table made by a template.
pub fn heads() -> Value {
    json!({
        "Availability": "AVAILABILITY",
        "Driver": "DRIVER",
        "Group": "GROUP",
        "Labels": "LABELS",
        "Links": "LINKS",
        "Mountpoint": "MOUNTPOINT",
        "Name": "VOLUME NAME",
        "Scope": "SCOPE",
        "Size": "SIZE",
        "Status": "STATUS",
    })
}
