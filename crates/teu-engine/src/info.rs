//! `info`: what this machine and this state root have.

use crate::{Engine, EngineError, records};
use teu_cgroup::Version;
use teu_model::Status;

/// What `info` tells.
#[derive(Clone, Debug)]
pub struct Info {
    /// All containers.
    pub containers: usize,
    /// Those that run.
    pub running: usize,
    /// Those that stand still.
    pub paused: usize,
    /// All images.
    pub images: usize,
    /// How roots are mounted: `erofs`, `overlay`…; none before the first start.
    pub storage_driver: Option<String>,
    /// `v1`, `v2`, `hybrid`.
    pub cgroup_mode: String,
    /// Controller and its version, for each that was found.
    pub controllers: Vec<(String, String)>,
    /// The kernel's release.
    pub kernel: String,
    /// Processors.
    pub cpus: usize,
    /// Bytes of memory.
    pub memory_bytes: u64,
    /// Machine's architecture.
    pub architecture: String,
    /// Host name.
    pub hostname: String,
    /// Where the state root lies.
    pub root: String,
    /// What a user should know: forwarding switched on, another firewall's chain.
    pub notes: Vec<String>,
}

impl Engine {
    /// Looks at everything once.
    pub fn info(&self) -> Result<Info, EngineError> {
        let containers = records::all(&self.paths)?;
        let layout = self.layout()?;
        let controllers = layout.hierarchies.iter().flat_map(|one| {
            let version = if one.version == Version::V1 { "v1" } else { "v2" };
            one.controllers.iter().map(move |name| (name.clone(), version.to_string()))
        });
        let read =
            |path: &str| std::fs::read_to_string(path).unwrap_or_default().trim().to_string();
        let memory_kib = read("/proc/meminfo").lines().find_map(|line| {
            line.strip_prefix("MemTotal:")?.trim().split(' ').next()?.parse::<u64>().ok()
        });
        let count = |status| containers.iter().filter(|one| self.status_now(one) == status).count();
        let copies = self.snapshots.makes_whole_copies();
        let mut notes: Vec<String> =
            self.networks.notes()?.iter().map(teu_network::Note::text).collect();
        notes.extend(copies.then(|| crate::start::WHOLE_COPY.to_string()));
        Ok(Info {
            running: count(Status::Running),
            paused: count(Status::Paused),
            containers: containers.len(),
            images: self.store.list()?.len(),
            storage_driver: match copies {
                true => Some("vfs".to_string()),
                false => self.snapshots.driver().map(|driver| driver.to_string()),
            },
            cgroup_mode: layout.mode().to_string(),
            controllers: controllers.collect(),
            kernel: read("/proc/sys/kernel/osrelease"),
            cpus: std::thread::available_parallelism().map_or(1, usize::from),
            memory_bytes: memory_kib.unwrap_or(0) * 1024,
            architecture: std::env::consts::ARCH.to_string(),
            hostname: read("/proc/sys/kernel/hostname"),
            root: self.paths.root.display().to_string(),
            notes,
        })
    }
}
