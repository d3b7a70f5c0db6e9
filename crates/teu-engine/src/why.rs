//! Why a start or an exec failed, in words: the cause, one remedy, docker's exit code.

use crate::{Container, Engine, EngineError};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use teu_kernel::mount::open_path;
use teu_model::MountRequest;
use teu_runtime::diagnose::{Attempt, MountView, diagnose};
use teu_runtime::user::{self, Ids};
use teu_runtime::{ProcessPlan, Stage, StartError};

/// A container's first process.
pub(crate) fn cannot_start(
    container: &Container,
    ids: &Ids,
    root: BorrowedFd<'_>,
    error: &StartError,
) -> EngineError {
    let process = &container.record.process;
    let mounts = Mounts::of(container);
    told(root, &mounts.views(), &process.args, &process.env, &process.cwd, ids, error)
}

/// An exec: its root is the container's own, mounts included.
pub(crate) fn cannot_exec(
    process: &ProcessPlan,
    ids: &Ids,
    root: BorrowedFd<'_>,
    error: &StartError,
) -> EngineError {
    told(root, &[], &process.args, &process.env, &process.cwd, ids, error)
}

/// What of the request's mounts a root descriptor does not show.
struct Mounts<'c>(Vec<(&'c str, Option<OwnedFd>)>);

impl<'c> Mounts<'c> {
    fn of(container: &'c Container) -> Mounts<'c> {
        let one = |mount: &'c MountRequest| match mount {
            MountRequest::Bind { source, target, .. } => {
                (target.as_str(), open_path(Path::new(source)).ok())
            }
            MountRequest::Tmpfs { target, .. } => (target.as_str(), None),
            MountRequest::Volume { target, .. } => (target.as_str(), None),
        };
        Mounts(container.record.mounts().iter().map(one).collect())
    }

    fn views(&self) -> Vec<MountView<'_>> {
        self.0
            .iter()
            .map(|(destination, root)| MountView {
                destination,
                // Where it is asked for, the kernel says so of the source.
                noexec: false,
                root: root.as_ref().map(AsFd::as_fd),
            })
            .collect()
    }
}

impl Engine {
    /// Why a container's first process, which did start, ended at once with `code`: a library that is
    /// nowhere, a script its user may not read. The cause and one remedy, where they can be seen.
    ///
    /// Looked for in the image alone: where the container has written programs or libraries of its own,
    /// nothing is said.
    pub fn explain_end(&self, container: &Container, code: u8) -> Option<(String, String)> {
        if !matches!(code, 1 | 2 | 126 | 127) {
            return None;
        }
        let upper = self.writable_directory(container).join("upper");
        let own = ["bin", "lib", "lib32", "lib64", "sbin", "usr", "opt"];
        if self.whole_copy_of(container).is_some()
            || own.iter().any(|name| holds_something(&upper.join(name)))
        {
            return None;
        }
        let root = self.snapshots.ensure_root(&container.record.layers).ok()?;
        let root = open_path(&root.path).ok()?;
        let process = &container.record.process;
        let ids = user::resolve(root.as_fd(), &process.user, &process.groups).ok()?;
        let attempt = Attempt {
            program: process.args.first()?,
            env: &process.env,
            cwd: &process.cwd,
            ids: &ids,
            errno: None,
        };
        let mounts = Mounts::of(container);
        let found = diagnose(root.as_fd(), &mounts.views(), &attempt)?;
        (found.exit_code == code || code < 126).then_some((found.cause, found.remedy))
    }
}

/// Not the empty directory that was made for a mount.
fn holds_something(path: &Path) -> bool {
    match std::fs::read_dir(path) {
        Ok(mut entries) => entries.next().is_some(),
        Err(_) => path.symlink_metadata().is_ok(),
    }
}

fn told(
    root: BorrowedFd<'_>,
    mounts: &[MountView<'_>],
    args: &[String],
    env: &[String],
    cwd: &str,
    ids: &Ids,
    error: &StartError,
) -> EngineError {
    let mut message = error.to_string();
    if let Some(errno) = &error.source {
        message = format!("{message}: {errno}");
    }
    let mut remedy = error.hint().map(str::to_string);
    let program = args.first().map_or("", String::as_str);
    let errno = error.source.map_or(teu_kernel::libc::ENOENT, |errno| errno.0);
    let attempt = Attempt { program, env, cwd, ids, errno: Some(errno) };
    if matches!(error.stage, Stage::Find | Stage::Exec | Stage::WorkingDirectory)
        && let Some(diagnosis) = diagnose(root, mounts, &attempt)
    {
        // That nothing is there was said already; what the kernel's word leaves open is added.
        if !diagnosis.cause.starts_with("there is no ") {
            message = format!("{message}: {}", diagnosis.cause);
        }
        remedy = Some(diagnosis.remedy);
    }
    EngineError::CannotStart { message, remedy, exit_code: error.exit_code() }
}
