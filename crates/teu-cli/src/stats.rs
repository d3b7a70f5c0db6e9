//! `teu stats`: what containers use.

use crate::exit_code::Failure;
use crate::flags::{Arguments, Flag, Takes, Verb, switch};
use crate::help::Teach;
use crate::{Door, Outcome, output, table, template};
use serde_json::{Value, json};
use std::ffi::OsString;
use std::time::Duration;
use teu_engine::{Engine, Usage};
use teu_model::{human_size, human_size_binary};

pub const TEACH: Teach = Teach {
    name: "stats",
    usage: "[OPTIONS] [CONTAINER...]",
    about: "Display a live stream of container(s) resource usage statistics",
    example: "teu stats --no-stream\n\
              teu stats --format '{{.Name}} {{.CPUPerc}} {{.MemUsage}}' web",
};

/// As typed.
#[derive(Debug, Default)]
pub struct StatsFlags {
    all: bool,
    once: bool,
    whole: bool,
    format: String,
}

const FLAGS: &[Flag<StatsFlags>] = &[
    Flag {
        long: "all",
        short: Some('a'),
        takes: Takes::Nothing,
        doc: "Show all containers (default shows just running)",
        set: |typed, value| switch(value).map(|on| typed.all = on),
    },
    Flag {
        long: "no-stream",
        short: None,
        takes: Takes::Nothing,
        doc: "Disable streaming stats and only pull the first result",
        set: |typed, value| switch(value).map(|on| typed.once = on),
    },
    Flag {
        long: "no-trunc",
        short: None,
        takes: Takes::Nothing,
        doc: "Do not truncate output",
        set: |typed, value| switch(value).map(|on| typed.whole = on),
    },
    Flag {
        long: "format",
        short: None,
        takes: Takes::Value("string"),
        doc: "json, 'table TEMPLATE' or 'TEMPLATE': {{.Name}} {{.CPUPerc}}",
        set: |typed, value| {
            typed.format = value.to_string();
            Ok(())
        },
    },
];

const VERB: Verb<StatsFlags> = Verb {
    teach: TEACH,
    flags: &[FLAGS],
    later: "",
    arguments: Arguments::AtLeast(0),
    first_ends_flags: false,
};

/// Long enough to see a share, short enough not to be waited for.
const AT_ONCE: Duration = Duration::from_millis(50);
const EACH: Duration = Duration::from_secs(1);

pub fn main(door: &Door, words: Vec<OsString>) -> Outcome {
    let Some((flags, names)) = VERB.parse(words)? else { return Ok(0) };
    if !["", "table", "json"].contains(&flags.format.as_str()) {
        template::list(&flags.format, &[], &heads()).map_err(Failure::new)?;
    }
    let engine = door.engine()?;
    output::print(&shown(&engine, &flags, &names, AT_ONCE, !flags.once)?);
    if flags.once {
        return Ok(0);
    }
    loop {
        output::print(&shown(&engine, &flags, &names, EACH, true)?);
    }
}

fn shown(
    engine: &Engine,
    flags: &StatsFlags,
    names: &[String],
    window: Duration,
    clears: bool,
) -> Result<String, Failure> {
    let used = engine.stats(names, flags.all, window)?;
    let rows: Vec<Value> = used
        .iter()
        .enumerate()
        .map(|(at, usage)| row(usage, names.get(at).map(String::as_str), flags.whole))
        .collect();
    let formatted = template::list(&flags.format, &rows, &heads()).map_err(Failure::new)?;
    let text = formatted.unwrap_or_else(|| own_table(&rows));
    // Docker's: to the top, and what was there is wiped.
    Ok(if clears { format!("\x1b[2J\x1b[H{text}") } else { text })
}

fn row(usage: &Usage, given: Option<&str>, whole: bool) -> Value {
    let id = usage.container.id();
    let id = if whole { id.to_string() } else { id.short().to_string() };
    let memory_share = match usage.memory_limit {
        0 => 0.0,
        limit => usage.memory as f64 / limit as f64,
    };
    let pair = |one: String, other: String| format!("{one} / {other}");
    json!({
        "Container": given.unwrap_or(&id),
        "ID": id,
        "Name": usage.container.state.name.as_str(),
        "CPUPerc": format!("{:.2}%", usage.cpus * 100.0),
        "MemUsage": pair(human_size_binary(usage.memory), human_size_binary(usage.memory_limit)),
        "MemPerc": format!("{:.2}%", memory_share * 100.0),
        "NetIO": pair(human_size(usage.traffic.received), human_size(usage.traffic.sent)),
        "BlockIO": pair(human_size(usage.read), human_size(usage.written)),
        "PIDs": usage.pids.to_string(),
    })
}

fn heads() -> Value {
    json!({
        "Container": "CONTAINER",
        "ID": "CONTAINER ID",
        "Name": "NAME",
        "CPUPerc": "CPU %",
        "MemUsage": "MEM USAGE / LIMIT",
        "MemPerc": "MEM %",
        "NetIO": "NET I/O",
        "BlockIO": "BLOCK I/O",
        "PIDs": "PIDS",
    })
}

const COLUMNS: [&str; 8] =
    ["ID", "Name", "CPUPerc", "MemUsage", "MemPerc", "NetIO", "BlockIO", "PIDs"];

fn own_table(rows: &[Value]) -> String {
    let cells = |row: &Value| -> Vec<String> {
        COLUMNS.iter().map(|name| row[name].as_str().unwrap_or_default().to_string()).collect()
    };
    let lines: Vec<_> = std::iter::once(cells(&heads())).chain(rows.iter().map(cells)).collect();
    table::render(&lines)
}
