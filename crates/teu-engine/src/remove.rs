//! `rm`: a container and all it wrote.

use crate::action::Action;
use crate::observe::{Truth, observe};
use crate::records;
use crate::release::{destroy, ended};
use crate::{Container, Engine, EngineError};
use teu_model::{Exit, SentSignal, Signal, Status, Verb};
use teu_monitor::Link;

impl Engine {
    /// Removes the container that `given` names. A running one only by `force`, which kills it first.
    pub fn remove(&self, given: &str, force: bool) -> Result<(), EngineError> {
        self.remove_with(given, force, false)
    }

    /// The same; with `volumes` those without a name go with it, if no other container uses them.
    pub fn remove_with(&self, given: &str, force: bool, volumes: bool) -> Result<(), EngineError> {
        let container = records::find(&self.paths, given)?;
        let id = container.id().clone();
        let action = Action::begin(self, &id)?;
        // Waiting for the action, somebody may have removed it: then this is done.
        let Some(mut container) = records::load(&self.paths, &id)? else { return action.done() };
        if let Truth::Ended(exit) = observe(&self.paths, &container) {
            ended(self, &mut container, exit)?;
        }
        let mut monitor = None;
        if container.state.status == Status::Restarting && force {
            self.end_waiting(&mut container)?;
            if container.is_temporary() {
                return action.done();
            }
        }
        if !container.state.status.allows(Verb::Remove) {
            if !force {
                action.done()?;
                return Err(refused(&container));
            }
            monitor = self.kill_and_wait(&container)?;
            container.state.status = Status::Exited;
            container.state.exit = Some(killed());
            self.tell_of(&container, "die", &[("exitCode", "137")]);
        }
        if volumes {
            self.remove_volumes_of(&container)?;
        }
        destroy(self, &container)?;
        action.done()?;
        // It may be gone as well: then it need not be told.
        monitor.map_or(Ok(()), Link::released).or(Ok(()))
    }
}

/// How one ended that this verb killed.
fn killed() -> Exit {
    let at = crate::observe::now();
    let sent = SentSignal { signal: Signal::KILL, by: "rm".into(), at };
    Exit { signal: Some(Signal::KILL), sent: vec![sent], ..Exit::new(137, at) }
}

/// docker's words.
pub(crate) fn refused(container: &Container) -> EngineError {
    let status = container.state.status;
    let what = match status {
        Status::Paused => "paused and must be unpaused first",
        Status::Restarting => "restarting: stop the container before removing or force remove",
        _ => "running: stop the container before removing or force remove",
    };
    let name = &container.state.name;
    let message = format!("cannot remove container \"/{name}\": container is {what}");
    EngineError::WrongState { message, status }
}
