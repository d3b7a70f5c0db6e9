//! Control groups, whatever their version: what a container may use, what it used, and how to stop
//! all of it.
//!
//! # Layout
//!
//! Linux has one *hierarchy* of groups for each v1 controller (or several that are mounted together),
//! and one v2 hierarchy with the controllers that no v1 hierarchy took. [`Layout::discover`] asks the
//! machine once which it has: v1 only, v2 only, or both side by side ([`Mode`]). A [`Group`] is the
//! directory of the same name in all of them:
//!
//! ```text
//! /sys/fs/cgroup/memory/teu-ab12/<container>     v1, one of eight or so
//! /sys/fs/cgroup/unified/teu-ab12/<container>    v2 beside it: no limits, but cgroup.kill and cgroup.events
//! /sys/fs/cgroup/teu-ab12/<container>            v2 alone
//!                  parent   name
//! ```
//! Below the parent of a state root lie its containers and the leaf `monitors` ([`MONITORS`]). The
//! parent itself never holds a process, so that v2 lets its controllers be handed down. Under systemd
//! on v2 the parent is a delegated scope ([`Scope`]).
//!
//! # How a process gets in
//!
//! v1: it writes `0` to its own [`Group::join_files`] (`tasks`), which takes no lock of the whole
//! machine as `cgroup.procs` would (12.8 ms for the first write after a pause). v2, alone or beside v1:
//! it is born there, by `CLONE_INTO_CGROUP` with [`Group::v2_dir_fd`]. A process that is already there
//! and has one thread uses [`Group::join`].
//!
//! # Limits
//!
//! OCI's resources become a list of writes first (`limits/`, pure: whatever cannot be expressed is refused
//! before anything is made) and are carried out afterwards. A limit that was asked for is set or
//! refused by name; what was not asked for is not looked at.
//!
//! # Invariants
//!
//! - A group carries its owner's name, and its parent the state root's; nothing else on the machine is
//!   touched, except that the controllers are enabled from the top of v2 down to the parent.
//! - [`Group::create`] leaves nothing behind when it fails; [`Group::remove`] may be repeated.
//! - No scan of /proc: the number of other groups and processes costs nothing.

mod create;
mod dbus;
mod device_program;
mod devices;
mod error;
mod file;
#[doc(hidden)]
pub mod foreign;
mod freeze;
mod group;
mod kill;
mod layout;
mod limits;
mod list;
mod remove;
mod stats;
mod systemd;

pub use devices::default_device_rules;
pub use error::CgroupError;
pub use freeze::Freezer;
pub use group::{Group, MONITORS};
pub use layout::{Controller, Hierarchy, Layout, Mode, Version};
pub use list::list_groups;
pub use stats::{BlockIoStats, CpuStats, MemoryStats, PidsStats, Stats};
pub use systemd::Scope;
