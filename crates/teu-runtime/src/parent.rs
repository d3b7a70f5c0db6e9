//! The parent's side of a start.
use crate::error::{Stage, StartError};
use crate::plan::{NamespaceKind, Plan};
use std::io;
use std::os::fd::OwnedFd;

/// Descriptors that go beside a plan.
#[derive(Debug)]
pub struct StartFds {
    /// The root, with [`RootSource::Descriptor`](crate::RootSource): a detached mount.
    pub root: Option<OwnedFd>,
    /// Standard input, output and error.
    pub stdio: Stdio,
    /// The cgroup v2 directory, with [`CgroupJoin::into_v2`](crate::CgroupJoin).
    pub cgroup_v2: Option<OwnedFd>,
    /// Namespaces to join that the plan has no path for.
    pub join: Vec<(NamespaceKind, OwnedFd)>,
}

/// Where a program reads and writes.
#[derive(Debug)]
pub enum Stdio {
    /// Input, output and error, as handed in.
    Fds([OwnedFd; 3]),
    /// A terminal made in the container; its master comes back in [`Running`].
    Terminal,
}

/// K, assembling its root or waiting at its gate. Dropped, it is killed and reaped.
#[derive(Debug)]
pub struct Cloned {
    /// Its number in the caller's PID namespace.
    pub pid: u32,
    /// It, whatever becomes of its number.
    pub pidfd: Option<OwnedFd>,
}

/// A program that runs.
#[derive(Debug)]
pub struct Running {
    /// Its number in the caller's PID namespace.
    pub pid: u32,
    /// It, whatever becomes of its number.
    pub pidfd: OwnedFd,
    /// The master of its terminal, if it has one.
    pub console_master: Option<OwnedFd>,
}

/// Makes K.
pub fn clone(plan: &Plan, fds: StartFds) -> Result<Cloned, StartError> {
    let _ = (plan, fds);
    Err(StartError::new(Stage::Clone, "", &io::ErrorKind::Unsupported.into()))
}

impl Cloned {
    /// A namespace of K's (an open file of `/proc/PID/ns`), for joining, and for keeping it alive.
    pub fn namespace(&self, kind: NamespaceKind) -> Result<OwnedFd, StartError> {
        Err(StartError::new(Stage::Open, kind.proc_name(), &io::ErrorKind::Unsupported.into()))
    }

    /// Waits until K stands at its gate, lets it through, and waits until it has become its program.
    pub fn go(self) -> Result<Running, StartError> {
        Err(StartError::new(Stage::Gate, "", &io::ErrorKind::Unsupported.into()))
    }
}
