//! A container's root for those who stand outside: to read all of it, or to copy files from and to it.
//!
//! ```text
//!  running   bare    its root mount, copied in its mount namespace: nothing that is mounted in it is seen
//!            whole   /proc/PID/root: all that its processes see
//!  stopped   bare    an overlay of our own, attached nowhere, under the lock of the upper
//!            whole   the same in a mount namespace of our own, with its volumes and bind mounts
//! ```
//! Nothing of the container is run, and nothing stays in the host's mount table.

use crate::records::Container;
use crate::{Engine, EngineError};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use teu_kernel::clone::NewNamespaces;
use teu_kernel::flock::Lock;
use teu_kernel::{libc, mount, pidfd, setns, unshare};

/// A root, as long as it is looked at.
#[derive(Debug)]
pub(crate) struct View {
    /// The root directory.
    pub root: OwnedFd,
    /// What must live as long: the lock of the upper.
    _lock: Option<Lock>,
    /// A mount namespace that nobody else is in.
    _namespace: Option<OwnedFd>,
}

impl Engine {
    /// The container's root without what is mounted in it.
    pub(crate) fn bare_root(&self, container: &Container) -> Result<View, EngineError> {
        if let Some(running) = &container.state.running {
            let pid = running.pid;
            let root = in_a_thread(move || root_mount_of(pid));
            match root {
                Ok(root) if pidfd::start_time(pid) == Some(running.pid_start_ticks) => {
                    return Ok(View { root, _lock: None, _namespace: None });
                }
                // It has ended just now: then its upper is free, or soon will be.
                Ok(_) => {}
                Err(_) if pidfd::start_time(pid) != Some(running.pid_start_ticks) => {}
                Err(source) => return Err(cannot_look(container, source)),
            }
        }
        let (root, lock) = self.make_root(container, false)?;
        Ok(View { root, _lock: Some(lock), _namespace: None })
    }
}

fn cannot_look(container: &Container, source: io::Error) -> EngineError {
    EngineError::step(format!("look into the root of {}", container.id().short()), source)
}

/// Namespaces are a thread's own: what is entered here is left with it.
pub(crate) fn in_a_thread<T: Send>(work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    std::thread::scope(|scope| {
        scope.spawn(work).join().unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))
    })
}

/// A private copy of the mount that is the root of `pid`, without those below it.
fn root_mount_of(pid: u32) -> io::Result<OwnedFd> {
    let process = pidfd::pidfd_open(pid)?;
    // Root and working directory of its own, or it may not join (CLONE_FS, setns(2)).
    unshare::unshare(NewNamespaces::from_bits_retain(u64::from(libc::CLONE_FS.unsigned_abs())))?;
    setns::join_process(process.as_fd(), NewNamespaces::MOUNT)?;
    mount::clone_tree(mount::cwd(), Path::new("/"), false)
}
