//! Waiting for a container's end: who waits hears once a second what for.

use crate::Container;
use std::time::{Duration, Instant};
use teu_model::Signal;
use teu_monitor::{Exited, Link, MonitorError};

/// A container that was sent a signal and has not ended.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// Its name.
    pub name: String,
    /// What it was sent.
    pub signal: Signal,
    /// How long it has before SIGKILL; none: for ever, or that was it.
    pub left: Option<Duration>,
    /// It is the first process of a process namespace and has no handler for the signal: the kernel drops it.
    pub deaf: bool,
}

/// Who hears.
pub(crate) type News<'n> = &'n dyn Fn(&Waiting);

/// How long, and for what.
pub(crate) struct Patience<'n> {
    pub container: &'n Container,
    pub signal: Signal,
    pub limit: Option<Duration>,
    pub news: News<'n>,
}

const EACH: Duration = Duration::from_secs(1);

impl Patience<'_> {
    /// Until the end that `link` watches, or the limit.
    pub fn wait(&mut self, link: &mut Link) -> Result<Option<Exited>, MonitorError> {
        let deadline = self.limit.map(|limit| Instant::now() + limit);
        loop {
            let left = deadline.map(|end| end.saturating_duration_since(Instant::now()));
            let pause = left.map_or(EACH, |left| left.min(EACH));
            match link.wait(Some(pause)) {
                Ok(None) if left.is_none_or(|left| left > pause) => {
                    let left = left.map(|left| left.saturating_sub(pause));
                    (self.news)(&self.told(left));
                }
                other => return other,
            }
        }
    }

    fn told(&self, left: Option<Duration>) -> Waiting {
        let pid = self.container.state.running.as_ref().map(|running| running.pid);
        Waiting {
            name: self.container.state.name.to_string(),
            signal: self.signal,
            left: left.filter(|_| self.signal != Signal::KILL),
            deaf: pid.is_some_and(|pid| is_deaf(pid, self.signal)),
        }
    }
}

/// `pid_namespaces(7)`: the first process of one gets only signals that it has a handler for.
fn is_deaf(pid: u32, signal: Signal) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let field = |name: &str| {
        let mut lines = status.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
    };
    let is_first = field("NSpid")
        .is_some_and(|pids| pids.split_ascii_whitespace().count() > 1 && pids.ends_with("\t1"));
    let caught = field("SigCgt").and_then(|mask| u64::from_str_radix(mask, 16).ok());
    let bit = u32::try_from(signal.0 - 1).ok().and_then(|shift| 1u64.checked_shl(shift));
    let handled = caught.zip(bit).is_none_or(|(caught, bit)| caught & bit != 0);
    is_first && !handled && signal != Signal::KILL
}
