//! Execs, asked about later: which there are, how they went, and joining one again.
//!
//! A container's monitor remembers the last 256 that ended, for as long as the container runs.

use crate::records::{self, Container};
use crate::{Engine, EngineError};
use teu_monitor::{Attach, ExecState, Link, Target};

/// An exec, and whose it is.
#[derive(Clone, Debug)]
pub struct InspectedExec {
    /// In which container.
    pub container: Container,
    /// How it goes, or went.
    pub state: ExecState,
}

impl Engine {
    /// The ids of the execs that run in a container.
    pub(crate) fn running_execs(&self, container: &Container) -> Vec<String> {
        let states = self.execs_of(container);
        states.into_iter().filter(|state| state.exit.is_none()).map(|state| state.id).collect()
    }

    /// Those of a container whose monitor can tell; another's are lost with it.
    fn execs_of(&self, container: &Container) -> Vec<ExecState> {
        if !container.state.status.is_alive() {
            return Vec::new();
        }
        let link = teu_monitor::connect(&self.paths.container_run(container.id()));
        link.and_then(|mut link| link.execs()).unwrap_or_default()
    }

    /// The exec whose id, or a prefix of it that no other has, is `given`.
    pub fn inspect_exec(&self, given: &str) -> Result<InspectedExec, EngineError> {
        let no_such = || EngineError::bad(format!("No such exec instance: {given}"));
        if given.is_empty() {
            return Err(no_such());
        }
        let mut found = Vec::new();
        for container in records::readable(&self.paths)? {
            let fitting = self.execs_of(&container);
            let fitting = fitting.into_iter().filter(|state| state.id.starts_with(given));
            found
                .extend(fitting.map(|state| InspectedExec { container: container.clone(), state }));
        }
        match found.len() {
            0 => Err(no_such()),
            1 => Ok(found.remove(0)),
            _ => Err(EngineError::AmbiguousId { given: given.to_string() }),
        }
    }

    /// A link that gets what an exec writes from now on, and is told its end.
    pub fn attach_exec(&self, exec: &InspectedExec, streams: Attach) -> Result<Link, EngineError> {
        let mut link = self.link(&exec.container)?;
        let target = Target::Exec(exec.state.id.clone());
        link.attach(target.clone(), streams)?;
        link.watch_exit(target, false)?;
        Ok(link)
    }
}
