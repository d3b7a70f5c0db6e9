//! A container's life.
//!
//! ```text
//! Created ──start──► Running ──exit, kill──► Exited ──start──► Running
//!                    │    ▲  ▲ └──exit, with a restart policy──► Restarting ──stop──► Exited
//!                  pause  │  └───────────────when due───────────────┘
//!                    ▼    └ unpause, or a signal that ends it
//!                    Paused
//!
//! remove: from Created and Exited; else only by force
//! ```
//!
//! What the table does not allow is refused with the state in words; no other code compares states.

use crate::{
    ChainId, ContainerId, ContainerName, CreateRequest, DiffId, Digest, Health, HealthCheck,
    MountRequest, RestartRequest, Signal, Timestamp,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// Where in its life a container stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// Made, never started.
    Created,
    /// Its first process lives.
    Running,
    /// Its processes live, and stand still.
    Paused,
    /// Its first process has ended, and the next one will be started.
    Restarting,
    /// Its first process has ended.
    Exited,
}

/// What may be asked of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the verb of its name")]
pub enum Verb {
    Start,
    Attach,
    Exec,
    Kill,
    Pause,
    Unpause,
    Remove,
}

impl Status {
    /// The whole rule of what may be asked when.
    pub fn allows(self, verb: Verb) -> bool {
        use {Status::*, Verb::*};
        matches!(
            (self, verb),
            (Created | Exited, Start | Remove)
                | (Running, Attach | Exec | Kill | Pause)
                | (Paused, Kill | Unpause)
                | (Restarting, Kill)
        )
    }

    /// Whether it has processes, going on or standing still.
    pub fn is_alive(self) -> bool {
        matches!(self, Status::Running | Status::Paused)
    }

    /// docker's word for it.
    pub fn word(self) -> &'static str {
        match self {
            Status::Created => "created",
            Status::Running => "running",
            Status::Paused => "paused",
            Status::Restarting => "restarting",
            Status::Exited => "exited",
        }
    }
}

/// What never changes after `create`: `request.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Of this file's format.
    pub version: u32,
    /// Whose record it is.
    pub id: ContainerId,
    /// When it was made.
    pub created_at: Timestamp,
    /// The image's id.
    pub image: Digest,
    /// Names the image's stack of layers.
    pub chain: ChainId,
    /// The stack itself, lowest first.
    pub layers: Vec<DiffId>,
    /// As asked.
    pub request: CreateRequest,
    /// All mounts, where they are not simply the asked ones: volumes named, those of the image and of other
    /// containers among them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mounts: Vec<MountRequest>,
    /// As asked, completed by the image: what is run.
    pub process: Process,
    /// The image's labels and the request's.
    pub labels: BTreeMap<String, String>,
    /// Ports that it says it serves, the image's and the request's: `80/tcp`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub exposed: BTreeSet<String>,
    /// What `stop` sends first.
    pub stop_signal: Signal,
    /// How its health is looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<HealthCheck>,
}

impl Record {
    /// What is mounted in it beside what every container has.
    pub fn mounts(&self) -> &[MountRequest] {
        if self.mounts.is_empty() { &self.request.mounts } else { &self.mounts }
    }
}

/// A process, with nothing left to decide but what only its root can tell (user names, PATH).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Entrypoint and command; never empty.
    pub args: Vec<String>,
    /// How many of `args` are the entrypoint.
    pub entrypoint_len: usize,
    /// `NAME=value`, each name once.
    pub env: Vec<String>,
    /// Absolute.
    pub cwd: String,
    /// `user[:group]`; empty means root.
    pub user: String,
    /// Further groups.
    pub groups: Vec<String>,
    /// A terminal of its own.
    pub tty: bool,
    /// Standard input stays open.
    pub stdin: bool,
}

/// What changes: `state.json`, replaced whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Of this file's format.
    pub version: u32,
    /// Its name now.
    pub name: ContainerName,
    /// Where it stands, as last recorded.
    pub status: Status,
    /// Its first process, while it runs.
    pub running: Option<RunningState>,
    /// When it last started.
    pub started_at: Option<Timestamp>,
    /// How it last ended.
    pub exit: Option<Exit>,
    /// Why it last failed to start.
    pub start_error: Option<String>,
    /// What would help against that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_hint: Option<String>,
    /// Somebody asked it to stop or killed it by a verb.
    pub stopped_by_user: bool,
    /// While it is renamed: the name that it does not have yet, or no longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_name: Option<ContainerName>,
    /// What its last health checks found, once it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
    /// How often it was started again since somebody started it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub restart_count: u32,
    /// The next restart, or the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart: Option<Restart>,
    /// The policy since `update --restart`; none means as created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart_policy: Option<RestartRequest>,
    /// Its limits since `update`; none means as created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<crate::ResourceRequest>,
    /// While it moves below another control group: the parent that its group does not have yet, or no longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_cgroup_parent: Option<String>,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// One restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restart {
    /// When it is due.
    pub at: Timestamp,
    /// How long after the end that is.
    pub delay_ms: u64,
}

/// A running container's processes and network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunningState {
    /// Its first process, as the host counts.
    pub pid: u32,
    /// When that process started, in ticks since boot: with the number it names one process.
    pub pid_start_ticks: u64,
    /// Its monitor.
    pub monitor_pid: u32,
    /// When the monitor started, likewise.
    pub monitor_start_ticks: u64,
    /// The boot in which all this holds.
    pub boot_id: String,
    /// Where it is on the network.
    pub endpoint: Option<EndpointState>,
}

/// A container's place on its network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointState {
    /// Its address.
    pub address: Ipv4Addr,
    /// The network's prefix length.
    pub prefix: u8,
    /// The next hop.
    pub gateway: Ipv4Addr,
    /// Hardware address, `02:42:…`.
    pub mac: String,
    /// The host's end of the veth pair.
    pub host_interface: String,
}

/// How a first process ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// 0 to 255; 128 + n after signal n, 255 where nobody could read it.
    pub code: u8,
    /// Memory ran out and the kernel killed a process of the container.
    pub oom_killed: bool,
    /// When.
    pub finished_at: Timestamp,
    /// What else there is to say: `monitor lost`.
    pub note: Option<String>,
    /// The signal that ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<Signal>,
    /// It left a core.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub core_dumped: bool,
    /// The last signals that verbs of teu sent it, the newest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sent: Vec<SentSignal>,
    /// What the kernel said about it: whom it killed for want of memory, which call was forbidden.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kernel: Vec<String>,
}

/// A signal that a verb sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentSignal {
    /// Which.
    pub signal: Signal,
    /// The verb: `stop`, `kill`.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

impl Exit {
    /// With this code, and nothing more to say.
    pub fn new(code: u8, finished_at: Timestamp) -> Exit {
        Exit {
            code,
            oom_killed: false,
            finished_at,
            note: None,
            signal: None,
            core_dumped: false,
            sent: Vec::new(),
            kernel: Vec::new(),
        }
    }
}
