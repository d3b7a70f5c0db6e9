//! `kill`, `stop`, `wait`: how a running container is told to end, and how its end is awaited.

use crate::observe::{Truth, observe};
use crate::patience::{News, Patience};
use crate::records::{self, Container};
use crate::{Engine, EngineError};
use std::os::fd::AsFd;
use std::time::Duration;
use teu_kernel::pidfd;
use teu_model::{Exit, Signal, Status, Verb};
use teu_monitor::{Exited, Link, MonitorError, Target};

/// How long after SIGKILL the kernel may take to end a container (a process stuck in the disk).
pub(crate) const KILL_LIMIT: Duration = Duration::from_secs(30);
/// docker's patience when nobody says otherwise.
const STOP_TIMEOUT_S: i64 = 10;

impl Engine {
    /// Sends `signal` to the first process of the container that `given` names.
    pub fn kill(&self, given: &str, signal: Signal) -> Result<(), EngineError> {
        let container = self.running(given, Verb::Kill, "kill")?;
        let ends = [Signal::KILL, container.record.stop_signal].contains(&signal);
        if ends && self.want_end(&container)? {
            return Ok(());
        }
        self.send(&container, signal, "kill")?;
        self.let_it_end(&container, signal)
    }

    /// Asks it to end, waits for `timeout_s` (none: as it was created with, else ten seconds; negative: for
    /// ever), then kills it. One that does not run is stopped enough. Once a second `news` hears what is
    /// waited for.
    pub fn stop(
        &self,
        given: &str,
        signal: Option<Signal>,
        timeout_s: Option<i64>,
        news: News<'_>,
    ) -> Result<(), EngineError> {
        let container = records::find(&self.paths, given)?;
        if self.want_end(&container)? {
            self.tell_of(&container, "stop", &[]);
            return Ok(());
        }
        // It may have been started again while that was written down.
        let Some(container) = records::load(&self.paths, container.id())? else { return Ok(()) };
        if !self.status_now(&container).is_alive() {
            self.release(container.id())?;
            return Ok(());
        }
        let limit = self.patience(&container, timeout_s);
        let signal = signal.unwrap_or(container.record.stop_signal);
        if self.end_by(&container, signal, limit, news)?.is_none() {
            self.end_by(&container, Signal::KILL, Some(KILL_LIMIT), news)?
                .ok_or_else(|| will_not_end(&container))?;
        }
        self.tell_of(&container, "stop", &[]);
        Ok(())
    }

    /// How long an end by the stop signal is awaited: as asked, else as created; none means for ever.
    pub(crate) fn patience(
        &self,
        container: &Container,
        timeout_s: Option<i64>,
    ) -> Option<Duration> {
        let created_with = container.record.request.stop_timeout_s;
        let timeout_s = timeout_s.or(created_with).unwrap_or(STOP_TIMEOUT_S);
        u64::try_from(timeout_s).ok().map(Duration::from_secs)
    }

    /// Waits until the container that `given` names does not run, and tells how it ended.
    pub fn wait(&self, given: &str) -> Result<Exit, EngineError> {
        let container = records::find(&self.paths, given)?;
        match observe(&self.paths, &container) {
            Truth::Ended(exit) => Ok(exit),
            _ if matches!(container.state.status, Status::Created | Status::Exited) => {
                // docker: one that was never started counts as ended well.
                Ok(container
                    .state
                    .exit
                    .unwrap_or_else(|| Exit::new(0, container.record.created_at)))
            }
            _ => self
                .await_end(&container, |link| link.wait(None))?
                .ok_or_else(|| will_not_end(&container)),
        }
    }

    /// Kills it and waits for the end. The caller acts on the container, so what follows is the caller's;
    /// the monitor, if one is there, waits on the returned link to be told that it is done. It has
    /// written its record before it tells the end, so that nothing appears in a directory being removed.
    pub(crate) fn kill_and_wait(&self, container: &Container) -> Result<Option<Link>, EngineError> {
        let watching = self.link(container).ok().and_then(|mut link| {
            link.watch_exit(Target::Container, true).ok()?;
            Some(link)
        });
        match self.send(container, Signal::KILL, "rm") {
            // It ended by itself meanwhile.
            Err(EngineError::WrongState { .. }) => {}
            other => other?,
        }
        crate::pause::thaw(self, container)?;
        let Some(mut link) = watching else {
            return self.await_process(container).map(|()| None);
        };
        match link.wait(Some(KILL_LIMIT)) {
            Ok(Some(exited)) => Ok(exited.release.then_some(link)),
            Ok(None) => Err(will_not_end(container)),
            Err(_) => self.await_process(container).map(|()| None),
        }
    }

    /// Where no monitor tells the end, the process itself does.
    pub(crate) fn await_process(&self, container: &Container) -> Result<(), EngineError> {
        let id = container.id();
        let Some(running) = &container.state.running else { return Ok(()) };
        let Ok(process) = pidfd::pidfd_open(running.pid) else { return Ok(()) };
        if pidfd::start_time(running.pid) != Some(running.pid_start_ticks) {
            return Ok(());
        }
        let ended =
            teu_kernel::poll::wait_readable(process.as_fd(), KILL_LIMIT).map_err(|source| {
                EngineError::step(format!("wait for the end of {}", id.short()), source)
            })?;
        if ended { Ok(()) } else { Err(will_not_end(container)) }
    }

    /// A signal, then its end, if it comes within `limit`.
    fn end_by(
        &self,
        container: &Container,
        signal: Signal,
        limit: Option<Duration>,
        news: News<'_>,
    ) -> Result<Option<Exit>, EngineError> {
        self.send_unless_ended(container, signal, "stop")?;
        let mut patience = Patience { container, signal, limit, news };
        self.await_end(container, |link| patience.wait(link))
    }

    pub(crate) fn send_unless_ended(
        &self,
        container: &Container,
        signal: Signal,
        verb: &str,
    ) -> Result<(), EngineError> {
        match self.send(container, signal, verb) {
            // It ended by itself meanwhile.
            Err(EngineError::WrongState { .. }) => {}
            other => other?,
        }
        self.let_it_end(container, signal)
    }

    /// Waits for the end as `wait` does, and releases if the monitor asks this command to.
    fn await_end(
        &self,
        container: &Container,
        wait: impl FnOnce(&mut Link) -> Result<Option<Exited>, MonitorError>,
    ) -> Result<Option<Exit>, EngineError> {
        let mut link = match self.link(container) {
            Ok(link) => link,
            // Gone already, or while it was greeted: the end was as quick as the signal.
            Err(EngineError::Monitor(MonitorError::NotThere { .. } | MonitorError::Lost)) => {
                return self.ended_now(container);
            }
            Err(error) => return Err(error),
        };
        match link.watch_exit(Target::Container, true) {
            Err(MonitorError::Lost | MonitorError::Refused { .. }) => {
                return self.ended_now(container);
            }
            other => other?,
        }
        match wait(&mut link) {
            Ok(Some(exited)) => {
                let exit = crate::observe::translate(&exited.exit);
                self.after(link, exited.release, container)?;
                Ok(Some(exit))
            }
            Ok(None) => Ok(None),
            Err(MonitorError::Lost) => self.ended_now(container),
            Err(error) => Err(error.into()),
        }
    }

    /// What follows a container's end: released by this command if the monitor asked it, else the
    /// one who was asked is given the time to.
    fn after(&self, link: Link, release: bool, container: &Container) -> Result<(), EngineError> {
        if release { self.follow_up(link, container.id()) } else { self.release(container.id()) }
    }

    fn ended_now(&self, container: &Container) -> Result<Option<Exit>, EngineError> {
        self.release(container.id())?;
        let process = |one: &Container| {
            one.state.running.as_ref().map(|running| (running.pid, running.pid_start_ticks))
        };
        match records::load(&self.paths, container.id())? {
            Some(now) if now.state.status.is_alive() && process(&now) == process(container) => {
                Ok(None)
            }
            // Ended; another may run in its place already.
            Some(now) => Ok(now.state.exit),
            None => Ok(Some(Exit::new(0, crate::observe::now()))),
        }
    }

    /// To the monitor, which knows the process by descriptor; where it is gone, to the process itself,
    /// checked by its start.
    fn send(&self, container: &Container, signal: Signal, verb: &str) -> Result<(), EngineError> {
        self.send_untold(container, signal, verb)?;
        self.tell_of(container, "kill", &[("signal", &signal.0.to_string())]);
        Ok(())
    }

    fn send_untold(
        &self,
        container: &Container,
        signal: Signal,
        verb: &str,
    ) -> Result<(), EngineError> {
        match self.link(container) {
            Ok(mut link) => match link.signal(Target::Container, signal.0, Some(verb)) {
                Err(
                    MonitorError::Refused { why: teu_monitor::Refusal::NotRunning, .. }
                    | MonitorError::Lost,
                ) => Err(not_running(container, verb)),
                other => Ok(other?),
            },
            Err(_) => {
                let running =
                    container.state.running.as_ref().ok_or_else(|| not_running(container, verb))?;
                let process =
                    pidfd::pidfd_open(running.pid).map_err(|_| not_running(container, verb))?;
                if pidfd::start_time(running.pid) != Some(running.pid_start_ticks) {
                    return Err(not_running(container, verb));
                }
                pidfd::pidfd_send_signal(process.as_fd(), signal.0).map_err(|source| {
                    EngineError::step(
                        format!("send {signal} to {}", container.id().short()),
                        source,
                    )
                })
            }
        }
    }

    /// The same for a verb that wants it to run: one whose monitor has just gone does not any more.
    pub(crate) fn link_for(&self, container: &Container, verb: &str) -> Result<Link, EngineError> {
        self.link(container).map_err(|error| match error {
            EngineError::Monitor(MonitorError::NotThere { .. } | MonitorError::Lost) => {
                not_running(container, verb)
            }
            other => other,
        })
    }

    /// A conversation with a running container's monitor. A lost one is replaced first.
    pub(crate) fn link(&self, container: &Container) -> Result<Link, EngineError> {
        let run = self.paths.container_run(container.id());
        match teu_monitor::connect(&run) {
            Err(MonitorError::NotThere { .. })
                if observe(&self.paths, container) == Truth::MonitorLost =>
            {
                match self.adopt(container)? {
                    Some(link) => Ok(link),
                    None => Ok(teu_monitor::connect(&run)?),
                }
            }
            other => Ok(other?),
        }
    }

    /// The container that `given` names, if it runs.
    pub(crate) fn running(
        &self,
        given: &str,
        verb: Verb,
        word: &str,
    ) -> Result<Container, EngineError> {
        let container = records::find(&self.paths, given)?;
        match self.status_now(&container) {
            status if status.allows(verb) => Ok(container),
            Status::Paused => Err(is_paused(&container, word)),
            Status::Restarting => Err(is_restarting(&container, word)),
            _ => Err(not_running(&container, word)),
        }
    }

    /// The recorded status, corrected by what is true now.
    pub(crate) fn status_now(&self, container: &Container) -> Status {
        match observe(&self.paths, container) {
            Truth::Ended(_) => Status::Exited,
            Truth::AsRecorded | Truth::MonitorLost => container.state.status,
        }
    }
}

/// docker's words.
fn not_running(container: &Container, verb: &str) -> EngineError {
    let id = container.id();
    let message = match verb {
        "attach" => "You cannot attach to a stopped container, start it first".to_string(),
        "exec" | "pause" | "top" => format!("container {id} is not running"),
        "unpause" => format!("Container {id} is not paused"),
        _ => format!(
            "cannot {verb} container: {}: container {id} is not running",
            container.state.name
        ),
    };
    EngineError::WrongState { message, status: Status::Exited }
}

/// docker's words.
fn is_paused(container: &Container, verb: &str) -> EngineError {
    let id = container.id();
    let message = match verb {
        "attach" => "You cannot attach to a paused container, unpause it first".to_string(),
        "pause" => format!("Container {id} is already paused"),
        "exec" => format!(
            "Container {} is paused, unpause the container before exec",
            container.state.name
        ),
        _ => format!("Container {id} is paused, unpause the container before {verb}"),
    };
    EngineError::WrongState { message, status: Status::Paused }
}

/// docker's words.
fn is_restarting(container: &Container, verb: &str) -> EngineError {
    let message = match verb {
        "attach" => "You cannot attach to a restarting container, wait until it is running".into(),
        _ => format!(
            "Container {} is restarting, wait until the container is running",
            container.id()
        ),
    };
    EngineError::WrongState { message, status: Status::Restarting }
}

fn will_not_end(container: &Container) -> EngineError {
    EngineError::Step {
        attempt: format!("end the container {}", container.state.name),
        source: format!(
            "its first process still lives {} seconds after SIGKILL",
            KILL_LIMIT.as_secs()
        )
        .into(),
        hint: Some(
            "it may wait for a disk or a network file system: see its stack in /proc/PID/stack"
                .into(),
        ),
    }
}
