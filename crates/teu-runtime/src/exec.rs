//! One more process in a container that runs.
use crate::error::{Stage, StartError};
use crate::parent::{Running, Stdio};
use crate::plan::ExecPlan;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

/// The container that a process goes into.
#[derive(Debug)]
pub struct Target<'fd> {
    /// Its first process.
    pub pidfd: BorrowedFd<'fd>,
    /// That process's number.
    pub pid: u32,
    /// Its cgroup v2 directory, with [`CgroupJoin::into_v2`](crate::CgroupJoin).
    pub cgroup_v2: Option<OwnedFd>,
}

/// Runs a program in the container.
pub fn exec(plan: &ExecPlan, into: Target<'_>, stdio: Stdio) -> Result<Running, StartError> {
    let _ = (plan, into, stdio);
    Err(StartError::new(Stage::Clone, "", &io::ErrorKind::Unsupported.into()))
}
