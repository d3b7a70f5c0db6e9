//! Attach, input, size, signals, wait: what visitors ask of a process that runs.

use crate::exit::{SENT_MAX, Sent};
use crate::log::Timestamp;
use crate::monitor::{Ended, Monitor, Phase, as_fd, kernel_refused};
use crate::request::{Attach, Refusal, Reply, Target};
use crate::start::Answered;
use crate::visitor::VisitorId;
use teu_kernel::{pidfd, tty};

impl Monitor {
    /// From now on the visitor gets what the process writes. Before the start it may ask for the container's.
    pub(crate) fn attach(&mut self, from: VisitorId, target: Target, streams: Attach) -> Answered {
        let not_yet =
            target == Target::Container && matches!(self.phase, Phase::Empty | Phase::AtGate(_));
        if !not_yet {
            self.running_or_refuse(&target)?;
        }
        if let Some(visitor) = self.visitors.get_mut(&from) {
            visitor.attached = Some((target, streams));
        }
        Ok(Some(Reply::Done))
    }

    fn running_or_refuse(&self, target: &Target) -> Result<(), Refusal> {
        match (self.session(target), target) {
            (Some(_), _) => Ok(()),
            (None, Target::Container) => Err(Refusal::NotRunning),
            (None, Target::Exec(id)) => {
                let ended = self.ended_execs.iter().any(|(ended, _)| ended == id);
                Err(if ended { Refusal::NotRunning } else { Refusal::NoSuchExec })
            }
        }
    }

    /// Bytes for the standard input of the process that the visitor is attached to. Where nobody takes
    /// them they are lost, as in a closed pipe, but the visitor need not stop for that.
    pub(crate) fn stdin_came(&mut self, from: VisitorId, bytes: &[u8]) {
        let Some(visitor) = self.visitors.get_mut(&from) else { return };
        if !visitor.stdin_came(bytes.len()) {
            return visitor.dismiss();
        }
        let attached = visitor.attached.clone().filter(|(_, streams)| streams.stdin);
        let session = attached.and_then(|(target, _)| self.session_mut(&target));
        let taken = session.map_or(bytes.len(), |session| session.channels.take_input(from, bytes));
        if let (1.., Some(visitor)) = (taken, self.visitors.get_mut(&from)) {
            visitor.stdin_taken(taken);
        }
    }

    /// The visitor has no more of them.
    pub(crate) fn stdin_ended(&mut self, from: VisitorId) {
        let attached = self.visitors.get(&from).and_then(|visitor| visitor.attached.clone());
        if let Some((target, Attach { stdin: true, .. })) = attached
            && let Some(session) = self.session_mut(&target)
        {
            session.channels.end_input();
        }
    }

    pub(crate) fn resize(&mut self, target: &Target, rows: u16, columns: u16) -> Answered {
        self.running_or_refuse(target)?;
        let session = self.session(target).ok_or(Refusal::NotRunning)?;
        let terminal = session.channels.terminal().ok_or(Refusal::NoTerminal)?;
        tty::set_size(terminal, rows, columns).map_err(kernel_refused("the terminal's size"))?;
        Ok(Some(Reply::Done))
    }

    pub(crate) fn signal(&mut self, target: &Target, signal: i32, by: Option<String>) -> Answered {
        self.running_or_refuse(target)?;
        let session = self.session_mut(target).ok_or(Refusal::NotRunning)?;
        if let Some(by) = by {
            if session.sent.len() == SENT_MAX {
                session.sent.remove(0);
            }
            session.sent.push(Sent { signal, by, at: Timestamp::now() });
        }
        match pidfd::pidfd_send_signal(as_fd(&session.pidfd), signal) {
            Err(error) if error.raw_os_error() == Some(teu_kernel::libc::ESRCH) => {
                Err(Refusal::NotRunning)
            }
            other => {
                other.map_err(kernel_refused("the signal"))?;
                Ok(Some(Reply::Done))
            }
        }
    }

    /// The visitor wants to know when the process has ended. If it has, that comes right behind the answer.
    pub(crate) fn wait(&mut self, from: VisitorId, target: Target, release: bool) -> Answered {
        let exit = match (&target, &self.phase) {
            // Its next process is on its way: the next end is meant.
            (Target::Container, Phase::Ended(Ended { again: Some(_), .. })) => None,
            (Target::Container, Phase::Ended(ended)) => {
                Some(ended.exit.clone().ok_or(Refusal::NotRunning)?)
            }
            (Target::Container, Phase::Released) => return Err(Refusal::NotRunning),
            (Target::Container, _) => None,
            (Target::Exec(id), _) => self.ended_exec(id).and_then(|state| state.exit),
        };
        if exit.is_none() && target != Target::Container {
            self.running_or_refuse(&target)?;
        }
        let Some(visitor) = self.visitors.get_mut(&from) else { return Ok(None) };
        visitor.releases |= release;
        visitor.tell(&Reply::Done);
        visitor.waits.push(target.clone());
        if let Some(exit) = exit {
            // Whoever releases is told by `see_to_release`, if nobody else does it already.
            if target == Target::Container && release && self.nobody_releases() {
                return Ok(None);
            }
            self.tell_exit_to(from, &target, &exit);
        }
        Ok(None)
    }

    fn tell_exit_to(&mut self, to: VisitorId, target: &Target, exit: &crate::Exit) {
        if let Some(visitor) = self.visitors.get_mut(&to) {
            visitor.waits.retain(|waited| waited != target);
            let (target, exit) = (target.clone(), exit.clone());
            visitor.tell(&Reply::Exited { target, exit, release: false });
        }
    }
}
