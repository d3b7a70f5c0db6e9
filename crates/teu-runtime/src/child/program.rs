//! The last steps, of a start and of an exec alike: from a process in its place to the program.

use super::report::{self, At, Failure, Step};
use super::start::Never;
use super::{Program, ids, init};
use crate::error::Stage;
use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use teu_kernel::libc::{EACCES, EINVAL, EISDIR, ENOENT, ENOTDIR, EPERM, EROFS};
use teu_kernel::{capability, child_fs, close_range, exec, seccomp, sigaction};

/// Where the socket is once everything else is closed.
const SOCKET: i32 = 3;

/// Descriptors 0, 1 and 2: those handed in, or the terminal.
pub(super) fn set_stdio(program: &Program, terminal: Option<OwnedFd>) -> Step {
    if let Some(terminal) = terminal {
        teu_kernel::ids::take_terminal(terminal.as_fd()).at(Stage::Console, 3)?;
        for number in 0..3 {
            child_fs::duplicate_to(terminal.as_fd(), number).at(Stage::Stdio, 0)?;
        }
        return Ok(());
    }
    let Some(stdio) = &program.stdio else { return Ok(()) };
    // None of the three has a number below 3 (prepare.rs): none is overwritten before its turn.
    for (number, file) in (0..).zip(stdio) {
        give_stream(program, file.as_fd()).at(Stage::Stdio, 1)?;
        child_fs::duplicate_to(file.as_fd(), number).at(Stage::Stdio, 0)?;
    }
    Ok(())
}

/// A program that opens /dev/stdout again needs to own what is behind. Files and devices of the
/// host stay whose they are.
fn give_stream(program: &Program, file: BorrowedFd<'_>) -> io::Result<()> {
    let about = child_fs::about(file)?;
    if program.uid == about.uid || !about.is_stream() {
        return Ok(());
    }
    match child_fs::give_to_user(file, program.uid) {
        // Somebody else's, beyond the rights of this user namespace: readable and writable as it is.
        Err(error) if matches!(error.raw_os_error(), Some(EPERM | EINVAL | EROFS)) => Ok(()),
        other => other,
    }
}

/// Closes everything but 0, 1, 2 and the socket, which becomes 3: from here on no path leads to a
/// descriptor of the host (CVE-2024-21626).
pub(super) fn keep_only_stdio(socket: BorrowedFd<'_>) -> Step {
    child_fs::duplicate_to_cloexec(socket, SOCKET).at(Stage::Close, 0)?;
    close_range::close_from(4).at(Stage::Close, 1)
}

/// To the gate, and through it into the program.
pub(super) fn run(program: &Program) -> Never<'static> {
    // The number was made in `keep_only_stdio`; there is nobody to tell if it were not there.
    let Ok(socket) = child_fs::borrowed(SOCKET) else { teu_kernel::clone::exit_now(1) };
    match to_gate(program, socket).and_then(|chosen| through_gate(program, chosen, socket)) {
        Err(failure) => Err((failure, socket)),
        Ok(never) => Ok(never),
    }
}

fn to_gate(program: &Program, socket: BorrowedFd<'_>) -> Step<usize> {
    let first_try = child_fs::change_directory_to(&program.cwd);
    sigaction::reset_all();
    teu_kernel::ids::umask(program.umask);
    if program.no_new_privileges {
        capability::set_no_new_privs().at(Stage::Capabilities, 5)?;
    }
    ids::take_ids(program)?;
    // On a network file system root may be nobody, and the user somebody.
    if let Err(error) = first_try {
        if error.raw_os_error() != Some(EACCES) {
            return Err(error).at(Stage::WorkingDirectory, 0);
        }
        child_fs::change_directory_to(&program.cwd).at(Stage::WorkingDirectory, 0)?;
    }
    check_cwd()?;
    let chosen = find(program)?;
    report::ready(socket).at(Stage::Gate, 0)?;
    report::wait_for(socket, b'g')?;
    Ok(chosen)
}

/// A working directory outside would be the host's (CVE-2024-21626). runc's words.
fn check_cwd() -> Step {
    match child_fs::current_directory_is_inside() {
        Ok(true) => Ok(()),
        Ok(false) => {
            let error = io::Error::from_raw_os_error(EPERM);
            let words = b"current working directory is outside of container mount namespace root";
            Err(Failure::new(Stage::WorkingDirectory, 0, &error).because(words))
        }
        Err(error) => Err(error).at(Stage::WorkingDirectory, 0),
    }
}

/// The number of the first candidate that can be executed. As Go's `exec.LookPath`, whose words callers match: on
/// the way through `$PATH` what is missing is passed over, and what may not be executed remembered.
fn find(program: &Program) -> Step<usize> {
    let mut denied = None;
    for (index, candidate) in program.candidates.iter().enumerate() {
        match may_run(candidate) {
            Ok(()) => return Ok(index),
            Err(error) if !program.from_path => return Err(error).at(Stage::Find, 0),
            Err(error) => match error.raw_os_error() {
                Some(ENOENT | ENOTDIR | EISDIR) => {}
                _ => denied = denied.or(Some(error)),
            },
        }
    }
    // Index 1: $PATH leads to nothing, or only to what may not be executed.
    Err(denied.unwrap_or_else(|| io::ErrorKind::NotFound.into())).at(Stage::Find, 1)
}

fn may_run(path: &CStr) -> io::Result<()> {
    let about = child_fs::about_path(path)?;
    if about.is_directory() {
        return Err(io::Error::from_raw_os_error(EISDIR));
    }
    if about.mode & 0o111 == 0 {
        return Err(io::Error::from_raw_os_error(EACCES));
    }
    child_fs::may_execute(path)
}

fn through_gate(
    program: &Program,
    chosen: usize,
    socket: BorrowedFd<'_>,
) -> Step<std::convert::Infallible> {
    // Without no_new_privs the filter wants a right that the program may not have: it comes first,
    // and must let the last calls through (docker's does). With it, it comes as late as can be.
    if !program.no_new_privileges {
        load_filter(program)?;
    }
    ids::take_capabilities(program)?;
    if program.no_new_privileges {
        load_filter(program)?;
    }
    if program.init.is_some() {
        init::fork(program, socket)?;
    }
    let path = &program.candidates[chosen];
    let error = exec::execve(path, &program.arguments, &program.environment);
    Err(error).at(Stage::Exec, chosen)
}

fn load_filter(program: &Program) -> Step {
    match &program.filter {
        Some((instructions, flags)) => {
            seccomp::set_filter(instructions, *flags).map(drop).at(Stage::Seccomp, 0)
        }
        None => Ok(()),
    }
}
