//! `boot`: after the machine started, starts what its policy says should run.
//!
//! In the order in which the containers were made, but none before those whose namespaces it joins or whose
//! volumes it takes. What fails is tried once more when all others are there.

use crate::records::{self, Container};
use crate::{Engine, EngineError, StartOptions};
use teu_model::{IpcRequest, Sharing, Status};

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
        let needs: Vec<Vec<usize>> = due.iter().map(|one| needs(one, &due)).collect();
        let due: Vec<Container> =
            in_order(&needs).into_iter().map(|number| due[number].clone()).collect();
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

/// Which of `all` must be there before `container`: by their numbers.
fn needs(container: &Container, all: &[Container]) -> Vec<usize> {
    let request = &container.record.request;
    let kernel = &request.kernel;
    let mut wanted: Vec<&str> = kernel.network_of.as_deref().into_iter().collect();
    if let IpcRequest::Container(id) = &kernel.ipc {
        wanted.push(id);
    }
    if let Sharing::Container(id) = &kernel.pid {
        wanted.push(id);
    }
    // `name:ro`
    wanted.extend(request.volumes_from.iter().map(|from| from.split(':').next().unwrap_or(from)));
    let is_wanted = |other: &Container| {
        wanted.iter().any(|one| {
            other.state.name.as_str() == *one
                || one.len() >= 12 && other.id().as_str().starts_with(one)
        })
    };
    (0..all.len()).filter(|number| is_wanted(&all[*number])).collect()
}

/// All numbers once, each behind those that it needs; where they need each other, the first stays first.
fn in_order(needs: &[Vec<usize>]) -> Vec<usize> {
    let mut ordered = Vec::with_capacity(needs.len());
    let mut is_met = vec![false; needs.len()];
    for first in 0..needs.len() {
        // What is still to be looked at, the innermost last; true where what it needs was pushed.
        let mut path = vec![(first, false)];
        while let Some((number, is_ready)) = path.pop() {
            if is_ready {
                ordered.push(number);
            } else if !std::mem::replace(&mut is_met[number], true) {
                path.push((number, true));
                path.extend(needs[number].iter().rev().map(|needed| (*needed, false)));
            }
        }
    }
    ordered
}

#[test]
fn each_behind_what_it_needs() {
    assert_eq!(in_order(&[vec![], vec![], vec![]]), [0, 1, 2]);
    assert_eq!(in_order(&[vec![2], vec![0], vec![]]), [2, 0, 1]);
    assert_eq!(in_order(&[vec![1, 3], vec![2], vec![], vec![]]), [2, 1, 3, 0]);
    // In a circle somebody must be first.
    let circle = in_order(&[vec![1], vec![0], vec![2]]);
    assert_eq!(circle.len(), 3);
}
