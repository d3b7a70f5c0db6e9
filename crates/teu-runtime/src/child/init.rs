//! teu's small init: PID 1 where the program asks for one (`--init`).
//!
//! ```text
//!  PID 1: forward signals, reap whoever ends        PID 2: the program
//!         ends with the program's status
//! ```
//! PID 1 stays a copy of the process that set the container up: nothing is executed, nothing has to
//! lie in the image. It has the program's user, rights and filter.

use super::Program;
use super::report::{At, Step};
use crate::error::Stage;
use std::os::fd::{AsRawFd, BorrowedFd};
use teu_kernel::clone::{self, exit_now};
use teu_kernel::libc::{SIGCHLD, SIGTTIN, SIGTTOU};
use teu_kernel::{child_fs, ids, prctl, sigaction, wait};

/// What `ps` shows. The program's exec gives it its own names again. While the host's /proc is there.
pub(super) fn take_name(arguments: (u64, u64)) {
    // Only names: PID 1 works the same without.
    prctl::set_name(c"teu-init").unwrap_or(());
    prctl::set_command_line(arguments, b"teu-init").unwrap_or(());
}

/// Returns in the program's process only.
pub(super) fn fork(program: &Program, socket: BorrowedFd<'_>) -> Step {
    // From before the fork on, so that no signal falls between.
    sigaction::block_all();
    let Some(child) = clone::fork().at(Stage::Exec, 0)? else {
        // Else a Ctrl-C would reach the program twice: from the terminal, and forwarded.
        let terminal = program.stdio.is_none().then(|| child_fs::borrowed(0)).transpose();
        terminal.and_then(ids::lead_foreground).at(Stage::Console, 4)?;
        sigaction::reset_all();
        return Ok(());
    };
    // The program's exec closes the other copy, and with that tells the parent.
    child_fs::close_number(socket.as_raw_fd());
    exit_now(serve(child))
}

/// Until the program ends. Then its other processes end too, killed by the kernel.
fn serve(program: u32) -> u8 {
    loop {
        match sigaction::wait() {
            Ok(SIGCHLD) => {
                while let Ok(Some((pid, ended))) = wait::try_wait_any() {
                    if pid == program {
                        return ended.shell_status();
                    }
                }
            }
            // Those of the terminal's own job control are not for the program.
            Ok(SIGTTIN | SIGTTOU) => {}
            // It may have ended meanwhile: SIGCHLD tells.
            Ok(signal) => sigaction::kill(program, signal).unwrap_or(()),
            Err(_) => return 125,
        }
    }
}
