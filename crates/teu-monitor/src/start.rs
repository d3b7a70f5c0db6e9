//! Start: the container's first process is made, let through its gate, and handed over.

use crate::log::LogWriter;
use crate::monitor::{AtGate, Ended, Monitor, Phase, as_fd, kernel_refused};
use crate::request::{FdUse, Record, Refusal, Reply, RunFiles, StartRequest};
use crate::session::{Channels, Session};
use crate::visitor::VisitorId;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use teu_kernel::durable::{self, Durability};
use teu_kernel::flock::Lock;
use teu_kernel::{mount, pidfd, read_write, unix};
use teu_oci::runtime::NamespaceKind;
use teu_runtime::{Plan, StartError, StartFds};

/// What a request leads to: an answer now, an answer that was given already, or a refusal.
pub(crate) type Answered = Result<Option<Reply>, Refusal>;

/// The namespaces that are held until the end is told, and given to those who join them.
const HELD: [NamespaceKind; 6] = [
    NamespaceKind::User,
    NamespaceKind::Mount,
    NamespaceKind::Pid,
    NamespaceKind::Network,
    NamespaceKind::Ipc,
    NamespaceKind::Uts,
];

impl Monitor {
    /// Makes the process; while it builds its root, everything else is made ready.
    pub(crate) fn start(
        &mut self,
        from: VisitorId,
        mut request: StartRequest,
        uses: &[FdUse],
        fds: Vec<OwnedFd>,
    ) -> Answered {
        self.limit_open_files(&mut request.plan.process);
        let may = match &self.phase {
            Phase::Empty => true,
            Phase::Ended(ended) => ended.releaser == Some(from),
            _ => false,
        };
        if !may {
            return Err(Refusal::OutOfOrder);
        }
        let (fds, keep) = sort(uses, fds);
        if !keep.is_empty() {
            self.keep = keep;
        }
        self.starter = Some(from);
        self.keep_joined(&fds);
        let terminal = request.plan.process.terminal;
        let (stdio, channels) = Channels::for_container(&self.run_dir, request.stdio, terminal)
            .map_err(kernel_refused("make the container's standard input and output"))?;
        let fds = StartFds { stdio, ..fds };
        let cloned = match teu_runtime::clone(&request.plan, fds) {
            Ok(cloned) => cloned,
            Err(error) => return Ok(Some(self.start_failed(from, error))),
        };
        let (pid, start_time) = (cloned.pid(), pidfd::start_time(cloned.pid()).unwrap_or(0));
        self.hold_namespaces(&request.plan, &cloned);
        let netns = self.namespaces.iter().find(|(kind, _)| *kind == NamespaceKind::Network);
        let netns = netns.and_then(|(_, fd)| fd.try_clone().ok());
        if let Some(visitor) = self.visitors.get_mut(&from) {
            let fds = netns.into_iter().collect();
            visitor.tell_with(&Reply::Cloned { pid, start_time }, fds);
        }
        self.phase = Phase::AtGate(Box::new(AtGate { cloned, channels }));
        self.settle_in(request, pid, start_time);
        Ok(None)
    }

    /// What need not be there before the process is: the socket, the log, the monitors' group. Failures
    /// are told with the start.
    fn settle_in(&mut self, request: StartRequest, pid: u32, start_time: u64) {
        let record = Record {
            version: crate::PROTOCOL_VERSION,
            id: request.id,
            pid,
            start_time,
            started_at: crate::log::Timestamp::now(),
            stdio: request.stdio,
            terminal: request.plan.process.terminal,
            log: request.log,
            group: request.group,
            monitors_group: request.monitors_group,
            after_exit: request.after_exit,
            word: request.word,
            health: request.health,
        };
        self.remove_old_exit();
        self.set_up(&record);
        self.record = Some(record);
    }

    /// The same for a container that is adopted.
    pub(crate) fn set_up(&mut self, record: &Record) {
        let mut warnings = Vec::new();
        let mut warn = |what: &str, error: &dyn std::error::Error| {
            let cause = error.source().map_or(String::new(), |cause| format!(": {cause}"));
            warnings.push(format!("{what}: {error}{cause}"));
        };
        // From the start before, where this is a restart: commands know it.
        let listening = self.listener.take().map_or_else(|| self.listen(), Ok);
        match listening {
            Ok(listener) => self.listener = Some(listener),
            Err(error) => warn("the monitor cannot be reached by other commands", &error),
        }
        if let (Some(config), None) = (&record.log, &self.log) {
            match LogWriter::open(config.clone()) {
                Ok(log) => self.log = Some(log),
                Err(error) => warn("the container's output is not kept", &error),
            }
        }
        if let Some(group) = &record.monitors_group
            && let Err(error) = group.join()
        {
            warn("the monitor stays in the cgroup of its caller", &error);
        }
        self.warnings = warnings;
    }

    fn listen(&self) -> io::Result<OwnedFd> {
        let directory = mount::open_path(&self.run_dir)?;
        let listener = unix::seqpacket_listen(directory.as_fd(), RunFiles::SOCKET)?;
        read_write::set_nonblocking(listener.as_fd())?;
        Ok(listener)
    }

    fn remove_old_exit(&self) {
        // Absent, unless this is a restart; and if it stays, the new end replaces it.
        std::fs::remove_file(self.run_dir.join(RunFiles::EXIT)).unwrap_or(());
    }

    fn hold_namespaces(&mut self, plan: &Plan, cloned: &teu_runtime::Cloned) {
        let own = plan.namespaces();
        let held: Vec<_> = self.namespaces.iter().map(|(kind, _)| *kind).collect();
        for kind in HELD.into_iter().filter(|kind| own.contains(kind) && !held.contains(kind)) {
            if let Ok(namespace) = cloned.namespace(kind) {
                self.namespaces.push((kind, namespace));
            }
        }
    }

    fn start_failed(&mut self, from: VisitorId, error: StartError) -> Reply {
        // The starter cleans up and says so; if it does not, somebody else must.
        self.phase = Phase::Ended(Ended { releaser: Some(from), ..Ended::default() });
        self.namespaces.clear();
        Reply::Failed(error)
    }

    /// Lets the process run its program.
    pub(crate) fn go(&mut self, from: VisitorId) -> Answered {
        if self.starter != Some(from) || !matches!(self.phase, Phase::AtGate(_)) {
            return Err(Refusal::OutOfOrder);
        }
        let Phase::AtGate(gate) = std::mem::replace(&mut self.phase, Phase::Empty) else {
            return Err(Refusal::OutOfOrder);
        };
        let AtGate { cloned, mut channels } = *gate;
        let mut running = match cloned.go() {
            Ok(running) => running,
            Err(error) => return Ok(Some(self.start_failed(from, error))),
        };
        if let Some(master) = running.console_master.take()
            && let Err(error) = channels.set_terminal(master)
        {
            self.warnings.push(format!("the container's terminal cannot be used: {error}"));
        }
        let session = Session::new(running, channels);
        let at = session.started_at;
        let warnings = std::mem::take(&mut self.warnings);
        self.phase = Phase::Running(Box::new(session));
        self.tell(from, &Reply::Started { at, warnings });
        let health = self.record.as_ref().and_then(|record| record.health.clone());
        self.watch_health(health);
        // After the answer: only the next monitor reads it, and until it is there, whoever finds the
        // container without a monitor finds an unfinished start.
        if let Some(record) = &mut self.record {
            record.started_at = at;
        }
        self.record_lock = self.write_record().ok().flatten();
        Ok(None)
    }

    fn write_record(&self) -> io::Result<Option<Lock>> {
        let path = self.run_dir.join(RunFiles::RECORD);
        let text = serde_json::to_vec(&self.record)?;
        durable::replace(&path, &text, 0o600, Durability::ThisBoot)?;
        Lock::try_exclusive(&path)
    }

    /// The container's group is another one; the next monitor shall know it, too.
    pub(crate) fn moved(&mut self, group: teu_cgroup::Group) -> Answered {
        if let Some(record) = &mut self.record {
            record.group = Some(group);
        }
        // The new file is locked before the old one is let go.
        let lock = self.write_record().map_err(kernel_refused("write monitor.json"))?;
        self.record_lock = lock;
        Ok(Some(Reply::Done))
    }

    /// The container is no longer its starter's.
    pub(crate) fn recorded(&mut self, from: VisitorId) -> Answered {
        if self.starter == Some(from) {
            self.starter = None;
        }
        Ok(Some(Reply::Done))
    }

    /// The starter died, or left without a word.
    pub(crate) fn starter_left(&mut self) {
        match &self.phase {
            Phase::Empty => self.phase = Phase::Released,
            Phase::AtGate(_) => {
                // Dropped, it is killed and reaped.
                self.phase = Phase::Ended(Ended::default());
                self.see_to_release();
            }
            Phase::Running(session) => {
                // Its end is seen as any other's. If it has ended already, there is nothing to kill.
                pidfd::pidfd_send_signal(as_fd(&session.pidfd), teu_kernel::libc::SIGKILL)
                    .unwrap_or(());
            }
            Phase::Ended(_) => self.see_to_release(),
            Phase::Released => {}
        }
    }

    /// The namespaces that are held, to a visitor who will join them.
    pub(crate) fn give_namespaces(&mut self, from: VisitorId) {
        let copies =
            self.namespaces.iter().filter_map(|(kind, fd)| Some((*kind, fd.try_clone().ok()?)));
        let (kinds, fds): (Vec<_>, Vec<_>) = copies.unzip();
        if let Some(visitor) = self.visitors.get_mut(&from) {
            visitor.tell_with(&Reply::Namespaces(kinds), fds);
        }
    }
}

/// Descriptors by what they are for.
fn sort(uses: &[FdUse], fds: Vec<OwnedFd>) -> (StartFds, Vec<OwnedFd>) {
    let mut sorted = StartFds {
        root: None,
        stdio: teu_runtime::Stdio::Terminal,
        cgroup_v2: None,
        join: Vec::new(),
        mounts: Vec::new(),
    };
    let mut keep = Vec::new();
    for (what, fd) in uses.iter().zip(fds) {
        match what {
            FdUse::Root => sorted.root = Some(fd),
            FdUse::CgroupV2 => sorted.cgroup_v2 = Some(fd),
            FdUse::Namespace(kind) => sorted.join.push((*kind, fd)),
            FdUse::Mount => sorted.mounts.push(fd),
            FdUse::Keep => keep.push(fd),
        }
    }
    (sorted, keep)
}
