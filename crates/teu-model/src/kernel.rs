//! What of the machine a container shares, and what the kernel is told about it.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Namespaces that are not simply its own, and settings of the kernel for it.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct KernelRequest {
    /// Whose processes it sees.
    #[serde(skip_serializing_if = "is_default")]
    pub pid: Sharing,
    /// Whose System V objects, message queues and /dev/shm it uses.
    #[serde(skip_serializing_if = "is_default")]
    pub ipc: IpcRequest,
    /// Its host name is the host's own.
    #[serde(skip_serializing_if = "is_default")]
    pub uts_host: bool,
    /// The container whose network it joins; the request's network is `Joined` then.
    #[serde(skip_serializing_if = "is_default")]
    pub network_of: Option<String>,
    /// Bytes of /dev/shm; none means 64 MiB.
    #[serde(skip_serializing_if = "is_default")]
    pub shm_bytes: Option<u64>,
    /// Kernel settings of its namespaces: `net.core.somaxconn` → `256`.
    #[serde(skip_serializing_if = "is_default")]
    pub sysctls: BTreeMap<String, String>,
    /// Limits of each process.
    #[serde(skip_serializing_if = "is_default")]
    pub ulimits: Vec<Ulimit>,
    /// How readily it is killed when memory is short, −1000 to 1000.
    #[serde(skip_serializing_if = "is_default")]
    pub oom_score_adj: i32,
    /// Rules for device nodes, as typed: `c 42:* rmw`.
    #[serde(skip_serializing_if = "is_default")]
    pub device_rules: Vec<String>,
    /// Devices by their CDI names: `vendor.com/class=name`.
    #[serde(skip_serializing_if = "is_default")]
    pub cdi_devices: Vec<String>,
    /// Seconds by which its clocks are ahead: `monotonic`, `boottime`.
    #[serde(skip_serializing_if = "is_default")]
    pub time_offsets: BTreeMap<String, i64>,
    /// Free text for whoever reads it.
    #[serde(skip_serializing_if = "is_default")]
    pub annotations: BTreeMap<String, String>,
    /// Hardware address, `02:42:…`.
    #[serde(skip_serializing_if = "is_default")]
    pub mac: Option<String>,
}

impl KernelRequest {
    /// Nothing was asked for.
    pub fn is_default(&self) -> bool {
        is_default(self)
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Whose namespace it is in.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Sharing {
    /// Its own.
    #[default]
    Own,
    /// The host's.
    Host,
    /// Another container's.
    Container(String),
}

/// Whose IPC namespace it is in.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum IpcRequest {
    /// Its own, that nobody joins.
    #[default]
    Private,
    /// Its own, that others may join.
    Shareable,
    /// Its own, without /dev/shm.
    None,
    /// The host's.
    Host,
    /// Another container's.
    Container(String),
}

/// A limit of each process: `setrlimit(2)`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ulimit {
    /// `nofile`, `nproc`, …
    pub name: String,
    /// What is in force; −1 without limit.
    pub soft: i64,
    /// How far a process may raise it; −1 without limit.
    pub hard: i64,
}

/// docker's names of limits.
const ULIMITS: &[&str] = &[
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
];

impl Ulimit {
    /// From `name=soft[:hard]`, with docker's words for what is no limit.
    pub fn parse(text: &str) -> Result<Ulimit, String> {
        let bad = || format!("invalid ulimit argument: {text}");
        let (name, limits) = text.split_once('=').ok_or_else(bad)?;
        if !ULIMITS.contains(&name) {
            return Err(format!("invalid ulimit type: {name}"));
        }
        let number = |text: &str| text.parse::<i64>().ok().filter(|n| *n >= -1).ok_or_else(bad);
        let (soft, hard) = match limits.split_once(':') {
            Some((soft, hard)) => (number(soft)?, number(hard)?),
            None => (number(limits)?, number(limits)?),
        };
        if hard != -1 && (soft == -1 || soft > hard) {
            return Err(format!(
                "ulimit soft limit must be less than or equal to hard limit: {soft} > {hard}"
            ));
        }
        Ok(Ulimit { name: name.to_string(), soft, hard })
    }
}

#[test]
fn limits_of_processes() {
    let ulimit = |text: &str| Ulimit::parse(text).map(|limit| (limit.soft, limit.hard));
    assert_eq!(ulimit("nofile=1024:2048"), Ok((1024, 2048)));
    assert_eq!(ulimit("core=-1"), Ok((-1, -1)));
    assert_eq!(ulimit("core=0:-1"), Ok((0, -1)));
    for bad in ["nofile", "files=1", "nofile=2:1", "nofile=x", "nofile=-1:5", "nofile=-2"] {
        assert!(Ulimit::parse(bad).is_err(), "{bad}");
    }
}
