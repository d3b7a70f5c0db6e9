//! Networks: a bridge, a pool of addresses, one nf_tables table, and each container's two ends of a cable.
//!
//! ```text
//!   container's namespace          host
//!   ┌────────────────────┐         ┌───────────────────────────────────────────────┐
//!   │ lo    127.0.0.1    │  veth   │ t<root><random>  port of                      │
//!   │ eth0  172.17.0.2 ──┼─────────┼──►  teu-<root>  172.17.0.1/16  ──┐            │
//!   │ default → .1       │         │     the bridge                   │ forwarded, │
//!   └────────────────────┘         │                                  ▼ masqueraded│
//!                                  │                      the host's other interfaces
//!                                  └───────────────────────────────────────────────┘
//! ```
//!
//! The verbs, in a container's order: [`Networks::ensure_default`] (once a bridge, then only
//! checks), [`Networks::lease`] (an address), [`Networks::attach`] (the cable), and at its end
//! [`Networks::release`]. Interfaces are never removed: they go with the container's namespace.
//! `ensure_default` and `attach` act in the calling thread's network namespace.
//!
//! On disk (`docs/formats/network.md`):
//! ```text
//!  <root>/networks/<id>/config.json         what was asked for; survives a reboot
//!  <root>/names/networks/<name>             → id
//!  <run>/networks/<id>/live.json            what stands in the kernel, and when it was last seen whole
//!  <run>/networks/<id>/addresses/<address>  one file with two names: the lease by its address,
//!  <run>/sandboxes/<id>/networks/<network>  and the same by its owner
//! ```
//!
//! Locks, in this order: `<root>/networks` while a network is made, `/proc/thread-self/ns/net` while
//! a pool is chosen and its route made (one lock for all state roots in that namespace), the
//! sandbox's directory while its leases are given back. Leases themselves need none: `link(2)`
//! decides who has an address.
//!
//! Invariants: nothing here grows with the number of containers, no rule and no map element is
//! added for one; other programs' rules are never changed, only ours are added beside them
//! (`forward.rs`); every global name carries the root's id.

mod attach;
mod bridge;
mod counters;
mod ensure;
mod error;
mod firewall;
mod forward;
mod gc;
mod hosts;
mod lease;
mod pool;
mod release;
mod resolv;
mod state;
mod sysctl;

pub use attach::{AttachOptions, Endpoint, loopback_up};
pub use counters::Traffic;
pub use error::NetworkError;
pub use gc::{HeldLease, Holdings};
pub use hosts::{HostEntry, hosts_file};
pub use lease::{Lease, Mac};
pub use pool::{BadPool, Pool};
pub use resolv::{DnsOptions, host_resolv_conf, resolv_conf};
pub use state::{Network, Note};

use teu_model::Paths;

/// The networks of one state root.
#[derive(Clone, Debug)]
pub struct Networks {
    paths: Paths,
}

impl Networks {
    /// Of the state root with these paths. Touches nothing yet.
    pub fn new(paths: &Paths) -> Networks {
        Networks { paths: paths.clone() }
    }

    /// The default network's bridge, `teu-<root>`.
    pub(crate) fn bridge_name(&self) -> String {
        format!("teu-{}", self.paths.id)
    }

    /// This root's table, and the comment on its rules in tables of others.
    pub(crate) fn table_name(&self) -> String {
        format!("teu_{}", self.paths.id)
    }

    /// What the host's ends of all cables of this root begin with.
    pub(crate) fn veth_prefix(&self) -> String {
        format!("t{}", self.paths.id)
    }
}
