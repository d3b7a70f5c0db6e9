//! Exec: one more process in the container, a child of the monitor, so that it goes on when the command
//! that asked for it dies.

use crate::exit::Exit;
use crate::monitor::{Monitor, as_fd, kernel_refused};
use crate::request::{ExecRequest, ExecState, FdUse, Refusal, Reply, Target};
use crate::session::{Asked, Channels, Session};
use crate::start::Answered;
use crate::visitor::VisitorId;
use std::os::fd::OwnedFd;
use teu_kernel::append;
use teu_model::Timestamp;

/// A longer file of events is moved aside.
const EVENTS_BYTES_MAX: u64 = 8 << 20;

impl Monitor {
    pub(crate) fn exec(
        &mut self,
        from: VisitorId,
        mut request: ExecRequest,
        uses: &[FdUse],
        fds: Vec<OwnedFd>,
    ) -> Answered {
        let Some(container) = self.container() else { return Err(Refusal::NotRunning) };
        if self.execs.contains_key(&request.id) || self.ended_exec(&request.id).is_some() {
            return Err(Refusal::ExecExists);
        }
        let terminal = request.plan.process.terminal;
        self.limit_open_files(&mut request.plan.process);
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
        let asked = Box::new(Asked { about: request.about, event: request.event });
        let session = Session { asked, ..Session::new(running, channels) };
        self.execs.insert(request.id, session);
        Ok(Some(Reply::ExecStarted { pid }))
    }

    pub(crate) fn exec_state(&self, id: &str) -> Answered {
        let running = self.execs.get(id).map(|session| state_of(id, session, None));
        let state = running.or_else(|| self.ended_exec(id)).ok_or(Refusal::NoSuchExec)?;
        Ok(Some(Reply::ExecState(state)))
    }

    /// Those that ended, then those that run; health checks are none.
    pub(crate) fn execs(&self) -> Vec<ExecState> {
        let ended = self.ended_execs.iter().map(|(_, state)| state.clone());
        let running = self.execs.iter().filter(|(id, _)| !crate::health::is_check(id));
        ended.chain(running.map(|(id, session)| state_of(id, session, None))).collect()
    }

    pub(crate) fn ended_exec(&self, id: &str) -> Option<ExecState> {
        let found = self.ended_execs.iter().find(|(ended, _)| ended == id);
        found.map(|(_, state)| state.clone())
    }
}

pub(crate) fn state_of(id: &str, session: &Session, exit: Option<Exit>) -> ExecState {
    ExecState {
        pid: session.pid,
        started_at: session.started_at,
        exit,
        id: id.to_string(),
        about: session.asked.about.clone(),
    }
}

/// Writes the event of an exec's end, where one is wanted.
pub(crate) fn tell_end(session: &Session, exit: &Exit) {
    let Some((path, event)) = &session.asked.event else { return };
    let mut event = event.clone();
    event.action = "exec_die".to_string();
    event.time = Timestamp::from(std::time::SystemTime::now());
    event.attributes.insert("exitCode".to_string(), exit.code.to_string());
    if let Ok(mut line) = serde_json::to_vec(&event) {
        line.push(b'\n');
        // A full disk may cost an event.
        append::line(path, &line, EVENTS_BYTES_MAX).unwrap_or(());
    }
}
