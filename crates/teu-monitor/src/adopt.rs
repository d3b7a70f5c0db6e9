//! Adopt: the monitor was killed, the container runs on, and this one takes its place.
//!
//! The first process is found by its number and the moment it started, its output by the names of its
//! FIFOs. Lost are: its standard input, half a line of the log, and execs' ends. Its own end is read from
//! the pidfd where the kernel tells (6.15), or from /proc if its parent is slow; else it is 255, "monitor lost". A container with a terminal has
//! lost that too, and is ended: most programs have ended by themselves when it hung up.

use crate::exit::Exit;
use crate::monitor::{Ended, Monitor, Phase};
use crate::request::{Record, RunFiles};
use crate::session::{Channels, Session};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use teu_kernel::flock::Lock;
use teu_kernel::libc::SIGKILL;
use teu_kernel::pidfd;

impl Monitor {
    pub(crate) fn adopt(&mut self) -> io::Result<()> {
        let path = self.run_dir.join(RunFiles::RECORD);
        let lock = Lock::try_exclusive(&path)?;
        // Another monitor is there.
        self.record_lock = Some(lock.ok_or(io::ErrorKind::AlreadyExists)?);
        let record: Record = serde_json::from_slice(&std::fs::read(&path)?)?;
        if record.version > crate::PROTOCOL_VERSION {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let exit = Exit::read(&self.run_dir)?;
        let process = exit.is_none().then(|| find(&record)).flatten();
        self.set_up(&record);
        let started_at = record.started_at;
        let channels = Channels::adopted(&self.run_dir, record.stdio);
        let (pid, start_time, terminal) = (record.pid, record.start_time, record.terminal);
        self.record = Some(record);
        match process {
            Some(pidfd) => {
                if terminal {
                    // Gone meanwhile is as good.
                    pidfd::pidfd_send_signal(pidfd.as_fd(), SIGKILL).unwrap_or(());
                }
                let health = self.record.as_ref().and_then(|record| record.health.clone());
                self.watch_health(health);
                self.phase = Phase::Running(Box::new(Session {
                    pid,
                    start_time,
                    pidfd,
                    channels,
                    started_at,
                    sent: Vec::new(),
                    is_child: false,
                    asked: Box::default(),
                }));
            }
            None => match exit {
                Some(exit) => {
                    let exit = Some(exit);
                    self.phase = Phase::Ended(Ended { exit, ..Ended::default() });
                }
                None => self.container_is_gone(started_at),
            },
        }
        Ok(())
    }
}

/// The process, if it is still the same.
fn find(record: &Record) -> Option<OwnedFd> {
    let process = pidfd::pidfd_open(record.pid).ok()?;
    (pidfd::start_time(record.pid)? == record.start_time).then_some(process)
}
