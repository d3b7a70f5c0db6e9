//! The container's terminal: made in its own devpts, the master handed to the parent.

use super::report::{self, At, Step};
use super::{Program, place};
use crate::error::Stage;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use teu_kernel::child_fs::{self, DEVPTS_MAGIC, Within};
use teu_kernel::libc::ENODEV;
use teu_kernel::{mount, tty};

/// Returns the container's end.
///
/// The end is reached by its master (`TIOCGPTPEER`), not by a name in /dev/pts that something else
/// could stand at (CVE-2025-52565).
pub(super) fn make(
    root: BorrowedFd<'_>,
    program: &Program,
    socket: BorrowedFd<'_>,
) -> Step<OwnedFd> {
    let (master, terminal) = open(root, program).at(Stage::Console, 0)?;
    report::console(socket, master.as_fd()).at(Stage::Console, 1)?;
    Ok(terminal)
}

fn open(root: BorrowedFd<'_>, program: &Program) -> io::Result<(OwnedFd, OwnedFd)> {
    let devpts = child_fs::directory(root, c"dev/pts", Within::Root)?;
    if child_fs::filesystem_magic(devpts.as_fd())? != DEVPTS_MAGIC {
        return Err(io::Error::from_raw_os_error(ENODEV));
    }
    let master = tty::open_master_of(devpts.as_fd())?;
    let terminal = tty::open_peer(master.as_fd())?;
    if let Some(size) = program.console_size {
        tty::set_size(master.as_fd(), size.height, size.width)?;
    }
    if program.uid != 0 {
        child_fs::give_to_user(terminal.as_fd(), program.uid)?;
    }
    Ok((master, terminal))
}

/// Lets /dev/console be this terminal.
pub(super) fn bind(root: BorrowedFd<'_>, terminal: BorrowedFd<'_>) -> Step {
    let bind = || {
        let dev = place::make_directory(root, c"dev")?;
        child_fs::make_file(dev.as_fd(), c"console", 0o600)?;
        let place = child_fs::place(dev.as_fd(), c"console", Within::NoLinks)?;
        let copy = mount::clone_tree(terminal, Path::new(""), false)?;
        mount::attach(copy.as_fd(), place.as_fd())
    };
    bind().at(Stage::Console, 2)
}
