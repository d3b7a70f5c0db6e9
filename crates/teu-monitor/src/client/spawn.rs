//! How a command gets a monitor: makes one, finds one, or makes one for a container that lost its own.

use super::Link;
use crate::error::MonitorError;
use crate::request::RunFiles;
use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use teu_kernel::{exec_self, mount, unix};
use teu_model::ContainerId;

/// The name under which this binary is a monitor: the first of its arguments.
pub const MONITOR_NAME: &str = "teu-monitor";
/// The last argument of a monitor that takes over a container.
pub(crate) const ADOPT: &str = "adopt";

/// Starts a monitor for the container whose directory below /run is `run_dir` (it exists), in the
/// monitors' cgroup of the v2 hierarchy, where that exists.
pub fn spawn(
    id: &ContainerId,
    run_dir: &Path,
    cgroup: Option<BorrowedFd<'_>>,
) -> Result<Link, MonitorError> {
    let binary = exec_self::own_binary().map_err(|source| MonitorError::Spawn { source })?;
    start(binary.as_fd(), id, run_dir, &[], cgroup)
}

/// The same, with a binary that is not this one. Its `main` hands over to [`stay`](crate::stay) when its
/// first argument is [`MONITOR_NAME`].
pub fn spawn_binary(
    binary: BorrowedFd<'_>,
    id: &ContainerId,
    run_dir: &Path,
) -> Result<Link, MonitorError> {
    start(binary, id, run_dir, &[], None)
}

/// Talks to the monitor that is there. [`MonitorError::NotThere`] where it ended or was killed.
pub fn connect(run_dir: &Path) -> Result<Link, MonitorError> {
    let socket = mount::open_path(run_dir)
        .and_then(|directory| unix::seqpacket_connect(directory.as_fd(), RunFiles::SOCKET));
    let run_dir = run_dir.to_path_buf();
    match socket {
        Ok(socket) => Link::new(socket, None),
        Err(source) => Err(match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                MonitorError::NotThere { run_dir }
            }
            _ => MonitorError::Connect { run_dir, source },
        }),
    }
}

/// Starts a monitor for a container that lost its own: it finds the first process again, reads on what that
/// writes, and tells its end. The caller holds the container's lock, and has found [`connect`] to
/// say [`MonitorError::NotThere`].
pub fn adopt(
    binary: BorrowedFd<'_>,
    id: &ContainerId,
    run_dir: &Path,
) -> Result<Link, MonitorError> {
    start(binary, id, run_dir, &[ADOPT], None)
}

fn start(
    binary: BorrowedFd<'_>,
    id: &ContainerId,
    run_dir: &Path,
    more: &[&str],
    cgroup: Option<BorrowedFd<'_>>,
) -> Result<Link, MonitorError> {
    let started = || -> io::Result<_> {
        let (ours, theirs) = unix::seqpacket_pair()?;
        let mut arguments = vec![CString::new(MONITOR_NAME)?, CString::new(id.as_str())?];
        arguments.push(CString::new(run_dir.as_os_str().as_bytes())?);
        for word in more {
            arguments.push(CString::new(*word)?);
        }
        let pid = exec_self::spawn_detached(binary, &arguments, &[], Some(theirs.as_fd()), cgroup)?;
        Ok((ours, pid))
    };
    let (socket, pid) = started().map_err(|source| MonitorError::Spawn { source })?;
    Link::new(socket, Some(pid))
}
