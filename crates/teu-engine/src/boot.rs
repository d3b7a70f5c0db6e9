//! `boot`: after the machine started, starts what its policy says should run.
//!
//! In the order in which the containers were made: one that lives in another's namespaces was made after it.
//! What fails is tried once more when all others are there.

use crate::records::{self, Container};
use crate::{Engine, EngineError, StartOptions};
use teu_model::Status;

/// One container that was to be started.
#[derive(Debug)]
pub struct Booted {
    /// Its name.
    pub name: String,
    /// How that went.
    pub result: Result<(), EngineError>,
}

impl Engine {
    /// Starts all that `--restart always` and `unless-stopped` ask for and that does not run.
    pub fn boot(&self) -> Result<Vec<Booted>, EngineError> {
        let mut due = Vec::new();
        for container in records::all(&self.paths)? {
            // Those that ran when the machine went down are told as ended first.
            let container = match self.find(container.id().as_str()) {
                Err(EngineError::NoSuchContainer { .. }) => continue,
                other => other?,
            };
            if should_run(&container) {
                due.push(container);
            }
        }
        due.sort_by_key(|container| container.record.created_at);
        let start = |container: &Container| {
            self.start(container.id().as_str(), &StartOptions::default()).map(drop)
        };
        let mut booted: Vec<(&Container, Result<(), EngineError>)> =
            due.iter().map(|container| (container, start(container))).collect();
        for (container, result) in &mut booted {
            if result.is_err() {
                *result = start(container);
            }
        }
        let told = |(container, result): (&Container, _)| Booted {
            name: container.state.name.to_string(),
            result,
        };
        Ok(booted.into_iter().map(told).collect())
    }
}

fn should_run(container: &Container) -> bool {
    let state = &container.state;
    let was_started = state.started_at.is_some();
    state.status == Status::Exited
        && was_started
        && container.restart_request().at_boot(state.stopped_by_user)
}
