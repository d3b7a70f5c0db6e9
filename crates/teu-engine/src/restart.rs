//! `restart`, and restarts by policy: one way for both.
//!
//! ```text
//!  it ends ─► M records it, hands what follows to somebody ─► released: Restarting, due at …, cgroup back
//!          ─► "again in so many ms" ─► M keeps the time ─► `after-exit` ─► the same M starts the next process
//! ```
//! The verb only sends its signals under its own name: an end that follows on them is followed by a start,
//! whoever releases it, and whatever becomes of the command. What stays between two processes is what M
//! holds: log, socket, network namespace, and the address that belongs to it.
//!
//! `stop`, `kill` and `rm` write down that the user wants an end before they ask for it.

use crate::action::Action;
use crate::observe::{Truth, boot_id, now, observe};
use crate::patience::{News, Patience};
use crate::records::{self, Container};
use crate::release::{destroy, give_back, release_ended};
use crate::stop::KILL_LIMIT;
use crate::{Engine, EngineError, StartOptions, Started, files};
use std::time::Duration;
use teu_model::{
    ContainerId, Exit, Restart, RestartPolicy, RestartRequest, Signal, Status, Timestamp,
};
use teu_monitor::{Link, MonitorError, NamespaceKind, Target};

/// The name under which the verb sends its signals.
const VERB: &str = "restart";

/// What is done with a container that ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    pub restart: Restart,
    /// By policy, and counted; not by the verb.
    pub by_policy: bool,
}

/// Whether, and when, a container that ended so starts again. Its record is as it was while it ran.
pub(crate) fn due(container: &Container, exit: &Exit) -> Option<Due> {
    let state = &container.state;
    let running = state.running.as_ref().filter(|_| state.status.is_alive())?;
    if running.boot_id != boot_id() {
        return None;
    }
    let at = |delay: Duration| Restart {
        at: Timestamp(exit.finished_at.0.saturating_add(nanos(delay))),
        delay_ms: u64::try_from(delay.as_millis()).unwrap_or(u64::MAX),
    };
    let by = exit.sent.last().map_or("", |sent| &sent.by);
    if by == "health-stop" {
        return None;
    }
    if by == VERB || by == "health-restart" {
        return Some(Due { restart: at(Duration::ZERO), by_policy: false });
    }
    let request = container.restart_request();
    if state.stopped_by_user || !request.again_after(exit.code, state.restart_count) {
        return None;
    }
    let ran = exit.finished_at.age_since(state.started_at.unwrap_or(exit.finished_at));
    let last = state.restart.map(|last| Duration::from_millis(last.delay_ms));
    Some(Due { restart: at(request.delay(last, ran)), by_policy: true })
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl Container {
    /// Its restart policy now.
    pub fn restart_request(&self) -> RestartRequest {
        self.state.restart_policy.unwrap_or(self.record.request.restart)
    }
}

impl Engine {
    /// Stops the container that `given` names, as `stop` does, and starts it again; one that does not run is
    /// started. It keeps its monitor, and with it log and address. `news` hears as `stop`'s does.
    pub fn restart(
        &self,
        given: &str,
        signal: Option<Signal>,
        timeout_s: Option<i64>,
        news: News<'_>,
    ) -> Result<Vec<String>, EngineError> {
        let container = records::find(&self.paths, given)?;
        let id = container.id().clone();
        // Kept until the next process runs, so that the monitor does not call for somebody else.
        let mut watching = None;
        if self.status_now(&container).is_alive() {
            match self.link(&container) {
                Ok(mut link) => {
                    let watches = link.watch_exit(Target::Container, true).is_ok();
                    watching = watches.then_some(link);
                }
                // It ended just now.
                Err(EngineError::Monitor(MonitorError::NotThere { .. } | MonitorError::Lost)) => {}
                Err(error) => return Err(error),
            }
            self.ask_to_end(&container, signal, timeout_s, watching.as_mut(), news)?;
        }
        let action = Action::begin(self, &id)?;
        release_ended(self, &id)?;
        let Some(mut container) = records::load(&self.paths, &id)? else {
            action.done()?;
            return Err(EngineError::NoSuchContainer { given: given.to_string() });
        };
        let started = match container.state.status {
            Status::Restarting => Some(self.start_waiting(container, action)?),
            Status::Created | Status::Exited => {
                // It ended otherwise than by this verb: then its monitor lets go of the root, and another begins.
                watching.take().map_or(Ok(()), Link::released).unwrap_or(());
                container.state.restart_count = 0;
                Some(self.start_held(container, action, &StartOptions::default())?)
            }
            // Somebody was faster.
            _ => {
                action.done()?;
                None
            }
        };
        let container = records::find(&self.paths, id.as_str())?;
        self.tell_of(&container, "restart", &[]);
        Ok(started.map(|started| started.warnings).unwrap_or_default())
    }

    /// The stop signal, then SIGKILL, under the name of this verb.
    fn ask_to_end(
        &self,
        container: &Container,
        signal: Option<Signal>,
        timeout_s: Option<i64>,
        watching: Option<&mut Link>,
        news: News<'_>,
    ) -> Result<(), EngineError> {
        let limit = self.patience(container, timeout_s);
        let first = signal.unwrap_or(container.record.stop_signal);
        self.send_unless_ended(container, first, VERB)?;
        let Some(link) = watching else { return self.await_process(container) };
        let mut patience = Patience { container, signal: first, limit, news };
        if matches!(patience.wait(link), Ok(None)) {
            self.send_unless_ended(container, Signal::KILL, VERB)?;
            // Where the monitor is lost meanwhile, what it left is released all the same.
            link.wait(Some(KILL_LIMIT)).map(drop).unwrap_or(());
        }
        Ok(())
    }

    /// Starts the next process of a container that waits for it, through the monitor that it has. Where that
    /// was killed, through another one; then its address may change.
    pub(crate) fn start_waiting(
        &self,
        container: Container,
        action: Action,
    ) -> Result<Started, EngineError> {
        let options = StartOptions::default();
        let run = self.paths.container_run(container.id());
        let taken = teu_monitor::connect(&run).and_then(|mut link| {
            link.take_over()?;
            let held = link.namespaces()?;
            Ok((link, held))
        });
        match taken {
            Ok((link, held)) => {
                let network = held.into_iter().find(|(kind, _)| *kind == NamespaceKind::Network);
                self.start_by(container, action, link, network.map(|(_, fd)| fd), &options)
            }
            Err(_) => {
                self.networks.release(container.id())?;
                self.start_held(container, action, &options)
            }
        }
    }

    /// What follows an end, and telling the monitor at the other end of `link`, which asked for it, that it
    /// is done, or when it has to call again.
    pub fn follow_up(&self, link: Link, id: &ContainerId) -> Result<(), EngineError> {
        if let Some(action) = Action::begin_unless(self, id, || self.is_released(id))? {
            release_ended(self, id)?;
            action.done()?;
        }
        let left = match records::load(&self.paths, id)? {
            Some(container) if container.state.status == Status::Restarting => left(&container),
            // What was to be done is done; a monitor that has gone meanwhile need not be told.
            _ => {
                return match link.released() {
                    Err(MonitorError::Lost) => Ok(()),
                    other => Ok(other?),
                };
            }
        };
        let mut link = link;
        // Refused where somebody else has started it meanwhile.
        link.again(left).or(Ok(()))
    }

    /// Whether somebody has done what follows on its end. A start that did waits for the monitor to let go of
    /// the root, and the monitor for the command that it had asked: that one must not wait for the start.
    fn is_released(&self, id: &ContainerId) -> Result<bool, EngineError> {
        let status = records::load(&self.paths, id)?.map(|container| container.state.status);
        Ok(matches!(status, None | Some(Status::Created | Status::Exited)))
    }

    /// What `teu after-exit ID` does: the monitor asks for it when nobody else is there, and when a restart
    /// is due.
    pub fn after_exit(&self, id: &ContainerId) -> Result<(), EngineError> {
        let Some(action) = Action::begin_unless(self, id, || self.is_released(id))? else {
            let done = |mut link: Link| link.take_over().and_then(|()| link.released());
            let link = teu_monitor::connect(&self.paths.container_run(id));
            return link.and_then(done).or(Ok(()));
        };
        release_ended(self, id)?;
        let waiting = records::load(&self.paths, id)?
            .filter(|container| container.state.status == Status::Restarting);
        let link = teu_monitor::connect(&self.paths.container_run(id)).ok();
        match waiting {
            Some(container) if left(&container) == Duration::ZERO => {
                drop(link);
                self.start_waiting(container, action).map(drop)
            }
            Some(container) => {
                action.done()?;
                // Both fail where it has been started or stopped meanwhile.
                link.map_or(Ok(()), |mut link| {
                    link.take_over().and_then(|()| link.again(left(&container))).or(Ok(()))
                })
            }
            None => {
                action.done()?;
                let done = |mut link: Link| link.take_over().and_then(|()| link.released());
                link.map_or(Ok(()), |link| done(link).or(Ok(())))
            }
        }
    }

    /// Writes down that somebody wants it ended. True where that is all: it was waiting for its next start.
    pub(crate) fn want_end(&self, container: &Container) -> Result<bool, EngineError> {
        let waits = container.state.status == Status::Restarting;
        if !waits && container.restart_request().policy == RestartPolicy::No {
            return Ok(false);
        }
        let action = Action::begin(self, container.id())?;
        let mut ended = false;
        if let Some(mut container) = records::load(&self.paths, container.id())? {
            if container.state.status == Status::Restarting {
                self.end_waiting(&mut container)?;
                ended = true;
            } else if container.state.status.is_alive() {
                container.state.stopped_by_user = true;
                container.save_state()?;
            }
        }
        action.done()?;
        Ok(ended)
    }

    /// Under the container's action: it waits for its next start no longer.
    pub(crate) fn end_waiting(&self, container: &mut Container) -> Result<(), EngineError> {
        let run = self.paths.container_run(container.id());
        let link = teu_monitor::connect(&run).and_then(|mut link| {
            link.take_over()?;
            Ok(link)
        });
        if container.is_temporary() {
            destroy(self, container)?;
        } else {
            container.state.status = Status::Exited;
            container.state.stopped_by_user = true;
            container.state.running = None;
            container.save_state()?;
            give_back(self, container.id())?;
            files::remove_tree(&run)?;
        }
        // It may be gone as well.
        link.and_then(Link::released).or(Ok(()))
    }

    /// One whose monitor was killed while it kept the time starts now.
    pub(crate) fn resume(
        &self,
        container: Container,
        action: Action,
    ) -> Result<Started, EngineError> {
        self.networks.release(container.id())?;
        self.start_held(container, action, &StartOptions::default())
    }

    /// Whether there is more to come from a container: it runs, or will again.
    pub(crate) fn goes_on(&self, container: &Container) -> bool {
        match observe(&self.paths, container) {
            Truth::Ended(exit) => due(container, &exit).is_some(),
            _ => {
                matches!(container.state.status, Status::Restarting)
                    || container.state.status.is_alive()
            }
        }
    }
}

/// How long until its restart is due.
fn left(container: &Container) -> Duration {
    container.state.restart.map_or(Duration::ZERO, |restart| restart.at.age_since(now()))
}
