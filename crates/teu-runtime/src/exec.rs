//! One more process in a container that runs: the last steps of a start, in namespaces that exist.
//!
//! ```text
//!  parent ── clone ──► helper: not dumpable, joins all by one setns(pidfd) ── clone ──► the process
//! ```
//! The process is the caller's child. It gets its own terminal from the container's devpts.

use crate::child::{self, Helper, Root, Start};
use crate::error::{Stage, StartError};
use crate::parent::{Names, Running, Stdio, from_helper, socket_pair};
use crate::plan::{ExecPlan, NamespaceKind};
use crate::prepare;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use teu_kernel::clone::{CloneArgs, NewNamespaces, clone3};
use teu_kernel::{child_fs, mount};

/// The container that a process goes into.
#[derive(Debug)]
pub struct Target<'fd> {
    /// Its first process.
    pub pidfd: BorrowedFd<'fd>,
    /// That process's number in the caller's PID namespace.
    pub pid: u32,
    /// Its cgroup v2 directory, with [`CgroupJoin::into_v2`](crate::CgroupJoin).
    pub cgroup_v2: Option<BorrowedFd<'fd>>,
}

/// Runs a program in the container.
pub fn exec(plan: &ExecPlan, into: Target<'_>, stdio: Stdio) -> Result<Running, StartError> {
    let failed = |error: io::Error| StartError::new(Stage::Clone, "", &error);
    let program = prepare::program(&plan.id, &plan.process, false, stdio)?;
    let names = Names::of_process(&plan.process, &program).joining(&plan.namespaces);
    let start = Start {
        cgroup_files: prepare::cgroup_files(&plan.process.cgroup.tasks)?,
        new_cgroup_namespace: false,
        await_maps: false,
        become_root: plan.namespaces.contains(&NamespaceKind::User),
        root: root_of(plan, &into)?,
        hostname: None,
        domainname: None,
        program,
    };
    let helper = Helper { join: joined(plan, &into)?, time: None, new: NewNamespaces::empty() };
    let (ours, its) = socket_pair().map_err(failed)?;
    let number = ours.as_raw_fd();
    let cgroup = into.cgroup_v2.filter(|_| plan.process.cgroup.into_v2);
    let args = CloneArgs { cgroup, ..CloneArgs::default() };
    let (_, helping) =
        clone3(&args, &mut || child::run_helper(&helper, &start, its.as_fd(), number))
            .map_err(failed)?;
    drop(its);
    from_helper(ours.as_fd(), helping.as_fd(), &names)?.go(ours, &names)
}

fn joined(plan: &ExecPlan, into: &Target<'_>) -> Result<Vec<(OwnedFd, NewNamespaces)>, StartError> {
    let kinds = prepare::flags(&plan.namespaces);
    if kinds.is_empty() {
        return Ok(Vec::new());
    }
    let pidfd = into.pidfd.try_clone_to_owned();
    let pidfd = pidfd.map_err(|error| StartError::new(Stage::Join, "", &error))?;
    Ok(vec![(pidfd, kinds)])
}

/// Joining a mount namespace takes its root, too. A container without one was only chrooted.
fn root_of(plan: &ExecPlan, into: &Target<'_>) -> Result<Root, StartError> {
    if plan.namespaces.contains(&NamespaceKind::Mount) {
        return Ok(Root::Joined);
    }
    let path = format!("/proc/{}/root", into.pid);
    let open = || {
        let root = mount::open_path(Path::new(&path))?;
        // The number was the container's while its pidfd says that it lives.
        teu_kernel::pidfd::pidfd_send_signal(into.pidfd, 0)?;
        child_fs::about(root.as_fd())?;
        Ok(root)
    };
    open().map(Root::Chroot).map_err(|error: io::Error| StartError::new(Stage::Open, path, &error))
}
