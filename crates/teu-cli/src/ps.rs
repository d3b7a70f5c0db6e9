//! `teu ps`: containers, as they are now.

mod filter;

use crate::exit_code::Failure;
use crate::filter::Filters;
use crate::flags::{Arguments, Flag, Takes, Verb, integer, switch};
use crate::help::Teach;
use crate::{Door, Outcome, images, output, table, template};
use serde_json::{Value, json};
use std::ffi::OsString;
use std::time::SystemTime;
use teu_engine::{Engine, Listed};
use teu_model::{
    HealthStatus, MountRequest, NetworkRequest, Status, Timestamp, human_duration, human_size,
};

pub const TEACH: Teach = Teach {
    name: "ps",
    usage: "[OPTIONS]",
    about: "List containers",
    example: "teu ps -a\n\
              teu ps --filter status=exited --format '{{.Names}} {{.Status}}'",
};

/// As typed.
#[derive(Debug, Default)]
pub struct PsFlags {
    all: bool,
    quiet: bool,
    whole: bool,
    last: Option<i64>,
    filters: Filters,
    size: bool,
    format: String,
}

const FLAGS: &[Flag<PsFlags>] = &[
    Flag {
        long: "all",
        short: Some('a'),
        takes: Takes::Nothing,
        doc: "Show all containers (default shows just running)",
        set: |typed, value| switch(value).map(|on| typed.all = on),
    },
    Flag {
        long: "quiet",
        short: Some('q'),
        takes: Takes::Nothing,
        doc: "Only display container IDs",
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
        long: "last",
        short: Some('n'),
        takes: Takes::Value("int"),
        doc: "Show n last created containers (includes all states)",
        set: |typed, value| {
            integer(value).map(|count| typed.last = Some(count).filter(|n| *n >= 0))
        },
    },
    Flag {
        long: "latest",
        short: Some('l'),
        takes: Takes::Nothing,
        doc: "Show the latest created container (includes all states)",
        set: |typed, value| switch(value).map(|on| typed.last = on.then_some(1)),
    },
    Flag {
        long: "filter",
        short: Some('f'),
        takes: Takes::Value("filter"),
        doc: "Only those with id=, name=, status=, label=, ancestor=, exited=, network=, volume=, before=, since=, health=",
        set: |typed, value| typed.filters.add(value),
    },
    Flag {
        long: "size",
        short: Some('s'),
        takes: Takes::Nothing,
        doc: "Display total file sizes",
        set: |typed, value| switch(value).map(|on| typed.size = on),
    },
    Flag {
        long: "format",
        short: None,
        takes: Takes::Value("string"),
        doc: "json, 'table TEMPLATE' or 'TEMPLATE': {{.Names}} {{.Status}}",
        set: |typed, value| {
            typed.format = value.to_string();
            Ok(())
        },
    },
];

pub const VERB: Verb<PsFlags> = Verb {
    teach: TEACH,
    flags: &[FLAGS],
    later: "",
    arguments: Arguments::Exactly(0),
    first_ends_flags: false,
};

pub fn main(door: &Door, words: Vec<OsString>) -> Outcome {
    let Some((flags, _)) = VERB.parse(words)? else { return Ok(0) };
    let now = Timestamp::from(SystemTime::now());
    let format = match (flags.format.as_str(), flags.quiet) {
        ("raw", true) => "container_id: {{.ID}}".to_string(),
        ("raw", false) => RAW.to_string() + if flags.size { RAW_SIZE } else { "" },
        (other, _) => other.to_string(),
    };
    // Found wrong before anything is looked at, as docker does.
    if !["", "table", "json"].contains(&format.as_str()) {
        template::list(&format, &[], &heads()).map_err(Failure::new)?;
    }
    let engine = door.engine()?;
    let wanted = filter::Wanted::look_up(&flags.filters, &engine)?;
    let all = flags.all || flags.last.is_some() || wanted.names_state();
    let mut listed = engine.list()?;
    let goes_on = |status: Status| status.is_alive() || status == Status::Restarting;
    listed.retain(|one| (all || goes_on(one.container.state.status)) && wanted.fits(one));
    if let Some(last) = flags.last {
        listed.truncate(usize::try_from(last).unwrap_or(usize::MAX));
    }
    if flags.quiet && ["", "table"].contains(&format.as_str()) {
        let id = |one: &Listed| {
            let id = one.container.id();
            format!("{}\n", if flags.whole { id.as_str() } else { id.short() })
        };
        output::print(&listed.iter().map(id).collect::<String>());
        return Ok(0);
    }
    let sizes = flags.size || format.contains(".Size");
    let rows = listed.iter().map(|one| {
        let mut row = row(one, flags.whole, now);
        if sizes {
            row["Size"] = size(&engine, one).into();
        }
        row
    });
    let rows: Vec<Value> = rows.collect();
    let formatted = template::list(&format, &rows, &heads()).map_err(Failure::new)?;
    output::print(&formatted.unwrap_or_else(|| own_table(&rows, flags.size, flags.whole)));
    Ok(0)
}

/// Docker's `raw`.
const RAW: &str = "container_id: {{.ID}}\nimage: {{.Image}}\ncommand: {{.Command}}\ncreated_at: {{.CreatedAt}}\n\
    state: {{- pad .State 1 0}}\nstatus: {{- pad .Status 1 0}}\nnames: {{.Names}}\nlabels: {{- pad .Labels 1 0}}\n\
    ports: {{- pad .Ports 1 0}}\n";
const RAW_SIZE: &str = "size: {{.Size}}\n";

/// What it wrote, and with its image.
fn size(engine: &Engine, one: &Listed) -> String {
    let (own, whole) = engine.size_of(&one.container);
    format!("{} (virtual {})", human_size(own), human_size(whole))
}

const COLUMNS: [&str; 7] = ["ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names"];

fn own_table(rows: &[Value], size: bool, whole: bool) -> String {
    let columns: Vec<&str> = COLUMNS.into_iter().chain(size.then_some("Size")).collect();
    let mut table = vec![columns.iter().map(|column| head(column)).collect::<Vec<_>>()];
    table.extend(rows.iter().map(|row| columns.iter().map(|column| text(row, column)).collect()));
    if whole { table::render(&table) } else { table::render_here(table) }
}

/// Docker's head of each field.
fn heads() -> Value {
    const FIELDS: [&str; 13] = [
        "ID",
        "Image",
        "Command",
        "CreatedAt",
        "RunningFor",
        "Ports",
        "State",
        "Status",
        "Size",
        "Names",
        "Labels",
        "LocalVolumes",
        "Mounts",
    ];
    FIELDS
        .iter()
        .chain(&["Networks"])
        .map(|field| (field.to_string(), Value::from(head(field))))
        .collect()
}

/// Docker's head for a field.
fn head(field: &str) -> String {
    match field {
        "ID" => "CONTAINER ID".to_string(),
        "RunningFor" => "CREATED".to_string(),
        "CreatedAt" => "CREATED AT".to_string(),
        "LocalVolumes" => "LOCAL VOLUMES".to_string(),
        other => other.to_uppercase(),
    }
}

fn text(row: &Value, field: &str) -> String {
    row[field].as_str().unwrap_or("").to_string()
}

/// One container, in docker's fields.
pub fn row(one: &Listed, whole: bool, now: Timestamp) -> Value {
    let container = &one.container;
    let (record, state) = (&container.record, &container.state);
    let cut = |text: String, width: usize| if whole { text } else { table::shorten(&text, width) };
    let id = if whole { container.id().to_string() } else { container.id().short().to_string() };
    let labels: Vec<String> =
        record.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mounts: Vec<String> = record
        .mounts()
        .iter()
        .filter_map(|mount| match mount {
            MountRequest::Bind { source, .. } => Some(cut(source.clone(), 15)),
            MountRequest::Tmpfs { .. } => None,
            MountRequest::Volume { name, .. } => name.clone().map(|name| cut(name, 15)),
        })
        .collect();
    json!({
        "ID": id,
        "Image": one.image,
        "Command": Value::from(cut(record.process.args.join(" "), 20)).to_string(),
        "CreatedAt": images::go_time(record.created_at),
        "RunningFor": format!("{} ago", human_duration(record.created_at.age(now))),
        "Ports": ports(one),
        "State": state.status.word(),
        "Status": status(one, now),
        "Size": "0B",
        "Names": state.name.as_str(),
        "Labels": labels.join(","),
        "Label": record.labels,
        "LocalVolumes": record.mounts().iter().filter(|mount| matches!(mount, MountRequest::Volume { .. })).count().to_string(),
        "Mounts": mounts.join(","),
        "Networks": network_name(record.request.network),
    })
}

/// What it serves while it runs, numbers that follow each other together: `80-82/tcp, 90/udp`.
fn ports(one: &Listed) -> String {
    let record = &one.container.record;
    if !one.container.state.status.is_alive() || record.request.network != NetworkRequest::Bridge {
        return String::new();
    }
    let mut ports: Vec<(&str, u16)> = record
        .exposed
        .iter()
        .filter_map(|port| port.split_once('/'))
        .filter_map(|(number, protocol)| Some((protocol, number.parse().ok()?)))
        .collect();
    ports.sort_unstable();
    let mut ranges: Vec<(&str, u16, u16)> = Vec::new();
    for (protocol, port) in ports {
        match ranges.last_mut() {
            Some((same, _, last)) if *same == protocol && last.checked_add(1) == Some(port) => {
                *last = port;
            }
            _ => ranges.push((protocol, port, port)),
        }
    }
    ranges.sort_by_key(|(protocol, first, _)| (*first, *protocol));
    let shown = |&(protocol, first, last): &(&str, u16, u16)| match last {
        last if last == first => format!("{first}/{protocol}"),
        last => format!("{first}-{last}/{protocol}"),
    };
    ranges.iter().map(shown).collect::<Vec<_>>().join(", ")
}

/// Docker's name of a network.
pub fn network_name(network: NetworkRequest) -> &'static str {
    match network {
        NetworkRequest::Bridge => "bridge",
        NetworkRequest::None => "none",
        NetworkRequest::Host => "host",
        // Its networks are those of the one it joined.
        NetworkRequest::Joined => "",
    }
}

/// `Up 5 minutes`, `Exited (137) 3 seconds ago, out of memory`.
fn status(one: &Listed, now: Timestamp) -> String {
    let state = &one.container.state;
    let since = |moment: Timestamp| human_duration(moment.age(now));
    match (state.status, &state.exit, state.started_at) {
        (Status::Running | Status::Paused, _, started) => {
            let paused = match (state.status, one.health.as_ref().map(|health| health.status)) {
                (Status::Paused, _) => " (Paused)",
                (_, Some(HealthStatus::Starting)) => " (health: starting)",
                (_, Some(HealthStatus::Healthy)) => " (healthy)",
                (_, Some(HealthStatus::Unhealthy)) => " (unhealthy)",
                _ => "",
            };
            format!("Up {}{paused}", since(started.unwrap_or(one.container.record.created_at)))
        }
        (Status::Restarting, Some(exit), _) => {
            format!("Restarting ({}) {} ago", exit.code, since(exit.finished_at))
        }
        (Status::Restarting, None, _) => "Restarting".to_string(),
        (Status::Exited, Some(exit), _) => {
            let why = match (&exit.note, exit.oom_killed) {
                (_, true) => ", out of memory".to_string(),
                (Some(note), false) => format!(", {note}"),
                (None, false) => String::new(),
            };
            format!("Exited ({}) {} ago{why}", exit.code, since(exit.finished_at))
        }
        (Status::Exited, None, _) => "Exited".to_string(),
        (Status::Created, _, _) => "Created".to_string(),
    }
}

/// Docker's word for what its health checks found.
fn health(one: &Listed) -> &'static str {
    one.health.as_ref().map_or("none", |health| health.status.word())
}
