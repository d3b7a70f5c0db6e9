//! teu's own words: ids, names, references, requests, states.
//!
//! Pure: nothing here touches the kernel, a file or the clock. Every value that comes from outside
//! is parsed once, by the type that carries it; afterwards the type is the proof.

mod cause;
mod digest;
mod event;
mod health;
mod id;
mod kernel;
mod log_options;
mod name;
mod paths;
mod platform;
mod reference;
mod request;
mod restart;
mod signal;
mod state;
mod time;
mod undo;
mod units;

pub use cause::Cause;
pub use digest::{BadDigest, ChainId, DiffId, Digest};
pub use event::{Event, EventKind};
pub use health::{
    Health, HealthCheck, HealthRequest, HealthResult, HealthStatus, OnUnhealthy, Probe,
};
pub use id::{BadId, ContainerId, NetworkId, RootId};
pub use kernel::{IpcRequest, KernelRequest, Sharing, Ulimit};
pub use log_options::{
    DEV_LOG, LogDriver, LogLimits, LogRequest, Syslog, SyslogAddress, SyslogFormat,
};
pub use name::{BadName, ContainerName};
pub use paths::Paths;
pub use platform::{BadPlatform, Platform};
pub use reference::{BadReference, Reference};
pub use request::*;
pub use restart::{RestartPolicy, RestartRequest};
pub use signal::{BadSignal, Signal};
pub use state::*;
pub use time::{Timestamp, human_duration};
pub use undo::Undo;
pub use units::{BadSize, human_size, human_size_binary, parse_size};
