//! Running → exited: what a container held while it ran is given back. Step 6 of docker's six.
//!
//! Idempotent, in an order that a crash at any point leaves recognisable: first the state says how it
//! ended, then the machine's resources go, then what only a running container has. A `--rm` container
//! goes altogether.

use crate::action::Action;
use crate::observe::{Truth, observe};
use crate::records::{self, Container};
use crate::{Engine, EngineError, files};
use std::time::Duration;
use teu_model::{ContainerId, ContainerName, Exit, Status};
use teu_monitor::Target;

/// How long a monitor may take to answer the command that it called.
const MONITOR_LIMIT: Duration = Duration::from_secs(5);

impl Engine {
    /// Records how `id` ended and gives back what it held. Nothing to do is fine: somebody was faster.
    pub fn release(&self, id: &ContainerId) -> Result<(), EngineError> {
        let action = Action::begin(self, id)?;
        // begin() has repaired, if the monitor left word; else it is done here.
        release_ended(self, id)?;
        action.done()
    }

    /// What `teu after-exit ID` does: the monitor asks for it when nobody else is there.
    pub fn after_exit(&self, id: &ContainerId) -> Result<(), EngineError> {
        let link = teu_monitor::connect(&self.paths.container_run(id));
        // A start that has done it already waits for the monitor to let go of the root, and the monitor
        // for this command.
        let is_done = || {
            let container = records::load(&self.paths, id)?;
            Ok(container.is_none_or(|container| !container.state.status.is_alive()))
        };
        if let Some(action) = Action::begin_unless(self, id, is_done)? {
            release_ended(self, id)?;
            action.done()?;
        }
        if let Ok(mut link) = link {
            // It may say that nothing runs, or be gone: both mean that it need not be told more.
            match link
                .watch_exit(Target::Container, true)
                .and_then(|()| link.wait(Some(MONITOR_LIMIT)))
            {
                Ok(_) | Err(_) => link.released().unwrap_or(()),
            }
        }
        Ok(())
    }
}

/// Under the container's action: releases it if it has ended.
pub(crate) fn release_ended(engine: &Engine, id: &ContainerId) -> Result<(), EngineError> {
    let Some(mut container) = records::load(&engine.paths, id)? else { return Ok(()) };
    match observe(&engine.paths, &container) {
        Truth::Ended(exit) => ended(engine, &mut container, exit),
        Truth::AsRecorded | Truth::MonitorLost => Ok(()),
    }
}

/// Under the container's action: it has ended with `exit`.
pub(crate) fn ended(
    engine: &Engine,
    container: &mut Container,
    exit: Exit,
) -> Result<(), EngineError> {
    let code = exit.code.to_string();
    if container.is_temporary() {
        engine.tell_of(container, "die", &[("exitCode", &code)]);
        return destroy(engine, container);
    }
    container.state.status = Status::Exited;
    container.state.exit = Some(exit);
    container.state.running = None;
    container.save_state()?;
    engine.tell_of(container, "die", &[("exitCode", &code)]);
    give_back(engine, container.id())?;
    files::remove_tree(&engine.paths.container_run(container.id()))
}

/// Gives back what the machine lends to a running container: its cgroup with every process still in it,
/// and its place on the network. The veth pair goes with the namespace.
pub(crate) fn give_back(engine: &Engine, id: &ContainerId) -> Result<(), EngineError> {
    let group = engine.cgroup_of(id)?;
    group.kill()?;
    group.remove()?;
    engine.networks.release(id)?;
    Ok(())
}

/// Removes every trace of a container that was one, and tells it.
pub(crate) fn destroy(engine: &Engine, container: &Container) -> Result<(), EngineError> {
    remove_all(engine, container.id(), Some(&container.state.name))?;
    engine.tell_of(container, "destroy", &[]);
    Ok(())
}

/// Removes every trace of a container, in whatever state of making or unmaking it is. The record goes
/// last of what is found by it, its name after it.
pub(crate) fn remove_all(
    engine: &Engine,
    id: &ContainerId,
    name: Option<&ContainerName>,
) -> Result<(), EngineError> {
    give_back(engine, id)?;
    let paths = &engine.paths;
    files::remove_tree(&engine.scratch(id))?;
    files::remove_tree(&paths.root.join("ingest").join(id.as_str()))?;
    files::remove_tree(&paths.container_run(id))?;
    let record = paths.container(id);
    if record.exists() {
        // First out of sight, then away: a big upper takes its time, and half a record is none.
        let trash = paths.root.join("trash").join(id.as_str());
        std::fs::rename(&record, &trash).map_err(|source| EngineError::State {
            attempt: "remove",
            path: record,
            source,
        })?;
    }
    if let Some(name) = name {
        records::give_name_back(paths, name, id)?;
    }
    files::remove_tree(&paths.root.join("trash").join(id.as_str()))
}
