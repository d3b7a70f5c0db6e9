//! What is true now, whatever was last written: a monitor or a command may have been killed since.

use crate::records::Container;
use std::sync::OnceLock;
use teu_kernel::pidfd;
use teu_model::{Exit, Paths, RunningState, Timestamp};

/// What a look at the machine adds to a container's state.
#[derive(Clone, Debug, PartialEq)]
pub enum Truth {
    /// The record is right.
    AsRecorded,
    /// It runs, but nobody watches it.
    MonitorLost,
    /// It has ended and nobody has cleaned up yet.
    Ended(Exit),
}

/// Compares the record with the machine. Takes no lock.
pub fn observe(paths: &Paths, container: &Container) -> Truth {
    let (true, Some(running)) = (container.state.status.is_alive(), &container.state.running)
    else {
        return Truth::AsRecorded;
    };
    let lost = |note: &str| {
        // What nobody could read is told as 255.
        Truth::Ended(Exit {
            code: 255,
            oom_killed: false,
            finished_at: now(),
            note: Some(note.to_string()),
        })
    };
    if running.boot_id != boot_id() {
        return lost("the machine was restarted");
    }
    if let Some(exit) = exit_record(paths, container) {
        return Truth::Ended(exit);
    }
    match (process_lives(running), monitor_lives(running)) {
        (true, true) => Truth::AsRecorded,
        (true, false) => Truth::MonitorLost,
        // The monitor is just now writing the exit record.
        (false, true) => Truth::AsRecorded,
        (false, false) => match exit_record(paths, container) {
            Some(exit) => Truth::Ended(exit),
            None => lost("monitor lost"),
        },
    }
}

/// How the monitor saw it end, if it has.
pub(crate) fn exit_record(paths: &Paths, container: &Container) -> Option<Exit> {
    let exit = teu_monitor::Exit::read(&paths.container_run(container.id())).ok()??;
    Some(translate(&exit))
}

/// The monitor's words in the record's.
pub(crate) fn translate(exit: &teu_monitor::Exit) -> Exit {
    let at = exit.finished_at;
    Exit {
        code: exit.code,
        oom_killed: exit.oom_killed,
        finished_at: Timestamp(at.unix_secs() * 1_000_000_000 + u64::from(at.nanos())),
        note: exit.error.clone(),
    }
}

fn process_lives(running: &RunningState) -> bool {
    pidfd::start_time(running.pid) == Some(running.pid_start_ticks)
}

pub(crate) fn monitor_lives(running: &RunningState) -> bool {
    pidfd::start_time(running.monitor_pid) == Some(running.monitor_start_ticks)
}

/// The clock, once a verb needs it.
pub(crate) fn now() -> Timestamp {
    Timestamp::from(std::time::SystemTime::now())
}

/// This boot's name: `random(4)`, /proc/sys/kernel/random/boot_id.
pub(crate) fn boot_id() -> &'static str {
    static BOOT_ID: OnceLock<String> = OnceLock::new();
    BOOT_ID.get_or_init(|| {
        // Without /proc nothing of teu works; an empty name then only means "another boot".
        let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        text.trim().to_string()
    })
}
