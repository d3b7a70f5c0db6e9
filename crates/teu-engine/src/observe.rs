//! What is true now, whatever was last written: a monitor or a command may have been killed since.

use crate::records::Container;
use std::sync::OnceLock;
use teu_kernel::pidfd;
use teu_model::{Exit, Paths, RunningState, SentSignal, Signal, Status, Timestamp};

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
    let status = container.state.status;
    let Some(running) = &container.state.running else { return Truth::AsRecorded };
    if status == Status::Restarting {
        return waiting(container, running);
    }
    if !status.is_alive() {
        return Truth::AsRecorded;
    }
    let lost = |note: &str| {
        // What nobody could read is told as 255.
        Truth::Ended(Exit { note: Some(note.to_string()), ..Exit::new(255, now()) })
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

/// Of one that has ended and waits to be started again.
fn waiting(container: &Container, running: &RunningState) -> Truth {
    if running.boot_id != boot_id() {
        let exit = container.state.exit.clone().unwrap_or_else(|| Exit::new(255, now()));
        return Truth::Ended(exit);
    }
    if monitor_lives(running) { Truth::AsRecorded } else { Truth::MonitorLost }
}

/// How the monitor saw it end, if it has.
pub(crate) fn exit_record(paths: &Paths, container: &Container) -> Option<Exit> {
    let exit = teu_monitor::Exit::read(&paths.container_run(container.id())).ok()??;
    Some(translate(&exit))
}

/// The monitor's words in the record's.
pub fn translate(exit: &teu_monitor::Exit) -> Exit {
    let sent = |sent: &teu_monitor::Sent| SentSignal {
        signal: Signal(sent.signal),
        by: sent.by.clone(),
        at: moment(sent.at),
    };
    Exit {
        oom_killed: exit.oom_killed,
        note: exit.error.clone(),
        signal: exit.signal.map(Signal),
        core_dumped: exit.core_dumped,
        sent: exit.sent.iter().map(sent).collect(),
        ..Exit::new(exit.code, moment(exit.finished_at))
    }
}

/// The monitor's moments in the record's.
pub(crate) fn moment(at: teu_monitor::Timestamp) -> Timestamp {
    Timestamp(at.unix_secs() * 1_000_000_000 + u64::from(at.nanos()))
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
