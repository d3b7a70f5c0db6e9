//! Why a container ended, as far as its record tells. Pure.
//!
//! What is known for certain goes first: a signal that a verb of teu sent and that is the one that ended
//! it; then the kernel's own word (memory, a forbidden system call); then what the signal itself means. A
//! first process cannot be killed from inside its container, so any other signal came from outside.

use crate::{Exit, Signal, Timestamp};

/// Why it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The machine went down under it.
    Rebooted,
    /// Nobody saw it end.
    MonitorLost,
    /// A verb of teu sent the signal that ended it.
    Verb {
        /// Which.
        by: String,
        /// What it sent.
        signal: Signal,
        /// When.
        at: Timestamp,
    },
    /// It did not obey its stop signal in time, and was killed.
    StopTimeout {
        /// What it was asked with.
        signal: Signal,
        /// When.
        asked_at: Timestamp,
        /// When it was killed.
        killed_at: Timestamp,
    },
    /// Its health check failed, and it was killed for that.
    Unhealthy,
    /// The kernel killed its first process for want of memory.
    OutOfMemory,
    /// The kernel killed another of its processes for want of memory, and the first one ended then.
    ChildOutOfMemory,
    /// Its filter of system calls killed it.
    ForbiddenCall,
    /// A fault of its own, or an abort.
    Crash {
        /// As which signal that shows.
        signal: Signal,
    },
    /// Somebody outside of the container, not a verb of teu, sent it a signal.
    Outside {
        /// Which.
        signal: Signal,
    },
    /// By itself.
    Itself,
}

impl Cause {
    /// From how it ended.
    pub fn of(exit: &Exit) -> Cause {
        match exit.note.as_deref() {
            Some("the machine was restarted") => return Cause::Rebooted,
            Some(note) if note.starts_with("monitor lost") => return Cause::MonitorLost,
            _ => {}
        }
        if let Some(cause) = by_verb(exit) {
            return cause;
        }
        let Some(signal) = exit.signal else {
            return if exit.oom_killed && exit.code != 0 {
                Cause::ChildOutOfMemory
            } else {
                Cause::Itself
            };
        };
        match signal {
            Signal::KILL if exit.oom_killed => Cause::OutOfMemory,
            Signal(31) => Cause::ForbiddenCall,
            // ILL, TRAP, ABRT, BUS, FPE, SEGV: signal(7), "Core".
            Signal(4 | 5 | 6 | 7 | 8 | 11) => Cause::Crash { signal },
            _ => Cause::Outside { signal },
        }
    }
}

fn by_verb(exit: &Exit) -> Option<Cause> {
    let last = exit.sent.last()?;
    // One that handles its stop signal ends by itself, with a code of its own.
    let obeyed = exit.signal.is_none() && last.by != "attach" && last.signal != Signal::KILL;
    let obeyed = obeyed && is_soon(last.at, exit.finished_at);
    if exit.signal != Some(last.signal) && !obeyed {
        return None;
    }
    if last.by.starts_with("health") {
        return Some(Cause::Unhealthy);
    }
    let first = exit.sent.iter().rev().nth(1).filter(|first| first.by == last.by);
    Some(match first {
        Some(first) if last.signal == Signal::KILL && last.by != "kill" && !obeyed => {
            Cause::StopTimeout { signal: first.signal, asked_at: first.at, killed_at: last.at }
        }
        _ => Cause::Verb { by: last.by.clone(), signal: last.signal, at: last.at },
    })
}

/// An end so long after a signal may still be its consequence.
fn is_soon(sent: Timestamp, ended: Timestamp) -> bool {
    ended.age_since(sent).as_secs() < 60
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SentSignal;

    fn exit(code: u8, signal: Option<i32>, oom_killed: bool, sent: &[(&str, i32)]) -> Exit {
        let at = Timestamp(5_000_000_000);
        let sent = sent.iter().map(|(by, signal)| SentSignal {
            signal: Signal(*signal),
            by: (*by).to_string(),
            at,
        });
        Exit { signal: signal.map(Signal), oom_killed, sent: sent.collect(), ..Exit::new(code, at) }
    }

    #[test]
    fn causes() {
        let of =
            |code, signal, oom, sent: &[(&str, i32)]| Cause::of(&exit(code, signal, oom, sent));
        assert_eq!(of(0, None, false, &[]), Cause::Itself);
        assert_eq!(of(0, None, true, &[]), Cause::Itself);
        assert_eq!(of(137, None, true, &[]), Cause::ChildOutOfMemory);
        assert_eq!(of(137, Some(9), true, &[]), Cause::OutOfMemory);
        assert_eq!(of(137, Some(9), false, &[]), Cause::Outside { signal: Signal::KILL });
        assert_eq!(of(139, Some(11), false, &[]), Cause::Crash { signal: Signal(11) });
        assert_eq!(of(159, Some(31), false, &[]), Cause::ForbiddenCall);
        let kill = of(137, Some(9), true, &[("kill", 9)]);
        assert!(matches!(kill, Cause::Verb { ref by, .. } if by == "kill"), "{kill:?}");
        let timeout = of(137, Some(9), false, &[("stop", 15), ("stop", 9)]);
        assert!(matches!(timeout, Cause::StopTimeout { signal: Signal(15), .. }), "{timeout:?}");
        let stop = of(0, None, false, &[("stop", 15)]);
        assert!(matches!(stop, Cause::Verb { ref by, .. } if by == "stop"), "{stop:?}");
        assert_eq!(of(137, Some(9), false, &[("health", 9)]), Cause::Unhealthy);
        // A signal that it lived through is not why it crashed.
        let crash = of(139, Some(11), false, &[("kill", 10)]);
        assert_eq!(crash, Cause::Crash { signal: Signal(11) });
    }
}
