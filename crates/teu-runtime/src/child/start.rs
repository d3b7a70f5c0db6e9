//! K's way from clone to its program, told in order.

use super::report::{self, At, Failure, Step};
use super::{Root, Start, console, ids, init, program, root};
use crate::error::Stage;
use std::convert::Infallible;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use teu_kernel::clone::NewNamespaces;
use teu_kernel::{child_fs, prctl, unshare, uts};

/// Becomes the program. Returns only where that failed and the parent was told.
pub(crate) fn run(start: &Start, socket: BorrowedFd<'_>, parents_end: i32) -> u8 {
    child_fs::close_number(parents_end);
    let socket = match settle(start, socket) {
        Ok(()) => program::run(&start.program),
        Err(failure) => Err((failure, socket)),
    };
    let Err((failure, socket)) = socket;
    report::failure(socket, &failure);
    // Until the parent has looked into this container for the cause, it stays.
    report::wait_for_end(socket);
    1
}

/// Everything up to the point where only [`program::FIRST`] descriptors are left.
fn settle(start: &Start, socket: BorrowedFd<'_>) -> Step {
    // Nobody may look into this copy of the parent, and write its memory, while it sets up.
    prctl::set_dumpable(false).at(Stage::Clone, 0)?;
    ids::new_session(&start.program)?;
    if start.await_maps {
        report::wait_for(socket, b'm')?;
    }
    if start.become_root {
        ids::become_root()?;
    }
    for (index, file) in start.cgroup_files.iter().enumerate() {
        child_fs::write_at_once(file.as_fd(), b"0").at(Stage::Cgroup, index)?;
    }
    if start.new_cgroup_namespace {
        // Only now: a cgroup namespace begins where its maker stands.
        unshare::unshare(NewNamespaces::CGROUP).at(Stage::Cgroup, usize::MAX)?;
    }
    name_machine(start)?;
    if let Some(arguments) = start.program.init {
        init::take_name(arguments);
    }
    let terminal = enter_root(start, socket)?;
    program::set_stdio(&start.program, terminal)?;
    program::keep_only_stdio(socket)
}

fn name_machine(start: &Start) -> Step {
    if let Some(name) = &start.hostname {
        uts::set_hostname(name.to_bytes()).at(Stage::Hostname, 0)?;
    }
    if let Some(name) = &start.domainname {
        uts::set_domainname(name.to_bytes()).at(Stage::Hostname, 1)?;
    }
    Ok(())
}

/// Makes the container's root the root. Returns the container's end of its terminal.
fn enter_root(start: &Start, socket: BorrowedFd<'_>) -> Step<Option<OwnedFd>> {
    let wants_terminal = start.program.stdio.is_none();
    let make_terminal = |root: BorrowedFd<'_>, bind: bool| -> Step<Option<OwnedFd>> {
        if !wants_terminal {
            return Ok(None);
        }
        let terminal = console::make(root, &start.program, socket)?;
        if bind {
            console::bind(root, terminal.as_fd())?;
        }
        Ok(Some(terminal))
    };
    match &start.root {
        Root::Build(build) => {
            let terminal = root::build(build, |root| make_terminal(root, true))?;
            root::pivot(build)?;
            Ok(terminal)
        }
        Root::Chroot(directory) => {
            let terminal = make_terminal(directory.as_fd(), false)?;
            child_fs::change_directory(directory.as_fd())
                .and_then(|()| child_fs::chroot_here())
                .at(Stage::Pivot, 0)?;
            Ok(terminal)
        }
        Root::Joined => {
            let here = child_fs::place_here(c"/").at(Stage::Root, 0)?;
            make_terminal(here.as_fd(), false)
        }
    }
}

/// What never returns unless it failed; with the socket, whose number has changed meanwhile.
pub(super) type Never<'socket> = Result<Infallible, (Failure, BorrowedFd<'socket>)>;
