//! What the monitor is told at a start: the plan of the first process, where output goes, what follows.

use crate::bundle::{self, Surroundings};
use crate::records::Container;
use crate::{Engine, EngineError, StartOptions, init_layer};
use std::os::fd::OwnedFd;
use teu_model::{ContainerId, NetworkRequest};
use teu_monitor::{Command, StartRequest, Stdio};
use teu_network::Lease;
use teu_runtime::user::Ids;
use teu_runtime::{CgroupJoin, Plan, PlanFacts};

impl Engine {
    /// Everything the monitor is told: the plan, where output goes, what comes after.
    pub(crate) fn start_request(
        &self,
        container: &Container,
        ids: &Ids,
        lease: Option<&Lease>,
        options: &StartOptions,
        warnings: &mut Vec<String>,
        open: &mut Vec<OwnedFd>,
    ) -> Result<StartRequest, EngineError> {
        let (record, id) = (&container.record, container.id());
        let hostname = self.hostname(container)?;
        let init = container.directory.join("init");
        match self.network_donor(container)? {
            // Where it joins a network, the names of that one.
            Some(donor) => init_layer::copy(&init, &donor.directory.join("init"))?,
            None => init_layer::write(&init, &record.request, &hostname, lease)?,
        }
        let group = self.cgroup_of(container)?;
        let mounts = self.asked_mounts(container, open)?;
        let around = Surroundings {
            mounts: &mounts,
            init: &init,
            hostname: &hostname,
            kernel: &container.record.request.kernel,
            resources: container.resources(),
            ids,
            cgroup: &group.path(),
            terminal: options.terminal.filter(|_| record.process.tty),
        };
        let spec = bundle::spec(record, &around)?;
        let mut resources =
            spec.linux.as_ref().and_then(|linux| linux.resources.clone()).unwrap_or_default();
        self.fit(&mut resources, warnings)?;
        group.create(&resources)?;
        let facts = PlanFacts {
            id: id.to_string(),
            root_by_descriptor: true,
            cgroups: self.hierarchies(&group)?,
            cgroup: self.join_of(&group)?,
            init: record.request.init,
            ..PlanFacts::default()
        };
        let plan = Plan::new(&spec, facts).map_err(|error| {
            let hint = error.hint().map(str::to_string);
            EngineError::Step {
                attempt: "plan the container's start".into(),
                source: error.into(),
                hint,
            }
        })?;
        let health = self.health_plan(container, &around)?;
        let process = &record.process;
        Ok(StartRequest {
            health,
            id: id.clone(),
            plan,
            stdio: Stdio {
                stdin: process.stdin,
                stdin_once: process.stdin && options.attach.is_some_and(|streams| streams.stdin),
            },
            log: self.log_config(container)?,
            group: Some(group),
            monitors_group: Some(self.monitors_group()?),
            after_exit: Some(self.after_exit_command(id)),
            word: Some(self.paths.run.join("pending").join(id.as_str())),
        })
    }

    pub(crate) fn join_of(&self, group: &teu_cgroup::Group) -> Result<CgroupJoin, EngineError> {
        let tasks =
            group.join_files().into_iter().filter_map(|file| file.into_string().ok()).collect();
        Ok(CgroupJoin { tasks, into_v2: self.layout()?.v2().is_some() })
    }

    /// The machine's hierarchies, for a container's /sys/fs/cgroup.
    fn hierarchies(
        &self,
        group: &teu_cgroup::Group,
    ) -> Result<Vec<teu_runtime::CgroupHierarchy>, EngineError> {
        let layout = self.layout()?;
        let alone = layout.mode() == teu_cgroup::Mode::V2;
        let hierarchy = |one: &teu_cgroup::Hierarchy| {
            let v2 = one.version == teu_cgroup::Version::V2;
            let mounted_as =
                one.mount_point.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let several = !v2 && one.controllers.len() > 1;
            teu_runtime::CgroupHierarchy {
                name: if alone { String::new() } else { mounted_as },
                v2,
                options: if v2 { vec![] } else { one.controllers.clone() },
                links: if several { one.controllers.clone() } else { vec![] },
                group: group.dir_in(one).to_string_lossy().into_owned(),
            }
        };
        Ok(layout.hierarchies.iter().map(hierarchy).collect())
    }

    /// What the monitor runs when the container has ended and nobody is there.
    fn after_exit_command(&self, id: &ContainerId) -> Command {
        let root = self.paths.root.to_string_lossy().into_owned();
        let arguments = ["teu", "--root", &root, "after-exit", id.as_str()].map(str::to_string);
        Command { arguments: arguments.to_vec(), environment: vec![] }
    }

    pub(crate) fn log_path(&self, container: &Container) -> std::path::PathBuf {
        self.writable_directory(container).join("log")
    }
}

/// Its own name: as asked, else the id's first digits; with the host's network the host's.
pub(crate) fn hostname(container: &Container) -> String {
    let request = &container.record.request;
    match (&request.hostname, request.network) {
        (Some(name), _) => name.clone(),
        (None, _) if request.kernel.uts_host => host_name(container),
        (None, NetworkRequest::Host) => host_name(container),
        (None, _) => container.id().short().to_string(),
    }
}

fn host_name(container: &Container) -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map_or_else(|_| container.id().short().to_string(), |name| name.trim().to_string())
}
