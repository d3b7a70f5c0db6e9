//! `create`: a container that exists and does not run. Steps 1 to 3 of docker's six.
//!
//! ```text
//!  image here or pulled → process completed → checked → id → name → record (in ingest/) → its final name
//! ```
//! Until the record has its final name there is no container; what a broken create leaves is found by
//! its file in pending/, and after a reboot in ingest/.

use crate::action::Action;
use crate::observe::now;
use crate::records::{self, Container};
use crate::{Engine, EngineError, Progress, files, health, hello, process, validate};
use std::path::Path;
use teu_kernel::durable::{self, Durability};
use teu_model::{ContainerId, ContainerName, CreateRequest, OnExit, Record, State, Status};

/// How often a random name may be taken before that is an error.
const NAME_TRIES: u32 = 20;

impl Engine {
    /// Makes a container, and pulls its image if need be and allowed.
    pub fn create(
        &self,
        request: &CreateRequest,
        progress: &mut dyn Progress,
    ) -> Result<Container, EngineError> {
        let (container, action) = self.create_held(request, progress)?;
        action.done()?;
        Ok(container)
    }

    /// As `create`, and keeps the right to act on it: `run` goes on to start it.
    pub(crate) fn create_held(
        &self,
        request: &CreateRequest,
        progress: &mut dyn Progress,
    ) -> Result<(Container, Action), EngineError> {
        let request = &self.with_ids(request)?;
        validate::request(request)?;
        let image = self.find_or_pull(request, progress)?;
        // From here to the record nobody may collect it.
        let lease = self.store.lease([&image.id])?;
        if !image.layers.iter().all(|layer| self.store.has_layer(layer)) {
            return Err(EngineError::bad(format!(
                "the image {} was removed meanwhile",
                request.image
            )));
        }
        let mut process = process::complete(request, &image.config)?;
        if image.config.config.labels.contains_key(hello::BINARY_LABEL) {
            process.env.extend(hello::environment(&image.layers));
        }
        validate::process(&process)?;

        let stop_signal = process::stop_signal(request, &image.config)?;
        let health = health::complete(request, &image.config, stop_signal)?;

        let id = ContainerId::from_random(random()?);
        let action = Action::begin(self, &id)?;
        let resolved = match self.resolve_mounts(request, &image, &id) {
            Ok(resolved) => resolved,
            Err(error) => {
                crate::repair::container(self, &id)?;
                action.done()?;
                return Err(error);
            }
        };
        let record = Record {
            version: files::VERSION,
            id: id.clone(),
            created_at: now(),
            image: image.id.clone(),
            chain: teu_snapshot::chain_id(&image.layers),
            layers: image.layers.clone(),
            request: request.clone(),
            mounts: if resolved.mounts == request.mounts {
                vec![]
            } else {
                resolved.mounts.clone()
            },
            process,
            labels: process::labels(request, &image.config),
            exposed: image
                .config
                .config
                .exposed_ports
                .iter()
                .chain(&request.exposed)
                .cloned()
                .collect(),
            stop_signal,
            health,
        };
        let durability = records::durability(request.on_exit);
        let container = self
            .take_a_name(request, &id, durability)
            .and_then(|name| self.write_record(record, name, durability));
        drop((lease, resolved));
        match container {
            Ok(container) => {
                self.tell_of(&container, "create", &[]);
                Ok((container, action))
            }
            Err(error) => {
                crate::repair::container(self, &id)?;
                action.done()?;
                Err(error)
            }
        }
    }

    fn take_a_name(
        &self,
        request: &CreateRequest,
        id: &ContainerId,
        durability: Durability,
    ) -> Result<ContainerName, EngineError> {
        if let Some(name) = &request.name {
            records::take_name(&self.paths, name, id, durability)?;
            return Ok(name.clone());
        }
        let mut tries = 0;
        loop {
            let name = ContainerName::from_random(random()?);
            tries += 1;
            match records::take_name(&self.paths, &name, id, durability) {
                Ok(()) => return Ok(name),
                Err(EngineError::NameTaken { .. }) if tries < NAME_TRIES => {}
                // With thousands of containers the words run out before the numbers do.
                Err(EngineError::NameTaken { .. }) => {
                    let name = ContainerName::parse(&format!("{name}_{}", id.short()))
                        .map_err(|error| EngineError::bad(error.to_string()))?;
                    records::take_name(&self.paths, &name, id, durability)?;
                    return Ok(name);
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn write_record(
        &self,
        record: Record,
        name: ContainerName,
        durability: Durability,
    ) -> Result<Container, EngineError> {
        let state = State {
            version: files::VERSION,
            name,
            status: Status::Created,
            running: None,
            started_at: None,
            exit: None,
            start_error: None,
            start_hint: None,
            stopped_by_user: false,
            other_name: None,
            health: None,
            restart_count: 0,
            restart: None,
            restart_policy: None,
            resources: None,
            other_cgroup_parent: None,
        };
        let on_exit = record.request.on_exit;
        let directory = records::directory(&self.paths, &record.id, on_exit);
        let making = match on_exit {
            OnExit::Keep => self.paths.root.join("ingest").join(record.id.as_str()),
            // What dies with the boot needs no second name: pending/ tells that it is not whole.
            OnExit::Remove => directory.clone(),
        };
        files::make_directory(&making)?;
        files::write(&making.join("request.json"), &record, durability)?;
        files::write(&making.join("state.json"), &state, durability)?;
        if making != directory {
            give_final_name(&making, &directory, durability)?;
        }
        Ok(Container { record, state, directory })
    }
}

fn give_final_name(
    making: &Path,
    directory: &Path,
    durability: Durability,
) -> Result<(), EngineError> {
    let failed =
        |source| EngineError::State { attempt: "make", path: directory.to_path_buf(), source };
    durable::rename_new(making, directory).map_err(failed)?;
    match directory.parent() {
        Some(parent) if durability == Durability::Synced => {
            durable::sync_directory(parent).map_err(failed)
        }
        _ => Ok(()),
    }
}

pub(crate) fn random<const N: usize>() -> Result<[u8; N], EngineError> {
    teu_kernel::random::random().map_err(|source| EngineError::step("get random bytes", source))
}
