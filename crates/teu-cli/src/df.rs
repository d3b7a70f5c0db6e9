//! `teu system df`: what lies on the disk, and what could be had back.

use crate::exit_code::Failure;
use crate::flags::{Arguments, Flag, Takes, Verb, switch};
use crate::help::Teach;
use crate::volume::inspect;
use crate::{Door, Outcome, images, output, ps, table, template};
use serde_json::{Value, json};
use std::ffi::OsString;
use std::time::SystemTime;
use teu_engine::{DiskUse, ImageUse, Listed, ListedVolume};
use teu_model::{Timestamp, human_duration, human_size};

pub const TEACH: Teach = Teach {
    name: "system df",
    usage: "[OPTIONS]",
    about: "Show teu's disk usage",
    example: "teu system df -v",
};

/// As typed.
#[derive(Debug, Default)]
pub struct DfFlags {
    verbose: bool,
    format: String,
}

const FLAGS: &[Flag<DfFlags>] = &[
    Flag {
        long: "verbose",
        short: Some('v'),
        takes: Takes::Nothing,
        doc: "Show detailed information on space usage",
        set: |typed, value| switch(value).map(|on| typed.verbose = on),
    },
    Flag {
        long: "format",
        short: None,
        takes: Takes::Value("string"),
        doc: "json, 'table TEMPLATE' or 'TEMPLATE': {{.Type}} {{.Size}}",
        set: |typed, value| {
            typed.format = value.to_string();
            Ok(())
        },
    },
];

pub const VERB: Verb<DfFlags> = Verb {
    teach: TEACH,
    flags: &[FLAGS],
    later: "",
    arguments: Arguments::Exactly(0),
    first_ends_flags: false,
};

pub fn main(door: &Door, words: Vec<OsString>) -> Outcome {
    let Some((flags, _)) = VERB.parse(words)? else { return Ok(0) };
    let used = door.engine()?.disk_usage()?;
    if flags.verbose {
        output::print(&verbose(&used, &flags.format)?);
        return Ok(0);
    }
    let rows = summary(&used);
    let heads = json!({
        "Type": "TYPE", "TotalCount": "TOTAL", "Active": "ACTIVE", "Size": "SIZE",
        "Reclaimable": "RECLAIMABLE",
    });
    let shown = template::list(&flags.format, &rows, &heads).map_err(Failure::new)?;
    let columns = ["Type", "TotalCount", "Active", "Size", "Reclaimable"];
    output::print(&shown.unwrap_or_else(|| as_table(&rows, &heads, &columns)));
    Ok(0)
}

fn as_table(rows: &[Value], heads: &Value, columns: &[&str]) -> String {
    let cells = |row: &Value| -> Vec<String> {
        columns.iter().map(|column| row[column].as_str().unwrap_or("").to_string()).collect()
    };
    let rows: Vec<Vec<String>> =
        std::iter::once(cells(heads)).chain(rows.iter().map(cells)).collect();
    table::render_here(rows)
}

fn summary(used: &DiskUse) -> Vec<Value> {
    let row = |kind: &str, total: usize, active: usize, size: u64, back: u64| {
        let percent = (back * 100).checked_div(size);
        let back = match percent {
            Some(percent) => format!("{} ({percent}%)", human_size(back)),
            None => human_size(back),
        };
        json!({
            "Type": kind, "TotalCount": total.to_string(), "Active": active.to_string(),
            "Size": human_size(size), "Reclaimable": back,
        })
    };
    let active_images = used.images.iter().filter(|one| one.containers > 0).count();
    let is_alive = |one: &Listed| one.container.state.status.is_alive();
    let alive = used.containers.iter().filter(|(one, _)| is_alive(one)).count();
    let written: u64 = used.containers.iter().map(|(_, own)| own).sum();
    let stopped =
        used.containers.iter().filter(|(one, _)| !is_alive(one)).map(|(_, own)| own).sum();
    let is_used = |one: &ListedVolume| !one.users.is_empty();
    let held = used.volumes.iter().filter(|(one, _)| is_used(one)).count();
    let in_volumes = used.volumes.iter().map(|(_, bytes)| bytes).sum();
    let in_unused =
        used.volumes.iter().filter(|(one, _)| !is_used(one)).map(|(_, bytes)| bytes).sum();
    vec![
        row("Images", used.images.len(), active_images, used.layers, used.unused_layers),
        row("Containers", used.containers.len(), alive, written, stopped),
        row("Local Volumes", used.volumes.len(), held, in_volumes, in_unused),
        row("Build Cache", 0, 0, 0, 0),
    ]
}

fn verbose(used: &DiskUse, format: &str) -> Result<String, Failure> {
    let now = Timestamp::from(SystemTime::now());
    let images: Vec<Value> = used.images.iter().flat_map(|one| image_rows(one, now)).collect();
    let containers: Vec<Value> =
        used.containers.iter().map(|(one, own)| container_row(one, *own, now)).collect();
    let volumes: Vec<Value> =
        used.volumes.iter().map(|(one, bytes)| volume_row(one, *bytes)).collect();
    if !format.is_empty() && format != "table" {
        let data = json!({
            "Images": images, "Containers": containers, "Volumes": volumes, "BuildCache": [],
        });
        return crate::version::shown(format, &data, String::new);
    }
    let image_heads = json!({
        "Repository": "REPOSITORY", "Tag": "TAG", "ID": "IMAGE ID", "CreatedSince": "CREATED",
        "Size": "SIZE", "SharedSize": "SHARED SIZE", "UniqueSize": "UNIQUE SIZE",
        "Containers": "CONTAINERS",
    });
    let container_heads = json!({
        "ID": "CONTAINER ID", "Image": "IMAGE", "Command": "COMMAND",
        "LocalVolumes": "LOCAL VOLUMES", "Size": "SIZE", "RunningFor": "CREATED",
        "Status": "STATUS", "Names": "NAMES",
    });
    let volume_heads = json!({ "Name": "VOLUME NAME", "Links": "LINKS", "Size": "SIZE" });
    let image_columns = [
        "Repository",
        "Tag",
        "ID",
        "CreatedSince",
        "Size",
        "SharedSize",
        "UniqueSize",
        "Containers",
    ];
    let container_columns =
        ["ID", "Image", "Command", "LocalVolumes", "Size", "RunningFor", "Status", "Names"];
    Ok(format!(
        "Images space usage:\n\n{}\nContainers space usage:\n\n{}\n\
         Local Volumes space usage:\n\n{}\n\
         Build cache usage: 0B\n\nCACHE ID   CACHE TYPE   SIZE      CREATED   LAST USED   USAGE     SHARED\n",
        as_table(&images, &image_heads, &image_columns),
        as_table(&containers, &container_heads, &container_columns),
        as_table(&volumes, &volume_heads, &["Name", "Links", "Size"]),
    ))
}

fn image_rows(one: &ImageUse, now: Timestamp) -> Vec<Value> {
    let image = &one.image;
    let none = || "<none>".to_string();
    let since = image.created.map(|created| format!("{} ago", human_duration(created.age(now))));
    let row = |name: Option<&teu_model::Reference>| {
        json!({
            "Repository": name.map_or_else(none, teu_model::Reference::familiar_name),
            "Tag": name.and_then(|name| name.tag.clone()).unwrap_or_else(none),
            "ID": image.id.short(),
            "CreatedSince": since.clone().unwrap_or_else(|| "N/A".into()),
            "CreatedAt": image.created.map_or("N/A".into(), images::go_time),
            "Size": human_size(image.size),
            "SharedSize": human_size(one.shared),
            "UniqueSize": human_size(image.size.saturating_sub(one.shared)),
            "Containers": one.containers.to_string(),
        })
    };
    image.rows().into_iter().map(row).collect()
}

fn volume_row(one: &ListedVolume, bytes: u64) -> Value {
    let mut row = inspect::row(one);
    row["Links"] = one.users.len().to_string().into();
    row["Size"] = human_size(bytes).into();
    row
}

fn container_row(one: &Listed, own: u64, now: Timestamp) -> Value {
    let mut row = ps::row(one, false, now);
    row["Size"] = human_size(own).into();
    row
}
