//! Running → exited: what a container held while it ran is given back. Step 6 of docker's six.
//!
//! Idempotent, in an order that a crash at any point leaves recognisable: first the state says how it
//! ended, then the machine's resources go, then what only a running container has. A `--rm` container
//! goes altogether; one that is to start again keeps what its monitor holds (`restart.rs`).

use crate::action::Action;
use crate::observe::{Truth, observe};
use crate::records::{self, Container};
use crate::{Engine, EngineError, files, kernel_word, restart, update};
use teu_model::{ContainerId, ContainerName, Exit, Status};

impl Engine {
    /// Records how `id` ended and gives back what it held. Nothing to do is fine: somebody was faster.
    pub fn release(&self, id: &ContainerId) -> Result<(), EngineError> {
        let action = Action::begin(self, id)?;
        // begin() has repaired, if the monitor left word; else it is done here.
        release_ended(self, id)?;
        action.done()
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
    mut exit: Exit,
) -> Result<(), EngineError> {
    let pid = container.state.running.as_ref().map(|running| running.pid);
    exit.kernel = kernel_word::about(container.id(), pid, &exit);
    let code = exit.code.to_string();
    container.state.health = engine.health_file(container.id()).or(container.state.health.take());
    // One that waited for its next start has been told as ended before.
    let is_news = container.state.status.is_alive();
    if let Some(due) = restart::due(container, &exit) {
        container.state.status = Status::Restarting;
        container.state.exit = Some(exit);
        container.state.restart = Some(due.restart);
        container.state.restart_count += u32::from(due.by_policy);
        container.save_state()?;
        engine.tell_of(container, "die", &[("exitCode", &code)]);
        return give_group_back(engine, container.id());
    }
    if container.is_temporary() {
        container.state.status = Status::Exited;
        container.state.exit = Some(exit);
        if is_news {
            engine.tell_of(container, "die", &[("exitCode", &code)]);
        }
        return destroy(engine, container);
    }
    let by_verb = exit.sent.last().is_some_and(|sent| sent.by == "stop" || sent.by == "kill");
    container.state.status = Status::Exited;
    container.state.stopped_by_user |= by_verb;
    container.state.exit = Some(exit);
    container.state.running = None;
    container.save_state()?;
    if is_news {
        engine.tell_of(container, "die", &[("exitCode", &code)]);
    }
    give_back(engine, container.id())?;
    files::remove_tree(&engine.paths.container_run(container.id()))
}

/// Gives back what the machine lends to a running container: its cgroup with every process still in it,
/// and its place on the network. The veth pair goes with the namespace.
pub(crate) fn give_back(engine: &Engine, id: &ContainerId) -> Result<(), EngineError> {
    give_group_back(engine, id)?;
    engine.networks.release(id)?;
    Ok(())
}

/// The cgroup alone: a container that starts again keeps its place on the network.
pub(crate) fn give_group_back(engine: &Engine, id: &ContainerId) -> Result<(), EngineError> {
    // Without a record there was no start, and no group but the usual one.
    let container = match records::load(&engine.paths, id) {
        Err(EngineError::Damaged { .. }) => None,
        other => other?,
    };
    let mut groups = vec![match &container {
        Some(container) => engine.cgroup_of(container)?,
        None => engine.cgroup_below(None, id)?,
    }];
    if let Some(other) = container.and_then(|container| container.state.other_cgroup_parent) {
        groups.push(engine.cgroup_below(update::parent_of(&other), id)?);
    }
    for group in groups {
        group.kill()?;
        group.remove()?;
    }
    Ok(())
}

/// Removes every trace of a container that was one, and tells it.
pub(crate) fn destroy(engine: &Engine, container: &Container) -> Result<(), EngineError> {
    engine.remember(container);
    if container.is_temporary() {
        give_back(engine, container.id())?;
        engine.remove_volumes_of(container)?;
    } else {
        engine.keep_volumes_of(container)?;
    }
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
