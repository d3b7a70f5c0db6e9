//! Again: the container has ended and starts again in a while. The monitor keeps the time, and calls for
//! somebody to do it when it is due.
//!
//! What stays until then: the log, the socket, whoever is attached, and the network namespace, so that the
//! container keeps its address. Its root is given back, as after any end.

use crate::monitor::{Ended, Monitor, Phase};
use crate::request::{Refusal, Reply};
use crate::start::Answered;
use crate::visitor::VisitorId;
use std::time::{Duration, Instant};
use teu_oci::runtime::NamespaceKind;
use teu_runtime::StartFds;

impl Monitor {
    /// The visitor does what follows on the end, whoever was to do it.
    pub(crate) fn take_over(&mut self, from: VisitorId) -> Answered {
        let Phase::Ended(ended) = &mut self.phase else { return Err(Refusal::OutOfOrder) };
        ended.releaser = Some(from);
        self.let_go();
        Ok(Some(Reply::Done))
    }

    /// All that followed is done, but the start that comes in a while.
    pub(crate) fn again(&mut self, from: VisitorId, after_ms: u64) -> Answered {
        let Phase::Ended(ended) = &mut self.phase else { return Err(Refusal::OutOfOrder) };
        if ended.releaser != Some(from) {
            return Err(Refusal::OutOfOrder);
        }
        let wait = Duration::from_millis(after_ms);
        let exit = ended.exit.take();
        let again = Instant::now().checked_add(wait);
        *ended = Ended { exit, again, ..Ended::default() };
        self.let_go();
        self.swollen = true;
        Ok(Some(Reply::Done))
    }

    /// The root is taken down before the next start, which waits for its lock.
    fn let_go(&mut self) {
        self.namespaces.retain(|(kind, _)| *kind == NamespaceKind::Network);
        self.keep.clear();
    }

    pub(crate) fn waits_to_start_again(&self) -> bool {
        matches!(&self.phase, Phase::Ended(Ended { again: Some(_), .. }))
    }

    /// How long until the next start is due.
    pub(crate) fn again_in(&self) -> Option<Duration> {
        match &self.phase {
            // The command of the last end is about to leave: its end is awaited, not the time.
            Phase::Ended(Ended { again: Some(at), releaser: None, .. }) if self.after.is_none() => {
                Some(at.saturating_duration_since(Instant::now()))
            }
            _ => None,
        }
    }

    /// Calls for somebody, when it is time.
    pub(crate) fn start_again_if_due(&mut self) {
        if self.again_in() != Some(Duration::ZERO) {
            return;
        }
        let Phase::Ended(ended) = &mut self.phase else { return };
        ended.again = None;
        // Whoever waited for the last end has been told, and is on the way out.
        for visitor in self.visitors.values_mut() {
            visitor.releases = false;
        }
        self.see_to_release();
    }

    /// Before a start: namespaces of the last one are kept where the next process joins them.
    pub(crate) fn keep_joined(&mut self, fds: &StartFds) {
        let joined: Vec<_> = fds.join.iter().map(|(kind, _)| *kind).collect();
        self.namespaces.retain(|(kind, _)| joined.contains(kind));
    }
}
