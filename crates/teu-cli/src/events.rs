//! `teu events`: what happens, line by line, whoever does it.

use crate::exit_code::Failure;
use crate::filter::Filters;
use crate::flags::{Arguments, Flag, Takes, Verb};
use crate::help::Teach;
use crate::template::{self, Template};
use crate::{Door, Outcome, moment};
use serde_json::{Value, json};
use std::ffi::OsString;
use std::io::Write;
use std::os::fd::AsFd;
use std::time::SystemTime;
use teu_engine::Next;
use teu_model::{Event, EventKind, Timestamp};

pub const TEACH: Teach = Teach {
    name: "events",
    usage: "[OPTIONS]",
    about: "Get real time events of containers, images, volumes and networks",
    example: "teu events --since 10m --filter event=die\n\
              teu events --format '{{.Action}} {{.Actor.Attributes.name}}'",
};

/// As typed.
#[derive(Debug, Default)]
pub struct EventsFlags {
    since: Option<String>,
    until: Option<String>,
    filters: Filters,
    format: String,
}

const FLAGS: &[Flag<EventsFlags>] = &[
    Flag {
        long: "since",
        short: None,
        takes: Takes::Value("string"),
        doc: "Show all events created since: 10m, 2026-11-21T10:00:00Z, seconds since 1970",
        set: |typed, value| {
            typed.since = Some(value.to_string()).filter(|text| !text.is_empty());
            Ok(())
        },
    },
    Flag {
        long: "until",
        short: None,
        takes: Takes::Value("string"),
        doc: "Stream events until this moment",
        set: |typed, value| {
            typed.until = Some(value.to_string()).filter(|text| !text.is_empty());
            Ok(())
        },
    },
    Flag {
        long: "filter",
        short: Some('f'),
        takes: Takes::Value("filter"),
        doc: "Only those with container=, image=, event=, type=, label=, volume=, network=, daemon=, scope=",
        set: |typed, value| typed.filters.add(value),
    },
    Flag {
        long: "format",
        short: None,
        takes: Takes::Value("string"),
        doc: "json, or a template: {{.Type}} {{.Action}} {{.Actor.ID}}",
        set: |typed, value| {
            typed.format = value.to_string();
            Ok(())
        },
    },
];

pub const VERB: Verb<EventsFlags> = Verb {
    teach: TEACH,
    flags: &[FLAGS],
    later: "",
    arguments: Arguments::Exactly(0),
    first_ends_flags: false,
};

/// Docker's keys; those of its swarm have nothing to find here.
const KEYS: [&str; 15] = [
    "container",
    "image",
    "event",
    "type",
    "label",
    "volume",
    "network",
    "daemon",
    "scope",
    "plugin",
    "node",
    "service",
    "secret",
    "config",
    "builder",
];

pub fn main(door: &Door, words: Vec<OsString>) -> Outcome {
    let Some((flags, _)) = VERB.parse(words)? else { return Ok(0) };
    let template = match flags.format.as_str() {
        "" => None,
        "json" => Some(Template::parse("{{json .}}").map_err(template::mistake)?),
        text => {
            let text = text.replace("\\t", "\t").replace("\\n", "\n");
            Some(Template::parse(&text).map_err(template::mistake)?)
        }
    };
    flags.filters.check(&KEYS)?;
    let now = Timestamp::from(SystemTime::now());
    let moment = |text: &Option<String>| {
        text.as_ref().map(|text| moment::parse(text, now).map_err(Failure::new)).transpose()
    };
    let (since, until) = (moment(&flags.since)?, moment(&flags.until)?);
    if let (Some(since), Some(until)) = (since, until)
        && since > until
    {
        return Err(Failure::new(format!(
            "`since` time ({}) cannot be after `until` time ({})",
            flags.since.unwrap_or_default(),
            flags.until.unwrap_or_default()
        )));
    }
    let engine = door.engine()?;
    let mut reader = engine.events(since.is_some() || until.is_some())?;
    let stdout = std::io::stdout();
    loop {
        let event = match reader.next(until, Some(stdout.as_fd()))? {
            Next::Event(event) => *event,
            Next::End => return Ok(0),
        };
        if until.is_some_and(|until| event.time > until) {
            return Ok(0);
        }
        if since.is_some_and(|since| event.time < since) || !fits(&event, &flags.filters) {
            continue;
        }
        let line = match &template {
            None => line(&event),
            Some(template) => template.render(&value(&event)).map_err(template::mistake_shown)?,
        };
        let mut out = stdout.lock();
        if out
            .write_all(line.as_bytes())
            .and_then(|()| out.write_all(b"\n"))
            .and_then(|()| out.flush())
            .is_err()
        {
            // `teu events | head -1`
            return Ok(0);
        }
    }
}

/// Docker's line.
fn line(event: &Event) -> String {
    let attributes: Vec<String> =
        event.attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let attributes =
        if attributes.is_empty() { String::new() } else { format!(" ({})", attributes.join(", ")) };
    format!("{} {} {} {}{attributes}", fixed(event.time), event.kind.word(), event.action, event.id)
}

/// RFC 3339 with all nine digits.
fn fixed(time: Timestamp) -> String {
    let whole = Timestamp(time.0 - time.0 % 1_000_000_000).to_string();
    format!("{}.{:09}Z", whole.trim_end_matches('Z'), time.0 % 1_000_000_000)
}

/// Docker's fields. As JSON they are called otherwise than in a template.
fn value(event: &Event) -> Value {
    let actor = json!({ "ID": event.id, "Attributes": event.attributes });
    let seconds = event.time.0 / 1_000_000_000;
    let mut written = json!({
        "Type": event.kind.word(), "Action": event.action, "Actor": actor, "scope": "local",
        "time": seconds, "timeNano": event.time.0,
    });
    let mut fields = json!({
        "Type": event.kind.word(), "Action": event.action, "Actor": actor, "Scope": "local",
        "Time": seconds, "TimeNano": event.time.0, "Status": "", "ID": "", "From": "",
    });
    let from = match event.kind {
        EventKind::Container => event.attributes.get("image"),
        _ => None,
    };
    if matches!(event.kind, EventKind::Container | EventKind::Image) {
        for (name, field, text) in [
            ("status", "Status", event.action.as_str()),
            ("id", "ID", event.id.as_str()),
            ("from", "From", from.map_or("", String::as_str)),
        ] {
            if !text.is_empty() {
                written[name] = text.into();
                fields[field] = text.into();
            }
        }
    }
    fields[template::AS_JSON] = written;
    fields
}

fn fits(event: &Event, filters: &Filters) -> bool {
    let attribute = |name: &str| event.attributes.get(name).map_or("", String::as_str);
    // By the beginning of its id or of its name, as docker does.
    let named = |key: &str, kind: EventKind| {
        filters.any(key, |value| {
            event.kind == kind
                && (event.id.starts_with(value) || attribute("name").starts_with(value))
        })
    };
    let image = |wanted: &str| {
        let name = match event.kind {
            EventKind::Image => attribute("name"),
            _ => attribute("image"),
        };
        let without_tag = |name: &str| match name.rfind(':') {
            Some(colon) if !name[colon..].contains('/') => name[..colon].to_string(),
            _ => name.to_string(),
        };
        event.id == wanted
            || name == wanted
            || without_tag(name) == wanted
            || without_tag(&event.id) == wanted
    };
    let action = |wanted: &str| {
        event.action == wanted
            || event.action.split_once(':').is_some_and(|(first, _)| {
                first == wanted || wanted.contains(':') && event.action.starts_with(wanted)
            })
    };
    named("container", EventKind::Container)
        && named("volume", EventKind::Volume)
        && named("network", EventKind::Network)
        && named("daemon", EventKind::Daemon)
        && filters.any("image", image)
        && filters.any("event", action)
        && filters.any("type", |value| event.kind.word() == value)
        && filters.any("scope", |value| value == "local")
        && !["plugin", "node", "service", "secret", "config", "builder"]
            .iter()
            .any(|key| filters.has(key))
        && filters.labels(&event.attributes)
}

#[test]
fn lines_and_filters() {
    let event = Event::new(EventKind::Container, "exec_start: ls -l", "abc123")
        .with("image", "busybox:1")
        .with("name", "web")
        .with("tier", "x");
    let event = Event { time: Timestamp(1_700_000_000_000_000_005), ..event };
    assert_eq!(
        line(&event),
        "2023-11-14T22:13:20.000000005Z container exec_start: ls -l abc123 (image=busybox:1, name=web, tier=x)"
    );
    let check = |texts: &str| {
        let mut filters = Filters::default();
        texts.split(' ').for_each(|text| filters.add(text).unwrap());
        fits(&event, &filters)
    };
    for good in [
        "container=we",
        "container=abc",
        "image=busybox",
        "image=busybox:1",
        "event=exec_start",
        "type=container",
        "label=tier",
        "label=tier=x",
        "scope=local",
        "type=image type=container",
    ] {
        assert!(check(good), "{good}");
    }
    for bad in [
        "container=x",
        "image=busy",
        "event=start",
        "type=image",
        "label=tier=y",
        "volume=web",
        "node=x",
    ] {
        assert!(!check(bad), "{bad}");
    }
    let shown =
        Template::parse("{{.ID}} {{.From}} {{.Scope}} {{json .}}").unwrap().render(&value(&event));
    let shown = shown.unwrap();
    assert!(
        shown.starts_with("abc123 busybox:1 local {")
            && shown.contains("\"timeNano\":1700000000000000005")
    );
    assert!(
        shown.contains("\"status\":\"exec_start: ls -l\"") && !shown.contains("\"Status\""),
        "{shown}"
    );
}
