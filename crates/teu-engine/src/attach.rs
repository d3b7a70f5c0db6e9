//! `attach`: to the first process of a running container.

use crate::{Container, Engine, EngineError};
use teu_model::Verb;
use teu_monitor::{Attach, Link, Target};

impl Engine {
    /// A link that gets what the container writes from now on, and is told its end.
    pub fn attach(&self, given: &str, streams: Attach) -> Result<(Container, Link), EngineError> {
        let container = self.running(given, Verb::Attach, "attach")?;
        let mut link = self.link_for(&container, "attach")?;
        link.attach(Target::Container, streams)?;
        link.watch_exit(Target::Container, true)?;
        self.tell_of(&container, "attach", &[]);
        Ok((container, link))
    }
}
