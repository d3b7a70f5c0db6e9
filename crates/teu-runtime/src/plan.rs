//! What is to be done, decided without the kernel: a bundle's `config.json` in, a list of steps out.
//!
//! ```text
//! Spec ──Plan::new──► Plan ──(JSON, to the monitor)──► prepare.rs ──► child/
//!  asked               decided                          opened          done
//! ```
//!
//! A plan is plain data. It holds no descriptor: those go beside it, in [`StartFds`](crate::StartFds).
//! Whoever makes a plan may be another process than the one that carries it out.

mod devices;
mod mounts;
mod options;
mod policy;
mod process;
mod spec;
mod sysctl;

pub use devices::{DevicePlan, DeviceType};
pub(crate) use mounts::may_lie_in_proc;
pub use mounts::{CgroupHierarchy, MountPlan, MountSource};

use serde::{Deserialize, Serialize};
use std::path::PathBuf;
pub use teu_oci::runtime::{ConsoleSize, NamespaceKind};

/// A container's first process, from nothing to exec.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Names the session keyring, and whatever else wants a name.
    pub id: String,
    /// Namespaces that are made.
    pub new: Vec<NamespaceKind>,
    /// Namespaces that are joined, each by a descriptor handed in or by a path.
    pub join: Vec<Join>,
    /// With a new user namespace: the contents of `uid_map` and `gid_map`.
    pub id_maps: Option<IdMaps>,
    /// With a new time namespace: the content of `timens_offsets`.
    pub time_offsets: String,
    /// Where the root is.
    pub root: RootSource,
    /// Nothing in the root can be written once it is assembled.
    pub root_readonly: bool,
    /// How mounts travel between the root and what it was copied from.
    pub root_propagation: Travel,
    /// In order.
    pub mounts: Vec<MountPlan>,
    /// The nodes of /dev: empty where /dev is somebody else's (a bind mount).
    pub devices: Vec<DevicePlan>,
    /// The links of /dev: name, target.
    pub device_links: Vec<(String, String)>,
    /// Kernel settings: path below /proc/sys, value.
    pub sysctls: Vec<(String, String)>,
    /// Paths whose content is hidden.
    pub masked: Vec<String>,
    /// Paths that cannot be written.
    pub readonly: Vec<String>,
    /// Host name.
    pub hostname: Option<String>,
    /// NIS domain name.
    pub domainname: Option<String>,
    /// The program.
    pub process: ProcessPlan,
    /// Whether teu's small init is PID 1, and the program its child.
    pub init: bool,
}

/// One more process in a container that runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecPlan {
    /// Names the session keyring.
    pub id: String,
    /// The container's own namespaces: [`Plan::namespaces`].
    pub namespaces: Vec<NamespaceKind>,
    /// The program.
    pub process: ProcessPlan,
}

/// What both have: a program, and as whom and within which limits it runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessPlan {
    /// Its arguments, its own name first.
    pub args: Vec<String>,
    /// `NAME=value` each.
    pub env: Vec<String>,
    /// Working directory. Missing parts are made in a start, not in an exec.
    pub cwd: String,
    /// It gets a terminal made inside the container, of this size if one is given.
    pub terminal: bool,
    /// The terminal's size.
    pub console_size: Option<ConsoleSize>,
    /// User id inside.
    pub uid: u32,
    /// Group id inside.
    pub gid: u32,
    /// Supplementary groups; the whole list.
    pub groups: Vec<u32>,
    /// `umask(2)`.
    pub umask: u32,
    /// Capability sets.
    pub capabilities: CapabilitySets,
    /// Nothing it executes gains rights.
    pub no_new_privileges: bool,
    /// The filter of system calls, compiled.
    pub seccomp: Option<crate::seccomp::Program>,
    /// `RLIMIT_*` number, soft, hard.
    pub rlimits: Vec<(u32, u64, u64)>,
    /// `oom_score_adj`, as far as the machine lets it be lowered.
    pub oom_score_adj: Option<i32>,
    /// The cgroups it joins.
    pub cgroup: CgroupJoin,
}

/// Capabilities as bit masks: bit `n` is the capability with the number `n`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapabilitySets {
    /// What can be gained at all.
    pub bounding: u64,
    /// What is in force.
    pub effective: u64,
    /// What may be put in force.
    pub permitted: u64,
    /// What a file with inheritable capabilities may add to.
    pub inheritable: u64,
    /// What survives exec without being root.
    pub ambient: u64,
}

/// How a process gets into its cgroups.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CgroupJoin {
    /// Files into which the process itself writes `0`: v1 `tasks`, or v2 `cgroup.procs`.
    pub tasks: Vec<String>,
    /// A v2 group's directory comes as a descriptor, and the process is born in it.
    pub into_v2: bool,
}

/// A namespace to join.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Join {
    /// Which.
    pub kind: NamespaceKind,
    /// Its path; `None` where its descriptor is handed in.
    pub path: Option<String>,
}

/// The maps of a user namespace, as `/proc/PID/uid_map` takes them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdMaps {
    /// Users.
    pub uid: String,
    /// Groups.
    pub gid: String,
}

/// Where a root comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum RootSource {
    /// A detached mount, handed in.
    #[default]
    Descriptor,
    /// A directory of the host.
    Path(String),
}

/// How mounts and unmounts travel through a mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Travel {
    /// Which way.
    pub way: Way,
    /// For all mounts below, too.
    pub recursive: bool,
}

impl Default for Travel {
    fn default() -> Travel {
        Travel { way: Way::Private, recursive: true }
    }
}

/// `mount_namespaces(7)`, "Shared subtrees".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Way {
    /// Neither way.
    Private,
    /// Inwards only.
    Slave,
    /// Both ways.
    Shared,
    /// Neither way, and no bind mount of it.
    Unbindable,
}

/// What [`Plan::new`] must know beyond `config.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanFacts {
    /// The container's id.
    pub id: String,
    /// What a relative `root.path` and relative bind sources are relative to.
    pub bundle: PathBuf,
    /// The root comes as a descriptor; `root.path` is not looked at.
    pub root_by_descriptor: bool,
    /// The machine's cgroup hierarchies, for a mount of type `cgroup`.
    pub cgroups: Vec<CgroupHierarchy>,
    /// How the process joins its group.
    pub cgroup: CgroupJoin,
    /// These joined namespaces come as descriptors ([`StartFds`](crate::StartFds)), whatever path
    /// `config.json` has for them.
    pub joined_by_descriptor: Vec<NamespaceKind>,
    /// teu's small init is PID 1.
    pub init: bool,
}

impl Plan {
    /// A namespace that would be made is joined by a descriptor instead: it is left from an earlier process
    /// of the same container.
    pub fn join_instead(&mut self, kind: NamespaceKind) {
        if let Some(at) = self.new.iter().position(|new| *new == kind) {
            self.new.remove(at);
            self.join.push(Join { kind, path: None });
            self.join.sort_unstable_by_key(|join| join.kind);
        }
    }

    /// What is mounted at `target` (without `/` before) is handed in instead of made.
    pub fn mount_instead(&mut self, target: &str) {
        for mount in self.mounts.iter_mut().filter(|mount| mount.target == target) {
            mount.source = MountSource::Handed;
        }
    }

    /// The namespaces in which the container is not the host's: what an exec has to join.
    pub fn namespaces(&self) -> Vec<NamespaceKind> {
        let joined = self.join.iter().map(|join| join.kind);
        let mut all: Vec<_> = self.new.iter().copied().chain(joined).collect();
        all.sort_unstable();
        all
    }

    /// Whether the container has its own view of mounts.
    pub fn has_own_mounts(&self) -> bool {
        self.new.contains(&NamespaceKind::Mount)
    }
}
