//! `start`: created or exited → running. Steps 4 and 5 of docker's six.
//!
//! ```text
//!  command                                     monitor                     first process
//!  spawn ────────────────────────────────────► begins
//!  root, overlay, address, init layer, cgroup
//!  plan + descriptors ───────────────────────► clone ────────────────────► builds its root
//!  network into the namespace ◄──────────────── cloned                       …
//!  go ───────────────────────────────────────► gate opens ───────────────► exec
//!  state.json ◄─────────────────────────────── started
//!  recorded ─────────────────────────────────► from now on it is the monitor's
//! ```
//! Until `recorded` all of it is this command's, and one undo gives everything back: what
//! `repair.rs` does for a start that broke off is done here for one that failed.

use crate::action::Action;
use crate::observe::{Truth, boot_id, moment, observe};
use crate::records::{self, Container};
use crate::{Engine, EngineError, files, repair, why};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use teu_kernel::flock::Lock;
use teu_kernel::pidfd;
use teu_model::{
    EndpointState, MountRequest, NetworkRequest, RunningState, Status, Timestamp, Verb,
};
use teu_monitor::{Attach, FdUse, Link, MonitorError, NamespaceKind, Target};
use teu_runtime::user::{self, Ids};
use teu_snapshot::WritableOptions;

/// How a start is asked for.
#[derive(Clone, Debug, Default)]
pub struct StartOptions {
    /// The streams that the caller will move (`Link::pump`); none for a detached start.
    pub attach: Option<Attach>,
    /// The size of the caller's terminal: columns, rows.
    pub terminal: Option<(u16, u16)>,
}

/// A container that runs.
#[derive(Debug)]
pub struct Started {
    /// As recorded.
    pub container: Container,
    /// The conversation with its monitor; attached, and told of the end, if that was asked.
    pub link: Link,
    /// What went wrong without being worth a failure.
    pub warnings: Vec<String>,
}

impl Engine {
    /// Starts the container that `given` names. One that runs already is started enough: `None`.
    pub fn start(
        &self,
        given: &str,
        options: &StartOptions,
    ) -> Result<Option<Started>, EngineError> {
        let container = records::find(&self.paths, given)?;
        let id = container.id().clone();
        let action = Action::begin(self, &id)?;
        crate::release::release_ended(self, &id)?;
        let Some(mut container) = records::load(&self.paths, &id)? else {
            action.done()?;
            return Err(EngineError::NoSuchContainer { given: given.to_string() });
        };
        if container.state.status == Status::Restarting
            && observe(&self.paths, &container) == Truth::MonitorLost
        {
            return self.resume(container, action).map(Some);
        }
        if !container.state.status.allows(Verb::Start) {
            action.done()?;
            if container.state.status == Status::Paused {
                return Err(EngineError::WrongState {
                    message: "cannot start a paused container, try unpause instead".to_string(),
                    status: Status::Paused,
                });
            }
            return Ok(None);
        }
        container.state.restart_count = 0;
        container.state.restart = None;
        self.start_held(container, action, options).map(Some)
    }

    /// Starts a container that this command has the right to act on. A `--rm` container that cannot be
    /// started goes.
    pub(crate) fn start_held(
        &self,
        container: Container,
        action: Action,
        options: &StartOptions,
    ) -> Result<Started, EngineError> {
        // First of all, so that it is ready when the rest is.
        let run = self.paths.container_run(container.id());
        // None at the first start of all, which makes the group.
        let born_in = self.monitors_group()?.v2_dir_fd().unwrap_or(None);
        let spawned = files::make_directory(&run).and_then(|()| {
            Ok(teu_monitor::spawn(container.id(), &run, born_in.as_ref().map(AsFd::as_fd))?)
        });
        match spawned {
            Ok(link) => self.start_by(container, action, link, None, options),
            Err(error) => self.start_failed(container, action, error),
        }
    }

    /// The same, through a monitor that is there, in the network namespace that it kept, if it did.
    pub(crate) fn start_by(
        &self,
        mut container: Container,
        action: Action,
        mut link: Link,
        kept: Option<OwnedFd>,
        options: &StartOptions,
    ) -> Result<Started, EngineError> {
        match self.try_start(&mut container, &mut link, kept, options) {
            Ok(warnings) => {
                action.done()?;
                if options.attach.is_some() {
                    self.tell_of(&container, "attach", &[]);
                }
                self.tell_of(&container, "start", &[]);
                Ok(Started { container, link, warnings })
            }
            Err(error) => {
                let failed = self.start_failed(container, action, error);
                // All that follows on it is done: the monitor need not call for help. It may be gone already.
                link.released().unwrap_or(());
                failed
            }
        }
    }

    /// Records why, and gives everything back.
    fn start_failed(
        &self,
        mut container: Container,
        action: Action,
        error: EngineError,
    ) -> Result<Started, EngineError> {
        let waited = container.state.status == Status::Restarting;
        if !container.is_temporary() || waited {
            container.state.start_error = Some(error.to_string());
            container.state.start_hint = error.hint();
            container.state.exit = Some(failed_start(&error));
            if waited {
                container.state.status = Status::Exited;
                container.state.running = None;
            }
            container.save_state()?;
        }
        repair::container(self, container.id())?;
        action.done()?;
        Err(error)
    }

    fn try_start(
        &self,
        container: &mut Container,
        link: &mut Link,
        kept: Option<OwnedFd>,
        options: &StartOptions,
    ) -> Result<Vec<String>, EngineError> {
        self.check_log(container)?;
        let id = container.id().clone();
        let last = container.state.running.take();
        let monitor_pid = link.monitor_pid().or(last.as_ref().map(|last| last.monitor_pid));
        let monitor_pid = monitor_pid.unwrap_or_default();
        self.make_groups(monitor_pid)?;

        let had_a_copy = self.whole_copy_of(container).is_some();
        let (root, root_lock) = self.make_root(container, container.is_temporary())?;
        let ids = self.look_up_user(container, &root)?;
        let network = match container.record.request.network {
            NetworkRequest::Bridge => Some(self.networks.ensure_default()?),
            NetworkRequest::None | NetworkRequest::Host | NetworkRequest::Joined => None,
        };
        let mut lease =
            network.as_ref().map(|network| self.networks.lease(network, &id)).transpose()?;
        if let (Some(lease), Some(mac)) = (lease.as_mut(), &container.record.request.kernel.mac) {
            lease.mac = mac.clone().try_into().map_err(EngineError::bad)?;
        }
        let joined = self.joined(container)?;
        make_bind_sources(container)?;
        let mut open = Vec::new();
        let mut warnings = Vec::new();
        if !had_a_copy && self.whole_copy_of(container).is_some() {
            warnings.push(WHOLE_COPY.to_string());
        }
        let mut start =
            self.start_request(container, &ids, lease.as_ref(), options, &mut warnings, &mut open)?;

        let v2 = self.cgroup_of(container)?.v2_dir_fd()?;
        let mut fds = vec![(FdUse::Root, root.as_fd()), (FdUse::Keep, root_lock.as_fd())];
        fds.extend(v2.as_ref().map(|v2| (FdUse::CgroupV2, v2.as_fd())));
        if let Some(network) = &kept {
            start.plan.join_instead(NamespaceKind::Network);
            fds.push((FdUse::Namespace(NamespaceKind::Network), network.as_fd()));
        }
        for (kind, namespace) in &joined.namespaces {
            // What it joined before a restart it still has.
            if *kind != NamespaceKind::Network || kept.is_none() {
                start.plan.join_instead(*kind);
                fds.push((FdUse::Namespace(*kind), namespace.as_fd()));
            }
        }
        if let Some(shm) = &joined.shared_memory {
            start.plan.mount_instead("dev/shm");
            fds.push((FdUse::Mount, shm.as_fd()));
        }
        link.send_start(start, &fds)?;
        let cloned = link.cloned().map_err(|error| self.explain(container, &ids, &root, error))?;
        let endpoint = match (&cloned.netns, &network, &lease) {
            _ if kept.is_some() => last.and_then(|last| last.endpoint),
            (Some(inside), Some(network), Some(lease)) => {
                let options = teu_network::AttachOptions::default();
                let endpoint = self.networks.attach(network, lease, inside.as_fd(), &options)?;
                Some(EndpointState {
                    address: lease.address,
                    prefix: lease.prefix,
                    gateway: lease.gateway,
                    mac: endpoint.mac.to_string(),
                    host_interface: endpoint.host_ifname,
                })
            }
            (Some(_), None, _) if container.record.request.network == NetworkRequest::Joined => {
                None
            }
            (Some(inside), None, _) => {
                teu_network::loopback_up(inside.as_fd())?;
                None
            }
            _ => None,
        };
        if let Some(streams) = options.attach {
            link.attach(Target::Container, streams)?;
            link.watch_exit(Target::Container, true)?;
        }
        let started = link.go().map_err(|error| self.explain(container, &ids, &root, error))?;

        container.state.status = Status::Running;
        container.state.started_at = Some(moment(started.at));
        container.state.start_error = None;
        container.state.start_hint = None;
        container.state.stopped_by_user = false;
        container.state.running = Some(RunningState {
            pid: cloned.pid,
            pid_start_ticks: cloned.start_time,
            monitor_pid,
            monitor_start_ticks: pidfd::start_time(monitor_pid).unwrap_or_default(),
            boot_id: boot_id().to_string(),
            endpoint,
        });
        container.save_state()?;
        link.recorded()?;
        warnings.extend(started.warnings);
        Ok(warnings)
    }

    /// The image's root and the container's own layer, as one mount that is attached nowhere; and the
    /// lock that says that this upper is mounted, which the monitor keeps.
    pub(crate) fn make_root(
        &self,
        container: &Container,
        volatile: bool,
    ) -> Result<(OwnedFd, Lock), EngineError> {
        let own = self.writable_directory(container);
        let (upper, work, lock) = (own.join("upper"), own.join("work"), own.join("root"));
        files::make_directory(&own)?;
        files::touch(&lock)?;
        // The last run's monitor may still be unmounting.
        let lock = Lock::exclusive(&lock).map_err(|source| EngineError::State {
            attempt: "lock",
            path: lock,
            source,
        })?;
        let copy = own.join(COPY);
        if copy.is_dir() {
            return Ok((self.snapshots.whole_copy(&container.record.layers, &copy)?, lock));
        }
        if container.is_temporary() {
            // A volatile upper is refused a second time for what the first mount left there; within one boot
            // nothing of it was lost.
            files::remove_tree(&work)?;
        }
        files::make_directory(&work)?;
        let root = self.snapshots.ensure_root(&container.record.layers)?;
        make_upper(&upper, &root.path)?;
        let options = WritableOptions { volatile, ..WritableOptions::default() };
        match self.snapshots.writable(&root, &upper, &work, options) {
            // An upper in which something is was that of an overlay once.
            Err(error) if error.is_unfit_upper() && std::fs::remove_dir(&upper).is_ok() => {
                Ok((self.snapshots.whole_copy(&container.record.layers, &copy)?, lock))
            }
            other => Ok((other?, lock)),
        }
    }

    /// Where the container's own copy of its whole image lies, if it has one in place of an upper.
    pub(crate) fn whole_copy_of(&self, container: &Container) -> Option<PathBuf> {
        Some(self.writable_directory(container).join(COPY)).filter(|copy| copy.is_dir())
    }

    fn look_up_user(&self, container: &Container, root: &OwnedFd) -> Result<Ids, EngineError> {
        let process = &container.record.process;
        user::resolve(root.as_fd(), &process.user, &process.groups).map_err(|error| {
            EngineError::CannotStart {
                message: error.to_string(),
                remedy: error.hint().map(str::to_string),
                exit_code: 125,
            }
        })
    }

    /// A start that the kernel refused, in words, with docker's exit code.
    fn explain(
        &self,
        container: &Container,
        ids: &Ids,
        root: &OwnedFd,
        error: MonitorError,
    ) -> EngineError {
        match error {
            MonitorError::Start(error) => why::cannot_start(container, ids, root.as_fd(), &error),
            other => other.into(),
        }
    }
}

/// In a container's directory, in place of `upper`.
const COPY: &str = "tree";

/// Said by the start that made one, and by `info`.
pub(crate) const WHOLE_COPY: &str = "the state root's file system can hold no writable layer of an overlay: \
    with the storage driver vfs each container has a whole copy of its image; put the state root on a volume or a disk";

fn failed_start(error: &EngineError) -> teu_model::Exit {
    let code = match error.exit_code() {
        // docker records 128 for a container that could not be made.
        125 => 128,
        code => code,
    };
    teu_model::Exit::new(code, Timestamp(0))
}

/// The upper is the container's `/`: owner and mode are those of the image's `/`.
fn make_upper(upper: &Path, lower: &Path) -> Result<(), EngineError> {
    let failed = |source| EngineError::State { attempt: "make", path: upper.to_path_buf(), source };
    match std::fs::create_dir(upper) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Ok(()),
        other => other.map_err(failed)?,
    }
    let like = lower.metadata().map_err(failed)?;
    std::os::unix::fs::chown(upper, Some(like.uid()), Some(like.gid())).map_err(failed)?;
    std::fs::set_permissions(upper, like.permissions()).map_err(failed)
}

/// `-v` makes a directory for a source that is not there; `--mount` does not.
fn make_bind_sources(container: &Container) -> Result<(), EngineError> {
    for mount in container.record.mounts() {
        let MountRequest::Bind { source, create_source, .. } = mount else { continue };
        let path = Path::new(source);
        match path.symlink_metadata() {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && *create_source => {
                std::fs::create_dir_all(path).map_err(|source| EngineError::State {
                    attempt: "make",
                    path: path.to_path_buf(),
                    source,
                })?;
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(EngineError::BadRequest {
                    message: format!(
                        "invalid mount config for type \"bind\": bind source path does not exist: {source}"
                    ),
                    hint: Some("-v makes a missing directory, --mount does not"),
                });
            }
            Err(error) => {
                return Err(EngineError::State {
                    attempt: "look at",
                    path: path.to_path_buf(),
                    source: error,
                });
            }
        }
    }
    Ok(())
}
