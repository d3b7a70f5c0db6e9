//! Exec: one more process in the container, a child of the monitor, so that it goes on when the command
//! that asked for it dies.

use crate::monitor::{Monitor, as_fd, kernel_refused};
use crate::request::{ExecRequest, ExecState, FdUse, Refusal, Reply, Target};
use crate::session::{Channels, Session};
use crate::start::Answered;
use crate::visitor::VisitorId;
use std::os::fd::OwnedFd;

impl Monitor {
    pub(crate) fn exec(
        &mut self,
        from: VisitorId,
        request: ExecRequest,
        uses: &[FdUse],
        fds: Vec<OwnedFd>,
    ) -> Answered {
        let Some(container) = self.container() else { return Err(Refusal::NotRunning) };
        if self.execs.contains_key(&request.id) || self.ended_exec(&request.id).is_some() {
            return Err(Refusal::ExecExists);
        }
        let terminal = request.plan.process.terminal;
        let (stdio, mut channels) = Channels::for_exec(request.stdio, terminal)
            .map_err(kernel_refused("the process's standard input and output"))?;
        let cgroup_v2 = uses.iter().zip(fds).find(|(what, _)| **what == FdUse::CgroupV2);
        let into = teu_runtime::Target {
            pidfd: as_fd(&container.pidfd),
            pid: container.pid,
            cgroup_v2: cgroup_v2.as_ref().map(|(_, fd)| as_fd(fd)),
        };
        let mut running = match teu_runtime::exec(&request.plan, into, stdio) {
            Ok(running) => running,
            Err(error) => return Ok(Some(Reply::Failed(error))),
        };
        if let Some(master) = running.console_master.take() {
            channels.set_terminal(master).map_err(kernel_refused("the process's terminal"))?;
        }
        let pid = running.pid;
        if let (Some(streams), Some(visitor)) = (request.attach, self.visitors.get_mut(&from)) {
            visitor.attached = Some((Target::Exec(request.id.clone()), streams));
        }
        self.execs.insert(request.id, Session::new(running, channels));
        Ok(Some(Reply::ExecStarted { pid }))
    }

    pub(crate) fn exec_state(&self, id: &str) -> Answered {
        let running = self.execs.get(id).map(|session| ExecState {
            pid: session.pid,
            started_at: session.started_at,
            exit: None,
        });
        let state = running.or_else(|| self.ended_exec(id)).ok_or(Refusal::NoSuchExec)?;
        Ok(Some(Reply::ExecState(state)))
    }

    pub(crate) fn ended_exec(&self, id: &str) -> Option<ExecState> {
        let found = self.ended_execs.iter().find(|(ended, _)| ended == id);
        found.map(|(_, state)| state.clone())
    }
}
