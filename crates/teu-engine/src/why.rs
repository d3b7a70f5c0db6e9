//! Why a start or an exec failed, in words: the cause, one remedy, docker's exit code.

use crate::{Container, EngineError};
use std::os::fd::BorrowedFd;
use teu_runtime::diagnose::{Attempt, diagnose};
use teu_runtime::user::Ids;
use teu_runtime::{ProcessPlan, Stage, StartError};

/// A container's first process.
pub(crate) fn cannot_start(
    container: &Container,
    ids: &Ids,
    root: BorrowedFd<'_>,
    error: &StartError,
) -> EngineError {
    let process = &container.record.process;
    told(root, &process.args, &process.env, &process.cwd, ids, error)
}

/// An exec.
pub(crate) fn cannot_exec(
    process: &ProcessPlan,
    ids: &Ids,
    root: BorrowedFd<'_>,
    error: &StartError,
) -> EngineError {
    told(root, &process.args, &process.env, &process.cwd, ids, error)
}

fn told(
    root: BorrowedFd<'_>,
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
        && let Some(diagnosis) = diagnose(root, &[], &attempt)
    {
        // That nothing is there was said already; what the kernel's word leaves open is added.
        if !diagnosis.cause.starts_with("there is no ") {
            message = format!("{message}: {}", diagnosis.cause);
        }
        remedy = Some(diagnosis.remedy);
    }
    EngineError::CannotStart { message, remedy, exit_code: error.exit_code() }
}
