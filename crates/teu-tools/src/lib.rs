//! The kernel's facilities by hand: what containers are made of, one piece at a time.
//!
//! ```text
//!  teu unshare --mount --pid --fork sh     unshare.rs: words → plan → apply.rs: the calls, in order
//!  teu explain ipc                         explain/: what a facility does, and what this kernel has of it
//! ```
//! Nothing here knows of containers, images or the state root.

#![expect(clippy::print_stderr, reason = "a door is what prints")]

mod apply;
mod explain;
mod unshare;

use std::ffi::OsString;
use std::fmt;
use std::io::Write;

/// A verb: its name, one line about it, and its entry, which returns the exit status.
pub type Tool = (&'static str, &'static str, fn(Vec<OsString>) -> u8);

/// Every verb of this door.
pub const TOOLS: &[Tool] = &[
    ("unshare", unshare::ABOUT, |words| answer("unshare", unshare::main(words))),
    ("explain", explain::ABOUT, |words| answer("explain", explain::main(words))),
];

/// Why a tool did not do what was asked.
#[derive(Debug)]
struct Refusal {
    message: String,
    code: u8,
}

impl Refusal {
    fn new(message: impl Into<String>) -> Refusal {
        Refusal { message: message.into(), code: 1 }
    }

    /// `attempt` failed because of `cause`.
    fn of(attempt: impl fmt::Display, cause: impl fmt::Display) -> Refusal {
        Refusal::new(format!("cannot {attempt}: {cause}"))
    }
}

fn answer(verb: &str, outcome: Result<u8, Refusal>) -> u8 {
    outcome.unwrap_or_else(|refusal| {
        eprintln!("teu {verb}: {}", refusal.message);
        refusal.code
    })
}

/// Writes `text`; a reader that is gone is no reason to fail.
fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.unwrap_or(());
}
