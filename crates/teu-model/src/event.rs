//! What happened to a container, image, volume or network: one line of `<root>/events/log`.

use crate::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What kind of thing it happened to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "each is the thing of its name")]
pub enum EventKind {
    Container,
    Image,
    Volume,
    Network,
    Daemon,
}

impl EventKind {
    /// docker's word for it.
    pub fn word(self) -> &'static str {
        match self {
            EventKind::Container => "container",
            EventKind::Image => "image",
            EventKind::Volume => "volume",
            EventKind::Network => "network",
            EventKind::Daemon => "daemon",
        }
    }
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When; 0 until it is told.
    pub time: Timestamp,
    /// To what kind of thing.
    #[serde(rename = "type")]
    pub kind: EventKind,
    /// docker's word: `create`, `die`, `health_status: healthy`.
    pub action: String,
    /// The thing's id, or its name where it has none.
    pub id: String,
    /// What else docker tells of it: image, name, labels, `exitCode`, `signal`.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
}

impl Event {
    /// Happens when it is told.
    pub fn new(kind: EventKind, action: impl Into<String>, id: impl Into<String>) -> Event {
        Event {
            time: Timestamp(0),
            kind,
            action: action.into(),
            id: id.into(),
            attributes: BTreeMap::new(),
        }
    }

    /// With one attribute more.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Event {
        self.attributes.insert(name.into(), value.into());
        self
    }
}
