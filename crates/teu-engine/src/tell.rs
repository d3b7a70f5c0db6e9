//! Tells everybody who listens what happened: one line of `<root>/events/log` each (docs/formats/events.md).
//!
//! Told after the fact, and never a reason to fail: a full disk may cost an event, not the verb.

use crate::observe::now;
use crate::records::Container;
use crate::{Engine, files};
use std::path::PathBuf;
use teu_kernel::append;
use teu_model::{Event, EventKind, Timestamp};

/// A longer file is moved aside, over the last one that was.
pub(crate) const LIMIT: u64 = 8 << 20;

impl Engine {
    /// Where events are written.
    pub(crate) fn events_file(&self) -> PathBuf {
        self.paths.root.join("events/log")
    }

    /// Tells `event`, now.
    pub fn tell(&self, mut event: Event) {
        if event.time == Timestamp(0) {
            event.time = now();
        }
        let Ok(mut line) = serde_json::to_vec(&event) else { return };
        line.push(b'\n');
        let file = self.events_file();
        if append::line(&file, &line, LIMIT).is_err() {
            // The first event of a state root finds no directory.
            let made = file.parent().map(files::make_directory);
            if matches!(made, Some(Ok(()))) {
                append::line(&file, &line, LIMIT).unwrap_or(());
            }
        }
    }

    /// Tells what happened to a container, with what docker tells of each: image, name, labels.
    pub fn tell_of(&self, container: &Container, action: &str, more: &[(&str, &str)]) {
        let mut event = event_of(container, action);
        event
            .attributes
            .extend(more.iter().map(|(name, value)| (name.to_string(), value.to_string())));
        self.tell(event);
    }

    /// Tells what happened to an image; docker calls it `name` in the event.
    pub(crate) fn tell_of_image(
        &self,
        id: impl Into<String>,
        name: impl Into<String>,
        action: &str,
    ) {
        self.tell(Event::new(EventKind::Image, action, id).with("name", name));
    }
}

/// A container's event, with the attributes that each has.
pub(crate) fn event_of(container: &Container, action: &str) -> Event {
    let record = &container.record;
    let mut event = Event::new(EventKind::Container, action, record.id.as_str());
    event.attributes.extend(record.labels.clone());
    event.with("image", record.request.image.as_str()).with("name", container.state.name.as_str())
}
