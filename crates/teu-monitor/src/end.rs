//! The end: recorded, told, and what follows on it handed to somebody.
//!
//! What follows (giving back the network, `--rm`, a restart) is engine work, which a monitor never does. It is
//! done by the first connected command that said it can; if there is none, or it leaves before it is
//! done, by a command that the monitor starts; and if that fails too, by whoever comes next and finds
//! `exit.json` and no monitor.

use crate::exit::Exit;
use crate::log::Timestamp;
use crate::monitor::{Ended, Monitor, Phase, as_fd};
use crate::request::{Command, Reply, Target};
use crate::session::Session;
use crate::visitor::VisitorId;
use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};
use teu_kernel::durable::{Durability, write_new};
use teu_kernel::{exec_self, pidfd, wait};

/// How long the parent of an adopted process may take to reap it before its status counts as lost.
const REAPED_WITHIN: Duration = Duration::from_secs(1);

impl Monitor {
    /// How a process ended that `poll(2)` says has; `None` where that cannot be known yet.
    pub(crate) fn exit_of(&self, session: &Session) -> Option<Exit> {
        let too_late = || self.look_again.is_some_and(|at| at <= Instant::now());
        match session.reap() {
            Ok(Some(exit)) if session.is_child => Some(exit),
            Ok(Some(exit)) => Some(self.with_loss(exit, None)),
            Ok(None) if session.is_child || !too_late() => None,
            _ => Some(self.lost(session.started_at)),
        }
    }

    fn lost(&self, started_at: Timestamp) -> Exit {
        self.with_loss(Exit::lost(started_at), Some("monitor lost"))
    }

    /// A container that lost its monitor and with it its terminal was ended for that.
    fn with_loss(&self, exit: Exit, loss: Option<&str>) -> Exit {
        let terminal = self.record.as_ref().is_some_and(|record| record.terminal);
        let loss = if terminal {
            Some("monitor lost, and the container's terminal with it")
        } else {
            loss
        };
        Exit { error: loss.map(str::to_string), ..exit }
    }

    /// There is no process to adopt any more.
    pub(crate) fn container_is_gone(&mut self, started_at: Timestamp) {
        let exit = self.lost(started_at);
        self.container_ended(exit);
    }

    /// An adopted process has ended, and its parent has not looked yet.
    pub(crate) fn wait_for_its_parent(&mut self) {
        self.look_again.get_or_insert(Instant::now() + REAPED_WITHIN);
    }

    /// Records and tells the container's end.
    pub(crate) fn container_ended(&mut self, mut exit: Exit) {
        self.look_again = None;
        self.end_health();
        if let Some(log) = &mut self.log {
            // A full disk must not keep the end from being told.
            log.finish().unwrap_or(());
        }
        let group = self.record.as_ref().and_then(|record| record.group.as_ref());
        exit.oom_killed = group.is_some_and(|group| group.oom_kills().is_ok_and(|kills| kills > 0));
        // Without the file only those who are connected learn how it ended; that is no reason not to tell them.
        exit.write(&self.run_dir).unwrap_or(());
        if let Some(word) = self.record.as_ref().and_then(|record| record.word.as_deref()) {
            // It may be there: somebody is acting on the container just now.
            write_new(word, b"", 0o600, Durability::ThisBoot).unwrap_or(());
        }
        let releaser = self.first_who_releases();
        self.tell_exit(&Target::Container, &exit, releaser);
        self.phase = Phase::Ended(Ended { exit: Some(exit), releaser, ..Ended::default() });
        self.see_to_release();
    }

    fn first_who_releases(&self) -> Option<VisitorId> {
        let ready =
            self.visitors.iter().find(|(_, visitor)| visitor.releases && !visitor.is_gone());
        ready.map(|(&id, _)| id)
    }

    pub(crate) fn nobody_releases(&self) -> bool {
        matches!(&self.phase, Phase::Ended(Ended { releaser: None, .. }))
    }

    /// Finds somebody to do what follows, where nobody does.
    pub(crate) fn see_to_release(&mut self) {
        if !self.nobody_releases() || self.waits_to_start_again() {
            return;
        }
        if let Some(id) = self.first_who_releases() {
            return self.hand_release_to(id);
        }
        if self.starter.is_some() || self.adopter.is_some() {
            // It will say that it is recorded, or that it does what follows; or leave.
            return;
        }
        let command = self.record.as_ref().and_then(|record| record.after_exit.clone());
        let Phase::Ended(ended) = &mut self.phase else { return };
        if self.after.is_some() {
            // It is about to connect.
            return;
        }
        let first_time = !std::mem::replace(&mut ended.after_was_started, true);
        let command = command.filter(|_| first_time);
        match command.map(|command| self.with_own_open_files(|| run(&command))) {
            Some(Ok(process)) => self.after = Some(process),
            // The next command finds the exit record, and does it.
            _ => self.leave(),
        }
    }

    fn hand_release_to(&mut self, id: VisitorId) {
        let Phase::Ended(ended) = &mut self.phase else { return };
        ended.releaser = Some(id);
        let exit = ended.exit.clone();
        if let (Some(exit), Some(visitor)) = (exit, self.visitors.get_mut(&id)) {
            visitor.waits.retain(|waited| *waited != Target::Container);
            let target = Target::Container;
            visitor.tell(&Reply::Exited { target, exit, release: true });
        }
    }

    /// What followed is done.
    pub(crate) fn released(&mut self, from: VisitorId) {
        let does_it = matches!(&self.phase, Phase::Ended(ended) if ended.releaser == Some(from));
        if does_it {
            self.leave();
        }
    }

    /// A visitor left; if it was the one to do what follows, or might have been, somebody else must.
    pub(crate) fn releaser_left(&mut self, id: VisitorId) {
        if let Phase::Ended(ended) = &mut self.phase {
            if ended.releaser == Some(id) {
                ended.releaser = None;
            }
            self.see_to_release();
        }
    }

    /// The command that was started for it ended. If it is done, it has said so before.
    pub(crate) fn after_ended(&mut self) {
        if let Some(after) = self.after.take() {
            // Reaped, so that it is no zombie; how it ended does not matter here.
            wait::try_wait(as_fd(&after)).map(drop).unwrap_or(());
        }
        self.see_to_release();
    }

    /// Nothing is left to do but to take down what was held.
    fn leave(&mut self) {
        self.phase = Phase::Released;
        self.listener = None;
        // Slow, beside a busy disk: nobody waits for it but the next start of this container, for the lock
        // that is among what is kept.
        self.namespaces.clear();
        self.keep.clear();
        self.record_lock = None;
    }
}

/// Starts this binary as another command.
fn run(command: &Command) -> io::Result<OwnedFd> {
    let strings = |list: &[String]| -> io::Result<Vec<CString>> {
        list.iter().map(|one| Ok(CString::new(one.as_str())?)).collect()
    };
    let binary = exec_self::own_binary()?;
    let (arguments, environment) = (strings(&command.arguments)?, strings(&command.environment)?);
    let pid = exec_self::spawn_detached(binary.as_fd(), &arguments, &environment, None, None)?;
    pidfd::pidfd_open(pid)
}
