//! How a process ended; for the container's first, also the file `exit.json` that says so to those who
//! come when the monitor is gone.

use crate::log::Timestamp;
use crate::request::RunFiles;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::Path;
use teu_kernel::durable::{self, Durability};
use teu_kernel::wait::Ended;

/// The version of `exit.json`.
pub const EXIT_VERSION: u32 = 1;

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// 0 to 255, as a shell tells it: 128 and the signal's number where a signal ended it.
    pub code: u8,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// The kernel killed it, or a child of it, for want of memory.
    pub oom_killed: bool,
    /// Since when it ran.
    pub started_at: Timestamp,
    /// Until when.
    pub finished_at: Timestamp,
    /// The verb for which the last signal was sent from outside: `stop`, `kill`.
    pub stopped_by: Option<String>,
    /// The last signals that were sent for verbs, the newest last.
    #[serde(default)]
    pub sent: Vec<Sent>,
    /// It left a core.
    #[serde(default)]
    pub core_dumped: bool,
    /// What else is to be told: that nobody could read the status, for example.
    pub error: Option<String>,
}

/// A signal that a command asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// Its number.
    pub signal: i32,
    /// The verb.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// How many sent signals are remembered.
pub(crate) const SENT_MAX: usize = 4;

impl Exit {
    /// Of a process that ended just now.
    pub(crate) fn new(ended: Ended, started_at: Timestamp) -> Exit {
        let signal = match ended {
            Ended::Killed(signal) | Ended::Dumped(signal) => Some(i32::from(signal)),
            Ended::Exited(_) => None,
        };
        Exit {
            code: ended.shell_status(),
            signal,
            oom_killed: false,
            started_at,
            finished_at: Timestamp::now(),
            stopped_by: None,
            sent: Vec::new(),
            core_dumped: matches!(ended, Ended::Dumped(_)),
            error: None,
        }
    }

    /// Of a process whose status nobody could read.
    pub(crate) fn lost(started_at: Timestamp) -> Exit {
        Exit::new(Ended::Exited(255), started_at)
    }

    /// The record in `run_dir`, where the container's first process has ended.
    pub fn read(run_dir: &Path) -> io::Result<Option<Exit>> {
        let text = match std::fs::read(run_dir.join(RunFiles::EXIT)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let file: File = serde_json::from_slice(&text).map_err(io::Error::other)?;
        if file.version != EXIT_VERSION {
            return Err(io::Error::other(format!("exit.json has the version {}", file.version)));
        }
        Ok(Some(file.exit))
    }

    /// Writes the record.
    pub(crate) fn write(&self, run_dir: &Path) -> io::Result<()> {
        let text = serde_json::to_vec(&File { version: EXIT_VERSION, exit: self.clone() })?;
        durable::replace(&run_dir.join(RunFiles::EXIT), &text, 0o600, Durability::ThisBoot)
    }
}

#[derive(Serialize, Deserialize)]
struct File {
    version: u32,
    #[serde(flatten)]
    exit: Exit,
}

#[test]
fn the_record_comes_back() {
    let directory = teu_testkit::TempDir::new("exit");
    assert_eq!(Exit::read(&directory).unwrap(), None);
    let exit = Exit { oom_killed: true, ..Exit::lost(Timestamp::now()) };
    exit.write(&directory).unwrap();
    assert_eq!(Exit::read(&directory).unwrap(), Some(exit));
    std::fs::write(directory.join("exit.json"), "{\"version\":9}").unwrap();
    assert!(Exit::read(&directory).is_err());
}
