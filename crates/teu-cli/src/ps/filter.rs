//! Which containers `ps --filter` means.

use crate::exit_code::Failure;
use crate::filter::Filters;
use teu_engine::{Engine, Listed};
use teu_model::{DiffId, Digest, MountRequest, Status, Timestamp};

/// Docker's keys.
const KEYS: [&str; 17] = [
    "ancestor",
    "before",
    "exited",
    "expose",
    "health",
    "id",
    "is-task",
    "isolation",
    "label",
    "label!",
    "name",
    "network",
    "publish",
    "since",
    "status",
    "volume",
    "task",
];
const STATES: [&str; 7] =
    ["created", "running", "paused", "restarting", "removing", "exited", "dead"];

/// The filters, with what they name looked up.
#[derive(Debug)]
pub struct Wanted<'f> {
    filters: &'f Filters,
    exited: Vec<i64>,
    before: Option<Timestamp>,
    since: Option<Timestamp>,
    ancestors: Vec<(Digest, Vec<DiffId>)>,
    is_task: Option<bool>,
}

impl<'f> Wanted<'f> {
    /// Looks up what they name; what cannot be right is refused in docker's words.
    pub fn look_up(filters: &'f Filters, engine: &Engine) -> Result<Wanted<'f>, Failure> {
        filters.check(&KEYS)?;
        filters.check_values("status", &STATES)?;
        filters.check_values("health", &["none", "starting", "healthy", "unhealthy"])?;
        let mut exited = Vec::new();
        for text in filters.values("exited") {
            let invalid = |_| {
                Failure::new(format!("invalid filter 'exited={text}'"))
                    .because(format!("strconv.Atoi: parsing {text:?}: invalid syntax"))
            };
            exited.push(text.parse().map_err(invalid)?);
        }
        for key in ["publish", "expose"] {
            if let Some(bad) = filters.values(key).find(|text| !is_port(text)) {
                return Err(Failure::new(format!("invalid filter '{key}={bad}'")));
            }
        }
        let mut ancestors = Vec::new();
        for name in filters.values("ancestor") {
            // As with docker an image that is not there only means that nothing comes from it.
            if let Ok(found) = engine.find_image(name) {
                ancestors.push((found.image.id, found.image.layers));
            }
        }
        let created = |key: &str| -> Result<Option<Timestamp>, Failure> {
            let named = filters.values(key).last().map(|name| engine.find(name));
            Ok(named.transpose()?.map(|container| container.record.created_at))
        };
        Ok(Wanted {
            exited,
            before: created("before")?,
            since: created("since")?,
            ancestors,
            is_task: filters.switch("is-task")?,
            filters,
        })
    }

    /// Whether stopped containers are asked for by their state.
    pub fn names_state(&self) -> bool {
        self.filters.has("status")
    }

    /// Whether all filters let it through.
    pub fn fits(&self, one: &Listed) -> bool {
        let (record, state) = (&one.container.record, &one.container.state);
        let filters = self.filters;
        let exit_code = state.exit.as_ref().map(|exit| i64::from(exit.code));
        filters.matches("id", record.id.as_str())
            // docker's own names begin with a slash, and scripts write `name=^/web$`.
            && (filters.matches("name", state.name.as_str())
                || filters.matches("name", &format!("/{}", state.name)))
            && filters.any("status", |word| state.status.word() == word)
            && (self.exited.is_empty()
                || state.status == Status::Exited
                    && exit_code.is_some_and(|code| self.exited.contains(&code)))
            && filters.labels(&record.labels)
            && self.before.is_none_or(|before| record.created_at < before)
            && self.since.is_none_or(|since| record.created_at > since)
            && filters.any("ancestor", |_| self.descends(one))
            && filters.any("network", |name| super::network_name(record.request.network) == name)
            && filters.any("volume", |text| has_mount(one, text))
            && filters.any("health", |word| super::health(one) == word)
            && self.is_task != Some(true)
            && filters.any("publish", |_| false)
            && filters.any("expose", |text| exposes(one, text))
    }

    /// Its image is one of those asked for, or lies on one.
    fn descends(&self, one: &Listed) -> bool {
        let record = &one.container.record;
        self.ancestors.iter().any(|(id, layers)| {
            record.image == *id
                || !layers.is_empty()
                    && record.layers.len() > layers.len()
                    && record.layers.starts_with(layers)
        })
    }
}

/// By name or source, or by where it is in the container.
fn has_mount(one: &Listed, text: &str) -> bool {
    one.container.record.mounts().iter().any(|mount| match mount {
        MountRequest::Bind { source, target, .. } => source == text || target == text,
        MountRequest::Tmpfs { target, .. } => target == text,
        MountRequest::Volume { name, target, .. } => {
            name.as_deref() == Some(text) || target == text
        }
    })
}

/// Any port of the range.
fn exposes(one: &Listed, text: &str) -> bool {
    let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let (from, to) = ports.split_once('-').unwrap_or((ports, ports));
    let (Ok(from), Ok(to)) = (from.parse::<u16>(), to.parse::<u16>()) else { return false };
    let mut exposed = one.container.record.exposed.iter().filter_map(|port| port.split_once('/'));
    exposed.any(|(number, of)| {
        of == protocol && number.parse().is_ok_and(|number: u16| (from..=to).contains(&number))
    })
}

/// `80`, `80/tcp`, `8000-8010/udp`.
fn is_port(text: &str) -> bool {
    let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let (from, to) = ports.split_once('-').unwrap_or((ports, ports));
    let number = |text: &str| text.parse::<u16>().ok();
    ["tcp", "udp", "sctp"].contains(&protocol)
        && number(from).is_some_and(|from| number(to).is_some_and(|to| from <= to))
}

#[test]
fn ports() {
    for good in ["80", "80/tcp", "8000-8010/udp", "1-65535"] {
        assert!(is_port(good), "{good}");
    }
    for bad in ["", "x", "80/x", "9-8", "70000", "80-"] {
        assert!(!is_port(bad), "{bad}");
    }
}
