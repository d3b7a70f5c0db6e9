//! `stats`: what containers use, read from their groups' files and the host's ends of their cables.
//!
//! Processor time is a difference: all are read, then all again a moment later. Everything else is read
//! in between.

use crate::records::{self, Container};
use crate::{Engine, EngineError};
use std::time::{Duration, Instant};
use teu_cgroup::{Group, Stats};
use teu_model::NetworkRequest;
use teu_network::Traffic;

/// What one container uses.
#[derive(Clone, Debug)]
pub struct Usage {
    /// Whose.
    pub container: Container,
    /// Processor time as a share of one processor: 1.5 is one and a half.
    pub cpus: f64,
    /// Bytes of memory, without page cache that can go.
    pub memory: u64,
    /// Bytes that it may use: its limit, or all that the machine has.
    pub memory_limit: u64,
    /// Network, in bytes.
    pub traffic: Traffic,
    /// Bytes read from block devices.
    pub read: u64,
    /// Bytes written to them.
    pub written: u64,
    /// Processes and threads.
    pub pids: u64,
    /// All that its group tells.
    pub all: Stats,
}

impl Engine {
    /// What the containers use that `given` names, or all that run; `all`: those that do not, too.
    /// Processor time is measured over `window`.
    pub fn stats(
        &self,
        given: &[String],
        all: bool,
        window: Duration,
    ) -> Result<Vec<Usage>, EngineError> {
        let mut containers: Vec<Container> = match given {
            [] => records::all(&self.paths)?,
            _ => records::find_each(&self.paths, given)?,
        };
        if given.is_empty() {
            containers.sort_by_key(|one| std::cmp::Reverse(one.record.created_at));
        }
        let mut looked_at = Vec::with_capacity(containers.len());
        for one in containers {
            let alive = self.status_now(&one).is_alive();
            let group = alive.then(|| self.cgroup_of(&one)).transpose()?;
            if alive || all || !given.is_empty() {
                looked_at.push((one, group));
            }
        }
        self.measure(looked_at, window)
    }

    /// Those without a group do not run.
    fn measure(
        &self,
        containers: Vec<(Container, Option<Group>)>,
        window: Duration,
    ) -> Result<Vec<Usage>, EngineError> {
        let began = Instant::now();
        let (containers, groups): (Vec<Container>, Vec<Option<Group>>) =
            containers.into_iter().unzip();
        let cpu = || {
            let one = |group: &Option<Group>| match group {
                Some(group) => Ok((Instant::now(), group.cpu_usage_ns()?)),
                None => Ok((Instant::now(), 0)),
            };
            groups.iter().map(one).collect::<Result<Vec<_>, EngineError>>()
        };
        let before = cpu()?;
        let traffic = self.networks.traffic()?;
        let memory_bytes = machine_memory();
        let mut used = Vec::with_capacity(containers.len());
        for (container, group) in containers.into_iter().zip(&groups) {
            let all = group.as_ref().map(|group| group.stats()).transpose()?;
            let endpoint = self.endpoint_of(&container);
            used.push(Usage {
                cpus: 0.0,
                memory: all.as_ref().map_or(0, |all| all.memory.working_set()),
                memory_limit: all
                    .as_ref()
                    .map_or(0, |all| all.memory.limit.unwrap_or(memory_bytes).min(memory_bytes)),
                traffic: endpoint.and_then(|name| traffic.get(&name).copied()).unwrap_or_default(),
                read: all.iter().flat_map(|all| &all.block_io).map(|one| one.read_bytes).sum(),
                written: all
                    .iter()
                    .flat_map(|all| &all.block_io)
                    .map(|one| one.written_bytes)
                    .sum(),
                pids: all.as_ref().map_or(0, |all| all.pids.current),
                all: all.unwrap_or_default(),
                container,
            });
        }
        std::thread::sleep(window.saturating_sub(began.elapsed()));
        for ((usage, before), after) in used.iter_mut().zip(before).zip(cpu()?) {
            let time = after.0.duration_since(before.0).as_secs_f64().max(1e-6);
            usage.cpus = after.1.saturating_sub(before.1) as f64 / 1e9 / time;
        }
        Ok(used)
    }

    /// The host's end of the cable that a container's packets go through.
    fn endpoint_of(&self, container: &Container) -> Option<String> {
        let donor = self.network_donor(container).ok().flatten();
        let container = donor.as_ref().unwrap_or(container);
        if container.record.request.network != NetworkRequest::Bridge {
            return None;
        }
        let running = container.state.running.as_ref()?;
        Some(running.endpoint.as_ref()?.host_interface.clone())
    }
}

/// Bytes of memory that the machine has.
fn machine_memory() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}
