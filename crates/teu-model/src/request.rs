//! What the engine is asked to do: rich enough for every door, and unable to contradict itself.
//!
//! Doors translate their words (docker's, CRI's) into these; the record on disk keeps them as asked.

use crate::{
    ContainerName, HealthRequest, KernelRequest, LogRequest, Platform, RestartRequest, Signal,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// A container to be made.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct CreateRequest {
    /// The image as typed: reference or id.
    pub image: String,
    /// The platform asked for; none means this machine's.
    pub platform: Option<Platform>,
    /// When to ask the registry.
    pub pull: Pull,
    /// A name; none lets teu choose.
    pub name: Option<ContainerName>,
    /// What runs in it.
    pub process: ProcessRequest,
    /// Host name; none means the id's first twelve digits (with the host's network: the host's name).
    pub hostname: Option<String>,
    /// NIS domain name.
    pub domainname: Option<String>,
    /// Labels, the image's beneath them.
    pub labels: BTreeMap<String, String>,
    /// What becomes of it when it ends.
    pub on_exit: OnExit,
    /// Whether it starts again then.
    #[serde(default, skip_serializing_if = "RestartRequest::is_default")]
    pub restart: RestartRequest,
    /// Mounts beside those that every container has.
    pub mounts: Vec<MountRequest>,
    /// `NAME[:ro]` of containers whose volumes and bind mounts it gets, too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volumes_from: Vec<String>,
    /// The root cannot be written.
    pub read_only_root: bool,
    /// Limits.
    pub resources: ResourceRequest,
    /// Rights.
    pub security: SecurityRequest,
    /// Device nodes of the host.
    pub devices: Vec<DeviceRequest>,
    /// Which network.
    pub network: NetworkRequest,
    /// Name servers instead of the host's.
    pub dns: Vec<IpAddr>,
    /// Domains to search instead of the host's; one of `.` means none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dns_search: Vec<String>,
    /// Options of the resolver instead of the host's: `ndots:2`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dns_options: Vec<String>,
    /// Ports that it says it serves, beside the image's: `80/tcp`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exposed: Vec<String>,
    /// Lines for /etc/hosts: name, address or `host-gateway`.
    pub extra_hosts: Vec<(String, String)>,
    /// What it shares with others, and settings of the kernel.
    #[serde(default, skip_serializing_if = "KernelRequest::is_default")]
    pub kernel: KernelRequest,
    /// Whether the container sees the host's cgroup paths.
    pub cgroup_namespace: CgroupNamespace,
    /// teu's init as PID 1.
    pub init: bool,
    /// Where its output is kept.
    #[serde(default, skip_serializing_if = "LogRequest::is_default")]
    pub log: LogRequest,
    /// How its health is looked at.
    #[serde(default, skip_serializing_if = "HealthRequest::is_default")]
    pub health: HealthRequest,
    /// What `stop` sends first; none means the image's, then SIGTERM.
    pub stop_signal: Option<Signal>,
    /// How long `stop` waits before SIGKILL; none means 10 seconds, −1 for ever.
    pub stop_timeout_s: Option<i64>,
    /// The door's own request, verbatim, for its `inspect`.
    pub as_asked: Option<String>,
}

/// A process in a container: its first one, or an exec.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ProcessRequest {
    /// Replaces the image's command; the arguments of the entrypoint, if there is one.
    pub args: Vec<String>,
    /// Replaces the image's entrypoint and drops its command. `Some(vec![])` means none at all.
    pub entrypoint: Option<Vec<String>>,
    /// `NAME=value`, over the image's.
    pub env: Vec<String>,
    /// Working directory, absolute.
    pub cwd: Option<String>,
    /// `user[:group]`, names or numbers.
    pub user: Option<String>,
    /// Groups beside the user's own.
    pub groups: Vec<String>,
    /// A terminal of its own.
    pub tty: bool,
    /// Its standard input stays open for writers.
    pub stdin: bool,
}

/// When `create` asks the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Pull {
    /// Only for what is not here.
    #[default]
    Missing,
    /// Each time.
    Always,
    /// Not at all.
    Never,
}

/// What becomes of a container when its first process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum OnExit {
    /// It stays, exited.
    #[default]
    Keep,
    /// It is removed with all it wrote.
    Remove,
}

/// Something visible in the container at `target`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MountRequest {
    /// A directory or file of the host.
    Bind {
        /// Absolute path on the host.
        source: String,
        /// Absolute path in the container.
        target: String,
        /// No writes through it.
        read_only: bool,
        /// How mounts travel; none means docker's `rprivate`.
        propagation: Option<BindPropagation>,
        /// Also what is mounted below `source`.
        recursive: bool,
        /// Make a missing source as a directory: docker's `-v` does, `--mount` does not.
        create_source: bool,
    },
    /// Memory.
    Tmpfs {
        /// Absolute path in the container.
        target: String,
        /// Bytes; none means half of the machine's memory.
        size_bytes: Option<u64>,
        /// Permission bits; none means 01777.
        mode: Option<u32>,
        /// Further options as typed: `ro`, `noexec`, `nr_inodes=…`.
        options: Vec<String>,
    },
    /// A directory that teu keeps by name.
    Volume {
        /// Its name; none: one is made for the container.
        name: Option<String>,
        /// Absolute path in the container.
        target: String,
        /// No writes through it.
        read_only: bool,
        /// What the image has there is not copied into an empty one.
        no_copy: bool,
        /// Only this directory of it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        subpath: Option<String>,
        /// Who makes it, where it is not there; none means `local`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        driver: Option<String>,
        /// The driver's options, where it is not there.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        options: BTreeMap<String, String>,
        /// Its labels, where it is not there.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        labels: BTreeMap<String, String>,
        /// It has no name of a user's, and may go with the container.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        anonymous: bool,
        /// docker's word for how it was asked for: `z`, `ro`, or nothing.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        mode: String,
    },
}

impl MountRequest {
    /// A volume with docker's defaults.
    pub fn volume(name: Option<String>, target: &str) -> MountRequest {
        MountRequest::Volume {
            name,
            target: target.to_string(),
            read_only: false,
            no_copy: false,
            subpath: None,
            driver: None,
            options: BTreeMap::new(),
            labels: BTreeMap::new(),
            anonymous: false,
            mode: String::new(),
        }
    }

    /// Where it is in the container.
    pub fn target(&self) -> &str {
        match self {
            MountRequest::Bind { target, .. }
            | MountRequest::Tmpfs { target, .. }
            | MountRequest::Volume { target, .. } => target,
        }
    }
}

/// `mount_namespaces(7)`, with docker's `r` forms for whole trees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are the kernel's and docker's, and say all")]
pub enum BindPropagation {
    Private,
    RPrivate,
    Shared,
    RShared,
    Slave,
    RSlave,
}

/// Limits; what is none is not limited.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct ResourceRequest {
    /// Bytes of memory, page cache included.
    pub memory_bytes: Option<u64>,
    /// Bytes below which memory is not reclaimed first.
    pub memory_reservation_bytes: Option<u64>,
    /// Bytes of memory and swap together; −1 without limit.
    pub memory_swap_bytes: Option<i64>,
    /// CPU time per second, in billionths: `--cpus 0.5` is 500,000,000.
    pub nano_cpus: Option<u64>,
    /// Relative weight, 2 to 262,144; 1,024 is the default.
    pub cpu_shares: Option<u64>,
    /// CPUs as a list: `0-2,4`.
    pub cpuset_cpus: Option<String>,
    /// Memory nodes as a list.
    pub cpuset_mems: Option<String>,
    /// Processes and threads; −1 without limit.
    pub pids: Option<i64>,
    /// Microseconds in which the quota is counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_period_us: Option<u64>,
    /// Microseconds of CPU time in each period; −1 without limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_quota_us: Option<i64>,
    /// The same for real-time scheduling (v1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_rt_period_us: Option<u64>,
    /// Likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_rt_runtime_us: Option<i64>,
    /// How readily memory is swapped out, 0 to 100 (v1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_swappiness: Option<u64>,
    /// Who finds no memory waits, instead of being killed (v1).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub oom_kill_disable: bool,
    /// Relative weight on block devices, 10 to 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blkio_weight: Option<u16>,
    /// The same for single devices.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blkio_weight_device: Vec<DeviceLimit>,
    /// Bytes read in a second.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub device_read_bps: Vec<DeviceLimit>,
    /// Bytes written in a second.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub device_write_bps: Vec<DeviceLimit>,
    /// Reads in a second.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub device_read_iops: Vec<DeviceLimit>,
    /// Writes in a second.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub device_write_iops: Vec<DeviceLimit>,
    /// Below which group the container's lies, from the top of each hierarchy; none means this root's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cgroup_parent: Option<String>,
}

/// A limit or weight for one block device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceLimit {
    /// Its node on the host.
    pub path: String,
    /// So much.
    pub value: u64,
}

/// Rights.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SecurityRequest {
    /// All capabilities, all devices, no seccomp, nothing masked.
    pub privileged: bool,
    /// Capabilities beside the default ones: `NET_ADMIN`, `ALL`.
    pub cap_add: Vec<String>,
    /// Capabilities taken away: names or `ALL`.
    pub cap_drop: Vec<String>,
    /// Which system calls are allowed.
    pub seccomp: Seccomp,
    /// No program gains rights by set-user-id bits.
    pub no_new_privileges: bool,
    /// Nothing of /proc and /sys is masked or read-only (`systempaths=unconfined`).
    pub unmasked_paths: bool,
}

/// Which system calls are allowed.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Seccomp {
    /// The default profile.
    #[default]
    Default,
    /// All.
    Unconfined,
    /// A profile in docker's JSON format, its text.
    Profile(String),
}

/// A device node of the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceRequest {
    /// Path on the host; a directory stands for all nodes below it.
    pub source: String,
    /// Path in the container.
    pub target: String,
    /// Any of `r`, `w`, `m`.
    pub access: String,
}

/// Which network a container is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum NetworkRequest {
    /// The default bridge.
    #[default]
    Bridge,
    /// Only a loopback device.
    None,
    /// The host's own.
    Host,
    /// That of another container: `kernel.network_of`.
    Joined,
}

/// Whether the container has a cgroup namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum CgroupNamespace {
    /// Its own: it sees its group as `/`.
    #[default]
    Private,
    /// The host's: it sees its real path.
    Host,
}
