//! Containers that share namespaces: `container:X` in `--network`, `--ipc` and `--pid`.
//!
//! X's monitor gives its namespaces by descriptor; the joiner's own monitor holds them from then on, so
//! that they live as long as the last of both.

use crate::records::{self, Container};
use crate::{Engine, EngineError, order};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use teu_model::{CreateRequest, IpcRequest, Sharing};
use teu_runtime::NamespaceKind;

/// What a container gets from others.
#[derive(Debug, Default)]
pub(crate) struct Joined {
    /// Their namespaces.
    pub namespaces: Vec<(NamespaceKind, OwnedFd)>,
    /// Their /dev/shm, as a mount that is attached nowhere.
    pub shared_memory: Option<OwnedFd>,
}

impl Engine {
    /// The request with ids in the place of the names of those whose namespaces are joined: names change.
    pub(crate) fn with_ids(&self, request: &CreateRequest) -> Result<CreateRequest, EngineError> {
        let mut request = request.clone();
        let kernel = &mut request.kernel;
        let joined = [
            kernel.network_of.as_mut(),
            match &mut kernel.ipc {
                IpcRequest::Container(name) => Some(name),
                _ => None,
            },
            match &mut kernel.pid {
                Sharing::Container(name) => Some(name),
                _ => None,
            },
        ];
        for name in joined.into_iter().flatten() {
            *name = records::find(&self.paths, name)?.id().to_string();
        }
        Ok(request)
    }

    /// The namespaces that `container` joins. Whose they are must run.
    pub(crate) fn joined(&self, container: &Container) -> Result<Joined, EngineError> {
        let kernel = &container.record.request.kernel;
        let mut joined = Joined::default();
        if let Some(donor) = self.network_donor(container)? {
            let running = self.lives(donor, "network")?;
            joined.namespaces.push(self.namespace_of(&running, NamespaceKind::Network)?);
        }
        if let Sharing::Container(id) = &kernel.pid {
            let running = self.lives(records::find(&self.paths, id)?, "PID")?;
            joined.namespaces.push(self.namespace_of(&running, NamespaceKind::Pid)?);
        }
        if let IpcRequest::Container(id) = &kernel.ipc {
            let donor = self.lives(records::find(&self.paths, id)?, "IPC")?;
            if donor.record.request.kernel.ipc != IpcRequest::Shareable {
                return Err(EngineError::bad(format!(
                    "cannot join IPC of a container {}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)",
                    donor.id()
                )));
            }
            joined.namespaces.push(self.namespace_of(&donor, NamespaceKind::Ipc)?);
            let (_, inside) = self.namespace_of(&donor, NamespaceKind::Mount)?;
            let shm = teu_kernel::mntns::clone_tree_inside(inside.as_fd(), Path::new("/dev/shm"));
            joined.shared_memory = Some(shm.map_err(|source| {
                EngineError::step(format!("share /dev/shm of {}", donor.id().short()), source)
            })?);
        }
        Ok(joined)
    }

    /// The container whose network `container` joins.
    pub(crate) fn network_donor(
        &self,
        container: &Container,
    ) -> Result<Option<Container>, EngineError> {
        let of = container.record.request.kernel.network_of.as_deref();
        of.map(|id| records::find(&self.paths, id)).transpose()
    }

    /// Its host name: its own, or that of the one whose network it joins.
    pub(crate) fn hostname(&self, container: &Container) -> Result<String, EngineError> {
        match self.network_donor(container) {
            Ok(Some(donor)) if donor.id() != container.id() => Ok(order::hostname(&donor)),
            Ok(_) | Err(EngineError::NoSuchContainer { .. }) => Ok(order::hostname(container)),
            Err(error) => Err(error),
        }
    }

    /// docker's words where it does not.
    fn lives(&self, donor: Container, what: &str) -> Result<Container, EngineError> {
        if self.status_now(&donor).is_alive() {
            return Ok(donor);
        }
        let id = donor.id();
        Err(EngineError::bad(format!("cannot join {what} of a non running container: {id}")))
    }

    /// One of its namespaces, from its monitor; where it has none of its own, the host's, which it is in.
    fn namespace_of(
        &self,
        donor: &Container,
        kind: NamespaceKind,
    ) -> Result<(NamespaceKind, OwnedFd), EngineError> {
        let given = self.link(donor)?.namespaces()?;
        if let Some(found) = given.into_iter().find(|(given, _)| *given == kind) {
            return Ok(found);
        }
        // A monitor that has taken over holds none; the first process says which they are.
        let pid = donor.state.running.as_ref().map_or(0, |running| running.pid);
        let path = format!("/proc/{pid}/ns/{}", kind.proc_name());
        let file = std::fs::File::open(&path).map_err(|source| EngineError::State {
            attempt: "open",
            path: path.into(),
            source,
        })?;
        Ok((kind, file.into()))
    }
}
