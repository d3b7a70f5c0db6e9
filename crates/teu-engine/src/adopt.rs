//! A running container whose monitor was killed gets another one.

use crate::action::Action;
use crate::observe::{Truth, boot_id, observe};
use crate::records::{self, Container};
use crate::{Engine, EngineError};
use std::os::fd::AsFd;
use teu_kernel::{exec_self, pidfd};
use teu_model::{RunningState, Status};
use teu_monitor::{Link, MonitorError, Target};

impl Engine {
    /// Starts a monitor that takes over, and records it. Two commands that find the loss at once make one;
    /// `None` where by then there is nothing to take over: the container has ended, or has a monitor.
    pub(crate) fn adopt(&self, container: &Container) -> Result<Option<Link>, EngineError> {
        let id = container.id();
        let action = Action::begin(self, id)?;
        let link = match records::load(&self.paths, id)? {
            Some(container)
                if container.state.status == Status::Restarting
                    && observe(&self.paths, &container) == Truth::MonitorLost =>
            {
                return self.resume(container, action).map(|started| Some(started.link));
            }
            Some(mut container) if observe(&self.paths, &container) == Truth::MonitorLost => {
                match self.adopt_held(&mut container) {
                    // It has ended in the middle of it, and left the new monitor nothing to stay with.
                    Err(EngineError::Monitor(
                        MonitorError::NotThere { .. } | MonitorError::Lost,
                    )) => Ok(None),
                    other => other.map(Some),
                }
            }
            _ => Ok(None),
        };
        action.done()?;
        link
    }

    fn adopt_held(&self, container: &mut Container) -> Result<Link, EngineError> {
        let run = self.paths.container_run(container.id());
        let binary = exec_self::own_binary()
            .map_err(|source| EngineError::step("open the program itself", source))?;
        let mut link = teu_monitor::adopt(binary.as_fd(), container.id(), &run)?;
        // Its answer means that it has taken over: a command that leaves earlier takes it along.
        link.watch_exit(Target::Container, false)?;
        let monitor_pid = link.monitor_pid().unwrap_or_default();
        if let Some(running) = &mut container.state.running {
            *running = RunningState {
                monitor_pid,
                monitor_start_ticks: pidfd::start_time(monitor_pid).unwrap_or_default(),
                boot_id: boot_id().to_string(),
                ..running.clone()
            };
        }
        container.save_state()?;
        Ok(link)
    }
}
