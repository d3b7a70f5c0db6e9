//! `teu ps`: containers, as they are now.

use crate::exit_code::Failure;
use crate::flags::{Arguments, Flag, Takes, Verb, integer, switch};
use crate::help::Teach;
use crate::{Door, Outcome, output, table, template};
use serde_json::{Value, json};
use std::ffi::OsString;
use std::time::SystemTime;
use teu_engine::Listed;
use teu_model::{MountRequest, NetworkRequest, Status, Timestamp, human_duration};

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
    filters: Vec<String>,
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
        doc: "Only those with id=, name=, status=, label=, ancestor=, exited=, network=",
        set: |typed, value| {
            typed.filters.push(value.to_string());
            Ok(())
        },
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

const VERB: Verb<PsFlags> = Verb {
    teach: TEACH,
    flags: &[FLAGS],
    later: "--size -s",
    arguments: Arguments::Exactly(0),
    first_ends_flags: false,
};

pub fn main(door: &Door, words: Vec<OsString>) -> Outcome {
    let Some((flags, _)) = VERB.parse(words)? else { return Ok(0) };
    let filters = flags.filters.iter().map(|text| Filter::parse(text));
    let filters: Vec<Filter> = filters.collect::<Result<_, _>>().map_err(Failure::new)?;
    let names_state =
        filters.iter().any(|filter| matches!(filter, Filter::Status(_) | Filter::Exited(_)));
    let all = flags.all || flags.last.is_some() || names_state;

    let now = Timestamp::from(SystemTime::now());
    let mut listed = door.engine()?.list()?;
    listed.retain(|one| all || one.container.state.status.is_alive());
    listed.retain(|one| fits(one, &filters));
    if let Some(last) = flags.last {
        listed.truncate(usize::try_from(last).unwrap_or(usize::MAX));
    }
    let rows: Vec<Value> = listed.iter().map(|one| row(one, flags.whole, now)).collect();
    if flags.quiet && flags.format.is_empty() {
        output::print(&rows.iter().map(|row| format!("{}\n", text(row, "ID"))).collect::<String>());
        return Ok(0);
    }
    let formatted = template::list(&flags.format, &rows, &heads()).map_err(Failure::new)?;
    output::print(&formatted.unwrap_or_else(|| own_table(&rows)));
    Ok(0)
}

const COLUMNS: [&str; 7] = ["ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names"];

fn own_table(rows: &[Value]) -> String {
    let mut table = vec![COLUMNS.iter().map(|column| head(column)).collect::<Vec<_>>()];
    table.extend(rows.iter().map(|row| COLUMNS.iter().map(|column| text(row, column)).collect()));
    table::render(&table)
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
fn row(one: &Listed, whole: bool, now: Timestamp) -> Value {
    let container = &one.container;
    let (record, state) = (&container.record, &container.state);
    let cut = |text: String, width: usize| if whole { text } else { table::shorten(&text, width) };
    let id = if whole { container.id().to_string() } else { container.id().short().to_string() };
    let labels: Vec<String> =
        record.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mounts: Vec<String> = record
        .request
        .mounts
        .iter()
        .filter_map(|mount| match mount {
            MountRequest::Bind { source, .. } => Some(cut(source.clone(), 15)),
            MountRequest::Tmpfs { .. } => None,
        })
        .collect();
    json!({
        "ID": id,
        "Image": one.image,
        "Command": format!("\"{}\"", cut(record.process.args.join(" "), 20)),
        "CreatedAt": record.created_at.to_string(),
        "RunningFor": format!("{} ago", human_duration(record.created_at.age(now))),
        "Ports": "",
        "State": state.status.word(),
        "Status": status(one, now),
        "Size": "0B",
        "Names": state.name.as_str(),
        "Labels": labels.join(","),
        "LocalVolumes": "0",
        "Mounts": mounts.join(","),
        "Networks": network_name(record.request.network),
    })
}

/// Docker's name of a network.
pub fn network_name(network: NetworkRequest) -> &'static str {
    match network {
        NetworkRequest::Bridge => "bridge",
        NetworkRequest::None => "none",
        NetworkRequest::Host => "host",
    }
}

/// `Up 5 minutes`, `Exited (137) 3 seconds ago, out of memory`.
fn status(one: &Listed, now: Timestamp) -> String {
    let state = &one.container.state;
    let since = |moment: Timestamp| human_duration(moment.age(now));
    match (state.status, &state.exit, state.started_at) {
        (Status::Running | Status::Paused, _, started) => {
            let paused = if state.status == Status::Paused { " (Paused)" } else { "" };
            format!("Up {}{paused}", since(started.unwrap_or(one.container.record.created_at)))
        }
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

/// One `--filter`.
#[derive(Debug)]
enum Filter {
    Id(String),
    Name(String),
    Status(String),
    Exited(u8),
    Label(String, Option<String>),
    Ancestor(String),
    Network(String),
}

impl Filter {
    fn parse(text: &str) -> Result<Filter, String> {
        let (name, value) = text
            .split_once('=')
            .ok_or_else(|| format!("invalid filter '{text}': it must be name=value"))?;
        let value = value.to_string();
        Ok(match name {
            "id" => Filter::Id(value),
            "name" => Filter::Name(value),
            "status" if ["created", "running", "exited"].contains(&value.as_str()) => {
                Filter::Status(value)
            }
            "status" if ["paused", "restarting", "removing", "dead"].contains(&value.as_str()) => {
                Filter::Status(value)
            }
            "status" => return Err(format!("invalid filter 'status={value}'")),
            "exited" => Filter::Exited(
                value.parse().map_err(|_| format!("invalid filter 'exited={value}'"))?,
            ),
            "label" => match value.split_once('=') {
                Some((label, value)) => Filter::Label(label.into(), Some(value.into())),
                None => Filter::Label(value, None),
            },
            "ancestor" => Filter::Ancestor(value),
            "network" => Filter::Network(value),
            _ => return Err(format!("invalid filter '{name}'")),
        })
    }

    fn fits(&self, one: &Listed) -> bool {
        let (record, state) = (&one.container.record, &one.container.state);
        match self {
            Filter::Id(prefix) => record.id.as_str().starts_with(prefix.as_str()),
            Filter::Name(part) => {
                let name = state.name.as_str();
                match part.trim_start_matches('/').strip_prefix('^') {
                    Some(start) => match start.trim_start_matches('/').strip_suffix('$') {
                        Some(exact) => name == exact,
                        None => name.starts_with(start),
                    },
                    None => name.contains(part.trim_start_matches('/')),
                }
            }
            Filter::Status(word) => state.status.word() == word,
            Filter::Exited(code) => {
                state.status == Status::Exited
                    && state.exit.as_ref().is_some_and(|exit| exit.code == *code)
            }
            Filter::Label(label, value) => {
                let found = record.labels.get(label);
                found.is_some_and(|found| value.as_ref().is_none_or(|value| value == found))
            }
            Filter::Ancestor(image) => {
                let same_name = teu_model::Reference::parse(image).ok()
                    == teu_model::Reference::parse(&one.image).ok();
                let hex = image.strip_prefix("sha256:").unwrap_or(image);
                same_name || (hex.len() >= 4 && record.image.hex().starts_with(hex))
            }
            Filter::Network(name) => network_name(record.request.network) == name,
        }
    }
}

/// Filters of one kind mean any of them, different kinds all of them.
fn fits(one: &Listed, filters: &[Filter]) -> bool {
    let same = |a: &Filter, b: &Filter| std::mem::discriminant(a) == std::mem::discriminant(b);
    filters.iter().all(|filter| {
        matches!(filter, Filter::Label(..)) && filter.fits(one)
            || !matches!(filter, Filter::Label(..))
                && filters.iter().any(|other| same(filter, other) && other.fits(one))
    })
}
