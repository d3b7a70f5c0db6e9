//! `update`: other limits for a container, at once where it runs, and at each start from now on.
//!
//! The kernel is told first, the record after it: a refusal changes nothing, and where the command dies
//! in between, the next one sets the recorded limits again. A move below another parent is the other way
//! round, with the parent that its group does not have named beside: all processes belong into the
//! group that is recorded.

use crate::action::Action;
use crate::records::{self, Container};
use crate::{Engine, EngineError, bundle, devices, validate};
use teu_cgroup::{Controller, Version};
use teu_model::{ResourceRequest, RestartPolicy, RestartRequest, Status};
use teu_oci::runtime::LinuxResources;

/// docker's words.
const NO_SWAP_LIMIT: &str = "Your kernel does not support swap limit capabilities or the cgroup is not mounted. Memory limited without swap.";
const NO_WEIGHT: &str =
    "Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.";
const NO_OOM_DISABLE: &str =
    "Your kernel does not support OomKillDisable. OomKillDisable discarded.";
const NO_SWAPPINESS: &str = "Your kernel does not support memory swappiness capabilities or the cgroup is not mounted. Memory swappiness discarded.";
const NO_RESTART: &str =
    "Restart policy cannot be updated because AutoRemove is enabled for the container";
const OOM_DISABLED: &str = "OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.";

/// How often a group that grows is emptied again.
const MOVE_ROUNDS: u32 = 100;

/// Stands for "this root's own parent" where a parent is named.
const OWN: &str = "";

impl Engine {
    /// Changes the limits that `change` names, of the container that `given` names. Returns warnings.
    pub fn update(
        &self,
        given: &str,
        change: &ResourceRequest,
        restart: Option<RestartPolicy>,
    ) -> Result<Vec<String>, EngineError> {
        validate::resources(change, true)?;
        validate::resources_together(change)?;
        let found = records::find(&self.paths, given)?;
        let action = Action::begin(self, found.id())?;
        let updated = crate::release::release_ended(self, found.id())
            .and_then(|()| records::load(&self.paths, found.id()))
            .and_then(|now| {
                let mut container =
                    now.ok_or_else(|| EngineError::NoSuchContainer { given: given.to_string() })?;
                self.update_held(&mut container, change, restart)
            });
        // A refusal may have left half of the limits set: then the word stays, and they are set back.
        if updated.is_err() {
            crate::repair::container(self, found.id())?;
        }
        action.done()?;
        updated
    }

    fn update_held(
        &self,
        container: &mut Container,
        change: &ResourceRequest,
        restart: Option<RestartPolicy>,
    ) -> Result<Vec<String>, EngineError> {
        let id = container.id().clone();
        let cannot = |why| EngineError::bad(format!("Cannot update container {id}: {why}"));
        let new = merged(container.resources(), change).map_err(cannot)?;
        if container.is_temporary() && restart.is_some_and(|policy| policy != RestartPolicy::No) {
            return Err(cannot(NO_RESTART.to_string()));
        }
        let mut warnings = Vec::new();
        let mut limits = bundle::resources(&new, vec![])?;
        self.fit(&mut limits, &mut warnings)?;
        let moves = new.cgroup_parent != container.resources().cgroup_parent;
        if container.state.status.is_alive() {
            self.cgroup_of(container)?.update(&limits)?;
            if moves {
                self.move_to(container, new.clone())?;
            }
        }
        container.state.resources = Some(new);
        if let Some(policy) = restart {
            container.state.restart_policy =
                Some(RestartRequest { policy, ..container.restart_request() });
        }
        container.save_state()?;
        self.tell_of(container, "update", &[]);
        Ok(warnings)
    }

    /// Takes out what this machine cannot keep, where docker goes on without it and says so.
    pub(crate) fn fit(
        &self,
        limits: &mut LinuxResources,
        warnings: &mut Vec<String>,
    ) -> Result<(), EngineError> {
        let layout = self.layout()?;
        let mut warn = |text: &str| warnings.push(text.to_string());
        let v2_memory = layout.of(Controller::Memory).is_some_and(|one| one.version == Version::V2);
        if let Some(memory) = limits.memory.as_mut() {
            if memory.swap.is_some() && !layout.has_swap_limit() {
                memory.swap = None;
                warn(NO_SWAP_LIMIT);
            }
            if v2_memory && memory.swappiness.take().is_some() {
                warn(NO_SWAPPINESS);
            }
            if v2_memory && memory.disable_oom_killer.take().is_some() {
                warn(NO_OOM_DISABLE);
            }
            if memory.disable_oom_killer == Some(true) && memory.limit.is_none() {
                warn(OOM_DISABLED);
            }
        }
        if let Some(io) = limits.block_io.as_mut()
            && (io.weight.is_some() || !io.weight_device.is_empty())
            && !layout.has_block_weight()
        {
            io.weight = None;
            io.weight_device.clear();
            warn(NO_WEIGHT);
        }
        let asks_real_time = |cpu: &teu_oci::runtime::LinuxCpu| {
            cpu.realtime_period.is_some() || cpu.realtime_runtime.is_some()
        };
        if limits.cpu.as_ref().is_some_and(asks_real_time) && !layout.has_real_time() {
            return Err(EngineError::bad("Your kernel does not support CPU real-time scheduler"));
        }
        Ok(())
    }

    /// A live container's processes go into a group of the same name below another parent.
    fn move_to(&self, container: &mut Container, new: ResourceRequest) -> Result<(), EngineError> {
        if container.state.status == Status::Paused {
            return Err(EngineError::bad(format!(
                "Cannot update container {}: it is paused, and the frozen cannot be moved: unpause it first",
                container.id()
            )));
        }
        let mut limits = bundle::resources(&new, self.device_rules(container)?)?;
        self.fit(&mut limits, &mut Vec::new())?;
        let parent = |resources: &ResourceRequest| {
            resources.cgroup_parent.clone().unwrap_or_else(|| OWN.to_string())
        };
        let (from, to) = (parent(container.resources()), parent(&new));
        container.state.other_cgroup_parent = Some(to.clone());
        container.save_state()?;
        let group = self.cgroup_below(parent_of(&to), container.id())?;
        group.create(&limits)?;
        container.state.resources = Some(new);
        container.state.other_cgroup_parent = Some(from);
        container.save_state()?;
        if let Ok(mut link) = self.link(container) {
            // It asks the group whether memory ran out. An older monitor does not know the word.
            link.moved(&group).unwrap_or(());
        }
        repair(self, container)
    }

    fn device_rules(
        &self,
        container: &Container,
    ) -> Result<Vec<teu_oci::runtime::LinuxDeviceCgroup>, EngineError> {
        let request = &container.record.request;
        Ok(devices::rules(request, &devices::of(request)?))
    }
}

/// The recorded limits hold, and all processes lie in the group that is recorded.
pub(crate) fn repair(engine: &Engine, container: &mut Container) -> Result<(), EngineError> {
    let group = engine.cgroup_of(container)?;
    if let Some(other) = container.state.other_cgroup_parent.clone() {
        let left = engine.cgroup_below(parent_of(&other), container.id())?;
        for _ in 0..MOVE_ROUNDS {
            let pids = left.procs()?;
            if pids.is_empty() {
                break;
            }
            for pid in pids {
                // It may have ended meanwhile: the next round knows.
                group.join_pid(pid).or_else(|error| {
                    let lives = std::path::Path::new(&format!("/proc/{pid}")).exists();
                    if lives { Err(error) } else { Ok(()) }
                })?;
            }
        }
        left.remove()?;
        container.state.other_cgroup_parent = None;
        container.save_state()?;
    }
    if group.exists() {
        let mut limits = bundle::resources(container.resources(), vec![])?;
        engine.fit(&mut limits, &mut Vec::new())?;
        group.update(&limits)?;
    }
    Ok(())
}

/// A parent as `other_cgroup_parent` names it.
pub(crate) fn parent_of(named: &str) -> Option<&str> {
    Some(named).filter(|named| *named != OWN)
}

/// A parent as typed, from the top of the hierarchies: a path, or a slice of systemd's (systemd.slice(5):
/// each dash is a step down).
pub(crate) fn group_path(asked: &str) -> String {
    let Some(name) = asked.strip_suffix(".slice").filter(|name| !name.contains('/')) else {
        return asked.to_string();
    };
    let steps: Vec<&str> = name.split('-').collect();
    (1..=steps.len()).map(|count| format!("/{}.slice", steps[..count].join("-"))).collect()
}

/// The old limits with what is to change; docker's rules and words for what contradicts itself.
fn merged(old: &ResourceRequest, change: &ResourceRequest) -> Result<ResourceRequest, String> {
    let refused = |text: &str| Err(text.to_string());
    if change.nano_cpus.is_some() && old.cpu_period_us.is_some() {
        return refused(
            "Conflicting options: Nano CPUs cannot be updated as CPU Period has already been set",
        );
    }
    if change.nano_cpus.is_some() && old.cpu_quota_us.is_some() {
        return refused(
            "Conflicting options: Nano CPUs cannot be updated as CPU Quota has already been set",
        );
    }
    if change.cpu_period_us.is_some() && old.nano_cpus.is_some() {
        return refused(
            "Conflicting options: CPU Period cannot be updated as NanoCPUs has already been set",
        );
    }
    if change.cpu_quota_us.is_some() && old.nano_cpus.is_some() {
        return refused(
            "Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set",
        );
    }
    let mut new = old.clone();
    // A limit without a word about swap allowed as much swap again; it stays when memory changes.
    let swap = old.memory_swap_bytes.or_else(|| {
        old.memory_bytes.map(|bytes| i64::try_from(bytes.saturating_mul(2)).unwrap_or(i64::MAX))
    });
    new.memory_swap_bytes = swap;
    if let Some(memory) = change.memory_bytes
        && change.memory_swap_bytes.is_none()
        && u64::try_from(swap.unwrap_or(0)).is_ok_and(|swap| memory > swap)
    {
        return refused(
            "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time",
        );
    }
    macro_rules! take {
        ($($field:ident),*) => {
            $(if change.$field.is_some() { new.$field = change.$field.clone(); })*
        };
    }
    take!(
        memory_bytes,
        memory_reservation_bytes,
        memory_swap_bytes,
        nano_cpus,
        cpu_shares,
        cpuset_cpus,
        cpuset_mems,
        pids,
        cpu_period_us,
        cpu_quota_us,
        cpu_rt_period_us,
        cpu_rt_runtime_us,
        blkio_weight,
        cgroup_parent
    );
    Ok(new)
}

#[test]
fn slices_are_paths() {
    for (asked, path) in [
        ("/a/b", "/a/b"),
        ("a", "a"),
        ("a.slice", "/a.slice"),
        ("a-b-c.slice", "/a.slice/a-b.slice/a-b-c.slice"),
        ("/x/a-b.slice", "/x/a-b.slice"),
    ] {
        assert_eq!(group_path(asked), path);
    }
}

#[test]
fn what_changes_and_what_stays() {
    let old = ResourceRequest { memory_bytes: Some(64 << 20), ..ResourceRequest::default() };
    let change = |memory, swap| ResourceRequest {
        memory_bytes: memory,
        memory_swap_bytes: swap,
        cpu_shares: Some(5),
        ..ResourceRequest::default()
    };
    let new = merged(&old, &change(Some(32 << 20), None)).unwrap();
    assert_eq!((new.memory_bytes, new.memory_swap_bytes), (Some(32 << 20), Some(128 << 20)));
    assert_eq!(new.cpu_shares, Some(5));
    assert!(merged(&old, &change(Some(256 << 20), None)).unwrap_err().contains("memoryswap"));
    assert!(merged(&old, &change(Some(256 << 20), Some(-1))).is_ok());
    let none = ResourceRequest::default();
    assert!(merged(&none, &change(Some(32 << 20), None)).is_err(), "docker's rule");
    let cpus = ResourceRequest { nano_cpus: Some(1), ..none.clone() };
    let quota = ResourceRequest { cpu_quota_us: Some(5000), ..none };
    assert!(merged(&cpus, &quota).unwrap_err().contains("CPU Quota cannot be updated"));
    assert!(merged(&quota, &cpus).unwrap_err().contains("Nano CPUs cannot be updated"));
}
