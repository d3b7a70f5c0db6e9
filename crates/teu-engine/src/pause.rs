//! `pause`, `unpause`: a container's processes stand still, and go on.
//!
//! The kernel's freezer is the truth, the record a copy of it: whatever breaks off between the two is
//! put right from the group's state by the next command (`repair.rs`).

use crate::action::Action;
use crate::records::{self, Container};
use crate::{Engine, EngineError};
use teu_cgroup::{CgroupError, Freezer};
use teu_model::{Signal, Status, Verb};

impl Engine {
    /// Stops all processes of the container that `given` names where they are.
    pub fn pause(&self, given: &str) -> Result<(), EngineError> {
        let (mut container, action) = self.act_on_running(given, Verb::Pause, "pause")?;
        let frozen = self.cgroup_of(&container)?.freeze();
        if let Err(error) = frozen {
            // They run, as before.
            action.done()?;
            return Err(EngineError::step(format!("pause container {}", container.id()), error));
        }
        container.state.status = Status::Paused;
        container.save_state()?;
        self.tell_of(&container, "pause", &[]);
        action.done()
    }

    /// Lets them go on.
    pub fn unpause(&self, given: &str) -> Result<(), EngineError> {
        let (mut container, action) = self.act_on_running(given, Verb::Unpause, "unpause")?;
        go_on(self, &mut container)?;
        action.done()
    }

    /// A signal that ends a paused container is heard only if its processes go on; docker's rule of which.
    pub(crate) fn let_it_end(
        &self,
        container: &Container,
        signal: Signal,
    ) -> Result<(), EngineError> {
        let ends = signal == Signal::KILL
            || signal == container.record.stop_signal
            || container.record.request.stop_signal.is_none();
        if container.state.status != Status::Paused || !ends {
            return Ok(());
        }
        let action = Action::begin(self, container.id())?;
        if let Some(mut now) = records::load(&self.paths, container.id())?
            && now.state.status == Status::Paused
        {
            go_on(self, &mut now)?;
        }
        action.done()
    }

    /// The container that `given` names, and the right to act on it, if it is alive and allows `verb`.
    pub(crate) fn act_on_running(
        &self,
        given: &str,
        verb: Verb,
        word: &str,
    ) -> Result<(Container, Action), EngineError> {
        let found = records::find(&self.paths, given)?;
        let action = Action::begin(self, found.id())?;
        // Others may have acted while this command waited.
        let looked = crate::release::release_ended(self, found.id())
            .and_then(|()| self.running(found.id().as_str(), verb, word));
        match looked {
            Ok(container) => Ok((container, action)),
            Err(error) => {
                action.done()?;
                Err(error)
            }
        }
    }
}

fn go_on(engine: &Engine, container: &mut Container) -> Result<(), EngineError> {
    thaw(engine, container)?;
    container.state.status = Status::Running;
    container.save_state()?;
    engine.tell_of(container, "unpause", &[]);
    Ok(())
}

/// Lets the processes of a paused container run, and writes nothing.
pub(crate) fn thaw(engine: &Engine, container: &Container) -> Result<(), EngineError> {
    if container.state.status != Status::Paused {
        return Ok(());
    }
    match engine.cgroup_of(container)?.thaw() {
        // It ended meanwhile, and its group with it.
        Err(CgroupError::Write { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            Ok(())
        }
        other => Ok(other.map_err(|error| {
            EngineError::step(format!("unpause container {}", container.id()), error)
        })?),
    }
}

/// Under the container's action: the record of a live container says what its group says. One that was
/// left half frozen runs.
pub(crate) fn repair(engine: &Engine, container: &mut Container) -> Result<(), EngineError> {
    let group = engine.cgroup_of(container)?;
    let truth = match group.state() {
        Ok(Freezer::Frozen) => Status::Paused,
        Ok(Freezer::Freezing) => {
            group.thaw()?;
            Status::Running
        }
        Ok(Freezer::Thawed) => Status::Running,
        // No freezer, no pause.
        Err(CgroupError::MissingController { .. }) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    if container.state.status == truth {
        return Ok(());
    }
    container.state.status = truth;
    container.save_state()
}
