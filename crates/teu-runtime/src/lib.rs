//! A bundle and a root in, a process out.
//!
//! ```text
//!  parent (monitor)                     K (container's first process)
//!  Plan ─► prepare: open what it names
//!        ─► clone ──────────────────────► child/start.rs
//!                                           cgroups, root, mounts, /dev, masks, pivot_root
//!        ◄─ ready (and the terminal) ────   ids, capabilities, program found
//!  limits
//!        ── go ─────────────────────────►   filter of system calls, exec
//!        ◄─ (closed by exec) ────────────
//! ```
//! - [`Plan`]: everything that can be decided without the kernel is; plain data.
//! - [`clone`] makes K, which assembles its root on its own while others do theirs (network);
//!   [`Cloned::go`] lets it through its gate. A `Cloned` that is dropped takes K with it.
//! - [`exec`]: one more process in a container that runs, by the same last steps.
//!
//! Invariants: a path in the container is resolved beneath a descriptor of its root, and what was
//! resolved is used by descriptor, never by name again; every mount is made detached, gets its flags,
//! and only then a place; code between clone and exec (`child/`) allocates nothing and takes no lock.

pub mod capability;
mod child;
pub mod diagnose;
mod error;
mod exec;
mod parent;
mod plan;
mod prepare;
pub mod seccomp;
pub mod user;

pub use error::{Errno, PlanError, Stage, StartError};
pub use exec::{Target, exec};
pub use parent::{Cloned, Running, StartFds, Stdio, clone};
pub use plan::{
    CapabilitySets, CgroupHierarchy, CgroupJoin, ConsoleSize, DevicePlan, DeviceType, ExecPlan,
    IdMaps, Join, MountPlan, MountSource, NamespaceKind, Plan, PlanFacts, ProcessPlan, RootSource,
    Travel, Way,
};
