//! The monitor's state, and what happens when.
//!
//! ```text
//!  Empty ──Start──► AtGate ──Go──► Running ──its end──► Ended ──Released──► Released
//!    │                │  fails        │                 ▲   │
//!    │                └───────────────┼─────────────────┘   └──Start, from who releases──► AtGate
//!    └─ the starter leaves ─► gone    └─ the starter leaves before Recorded: killed
//!
//!  Ended ──Again, from who releases──► Ended, waiting ──time, or TakeOver──► somebody releases
//! ```
//! One thread, one loop (`stay.rs`). Each verb is told in a file of its own: `start.rs`, `attach.rs`,
//! `exec.rs`, `end.rs`, `again.rs`, `adopt.rs`.

use crate::exit::Exit;
use crate::health::Watch;
use crate::log::{LogWriter, Stream};
use crate::protocol::{FRAME_BYTES_MAX, Frame, PAYLOAD_BYTES_MAX};
use crate::request::{ExecState, Record, Refusal, Reply, Request, Target};
use crate::session::{Channels, Session};
use crate::visitor::{Visitor, VisitorId};
use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Instant;
use teu_kernel::flock::Lock;
use teu_kernel::read_write::Moved;
use teu_kernel::unix;
use teu_oci::runtime::NamespaceKind;
use teu_runtime::Cloned;

/// All that a monitor knows.
pub(crate) struct Monitor {
    pub run_dir: PathBuf,
    pub phase: Phase,
    pub visitors: BTreeMap<VisitorId, Visitor>,
    pub next_visitor: VisitorId,
    pub listener: Option<OwnedFd>,
    /// Who asked for the start, until it has said that it is recorded.
    pub starter: Option<VisitorId>,
    /// Who found the container without a monitor, and may want to do what follows on its end.
    pub adopter: Option<VisitorId>,
    /// What the next monitor would need, and what this one goes by.
    pub record: Option<Record>,
    /// Held so that no other monitor adopts the container.
    pub record_lock: Option<Lock>,
    /// The command that was started to do what follows on an end, since nobody was there.
    pub after: Option<OwnedFd>,
    pub log: Option<LogWriter>,
    pub execs: BTreeMap<String, Session>,
    /// How execs ended, the newest last.
    pub ended_execs: Vec<(String, ExecState)>,
    /// Held until the end is told: taking them down is slow, and comes after the answer.
    pub namespaces: Vec<(NamespaceKind, OwnedFd)>,
    pub keep: Vec<OwnedFd>,
    pub warnings: Vec<String>,
    pub buffer: Vec<u8>,
    /// What is asked of it from time to time.
    pub health: Option<Watch>,
    /// When to look again at a process that ended and whose status its parent has not taken.
    pub look_again: Option<Instant>,
    /// The limit of open files that this process came with, soft and hard: its children get it.
    pub open_files: Option<(u64, u64)>,
    /// Memory was used that idle times do not need.
    pub swollen: bool,
}

/// How far the container is.
pub(crate) enum Phase {
    Empty,
    AtGate(Box<AtGate>),
    Running(Box<Session>),
    Ended(Ended),
    Released,
}

/// The first process, made and not yet let through.
pub(crate) struct AtGate {
    pub cloned: Cloned,
    pub channels: Channels,
}

/// The container has ended, or never ran; what follows on that is to be done.
#[derive(Default)]
pub(crate) struct Ended {
    /// How; `None` if it never ran.
    pub exit: Option<Exit>,
    /// Who does what follows.
    pub releaser: Option<VisitorId>,
    /// A command was started for it.
    pub after_was_started: bool,
    /// Nothing is to be done before: then it starts again.
    pub again: Option<Instant>,
}

/// How many ended execs are remembered.
const ENDED_EXECS_MAX: usize = 256;

impl Monitor {
    pub fn new(run_dir: PathBuf) -> Monitor {
        Monitor {
            run_dir,
            phase: Phase::Empty,
            visitors: BTreeMap::new(),
            next_visitor: 0,
            listener: None,
            starter: None,
            adopter: None,
            record: None,
            record_lock: None,
            after: None,
            log: None,
            execs: BTreeMap::new(),
            ended_execs: Vec::new(),
            namespaces: Vec::new(),
            keep: Vec::new(),
            warnings: Vec::new(),
            buffer: Vec::new(),
            health: None,
            look_again: None,
            open_files: None,
            swollen: false,
        }
    }

    /// Nothing is left to stay for.
    pub fn is_over(&self) -> bool {
        let heard_out = || self.visitors.values().all(|visitor| !visitor.is_behind());
        matches!(self.phase, Phase::Released) && heard_out() && !self.log_waits()
    }

    /// Part of the log is still to be sent elsewhere.
    pub fn log_waits(&self) -> bool {
        self.log.as_ref().is_some_and(LogWriter::is_waiting)
    }

    pub fn container(&self) -> Option<&Session> {
        match &self.phase {
            Phase::Running(session) => Some(session),
            _ => None,
        }
    }

    pub fn session(&self, target: &Target) -> Option<&Session> {
        match target {
            Target::Container => self.container(),
            Target::Exec(id) => self.execs.get(id),
        }
    }

    pub fn session_mut(&mut self, target: &Target) -> Option<&mut Session> {
        match (target, &mut self.phase) {
            (Target::Container, Phase::Running(session)) => Some(session),
            (Target::Container, _) => None,
            (Target::Exec(id), _) => self.execs.get_mut(id),
        }
    }

    pub fn welcome(&mut self, socket: OwnedFd) -> Option<VisitorId> {
        let visitor = Visitor::new(socket).ok()?;
        let id = self.next_visitor;
        self.next_visitor += 1;
        self.visitors.insert(id, visitor);
        Some(id)
    }

    /// A connection waits at the socket.
    pub fn accept(&mut self) {
        if let Some(Ok(socket)) = self.listener.as_ref().map(|l| unix::accept(as_fd(l))) {
            self.welcome(socket);
        }
    }

    pub fn tell(&mut self, to: VisitorId, reply: &Reply) {
        if let Some(visitor) = self.visitors.get_mut(&to) {
            visitor.tell(reply);
        }
    }

    /// Takes all that a visitor has sent.
    pub fn hear(&mut self, from: VisitorId) {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.resize(FRAME_BYTES_MAX, 0);
        self.swollen = true;
        // A limit, so that no visitor keeps the others waiting.
        for _ in 0..16 {
            let Some(visitor) = self.visitors.get_mut(&from) else { break };
            match visitor.hear(&mut buffer) {
                Ok(None) => break,
                Ok(Some(Frame::Control(request, fds))) => self.answer(from, request, fds),
                Ok(Some(Frame::Stdin(bytes))) => self.stdin_came(from, &bytes),
                Ok(Some(Frame::Output(..))) => visitor.dismiss(),
                Err(error) => {
                    let what = error.to_string();
                    visitor.tell(&Reply::Refused(Refusal::Unknown { what }));
                }
            }
        }
        self.buffer = buffer;
    }

    fn answer(&mut self, from: VisitorId, request: Request, fds: Vec<OwnedFd>) {
        let answered = match request {
            Request::Hello { .. } => return,
            Request::Start { request, fds: uses } => self.start(from, *request, &uses, fds),
            Request::Go => self.go(from),
            Request::Recorded => self.recorded(from),
            Request::Attach { target, streams } => self.attach(from, target, streams),
            Request::StdinEof => return self.stdin_ended(from),
            Request::Resize { target, rows, columns } => self.resize(&target, rows, columns),
            Request::Signal { target, signal, by } => self.signal(&target, signal, by),
            Request::Exec { request, fds: uses } => self.exec(from, *request, &uses, fds),
            Request::Wait { target, release } => self.wait(from, target, release),
            Request::Released => return self.released(from),
            Request::TakeOver => self.take_over(from),
            Request::Again { after_ms } => self.again(from, after_ms),
            Request::ExecState { id } => self.exec_state(&id),
            Request::Execs => Ok(Some(Reply::Execs(self.execs()))),
            Request::Namespaces => return self.give_namespaces(from),
            Request::Moved { group } => self.moved(*group),
        };
        match answered {
            Ok(Some(reply)) => self.tell(from, &reply),
            Ok(None) => {}
            Err(refusal) => self.tell(from, &Reply::Refused(refusal)),
        }
        // What the answer led to: an end to tell, a release to hand out.
        if matches!(self.phase, Phase::Ended(_)) {
            self.see_to_release();
        }
    }

    /// Reads what a process has written, keeps it in the log and sends it to those who watch. True when
    /// something was there.
    pub fn read_output(&mut self, target: &Target, stream: Stream) -> bool {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.resize(FRAME_BYTES_MAX, 0);
        self.swollen = true;
        let moved = self
            .session_mut(target)
            .map(|session| session.channels.read(stream, &mut buffer[..PAYLOAD_BYTES_MAX]));
        let count = if let Some(Moved::Bytes(count)) = moved { count } else { 0 };
        if count > 0 {
            self.deliver(target, stream, &buffer[..count]);
        }
        self.buffer = buffer;
        count > 0
    }

    fn deliver(&mut self, target: &Target, stream: Stream, bytes: &[u8]) {
        if self.takes_as_health(target, bytes) {
            return;
        }
        if let (Target::Container, Some(log)) = (target, &mut self.log) {
            // A full disk must not stop the container; `logs` shows a gap.
            log.write(stream, bytes).unwrap_or(());
        }
        for visitor in self.visitors.values_mut() {
            visitor.output(target, stream, bytes);
        }
    }

    /// Writes what waits for a process's standard input.
    pub fn write_input(&mut self, target: &Target) {
        let Some(session) = self.session_mut(target) else { return };
        for (visitor, bytes) in session.channels.write_input() {
            if let Some(visitor) = self.visitors.get_mut(&visitor) {
                visitor.stdin_taken(bytes);
            }
        }
    }

    /// A process may have ended.
    pub fn look_at(&mut self, target: &Target) {
        let Some(session) = self.session(target) else { return };
        let is_child = session.is_child;
        let Some(exit) = self.exit_of(session) else {
            if !is_child {
                self.wait_for_its_parent();
            }
            return;
        };
        self.drain(target);
        match target {
            Target::Container => self.container_ended(exit),
            Target::Exec(id) => self.exec_ended(id, exit),
        }
    }

    /// Takes what a process that ended has left in its pipes, and no more: others may still write.
    fn drain(&mut self, target: &Target) {
        for stream in [Stream::Stdout, Stream::Stderr] {
            // As much as the largest pipe holds (/proc/sys/fs/pipe-max-size).
            for _ in 0..(1 << 20) / PAYLOAD_BYTES_MAX {
                if !self.read_output(target, stream) {
                    break;
                }
            }
        }
    }

    fn exec_ended(&mut self, id: &str, exit: Exit) {
        if self.ends_as_health(id, &exit) {
            return;
        }
        let Some(session) = self.execs.remove(id) else { return };
        crate::exec::tell_end(&session, &exit);
        let state = crate::exec::state_of(id, &session, Some(exit.clone()));
        if self.ended_execs.len() == ENDED_EXECS_MAX {
            self.ended_execs.remove(0);
        }
        self.ended_execs.push((id.to_string(), state));
        self.tell_exit(&Target::Exec(id.to_string()), &exit, None);
    }

    /// Tells all who asked that a process ended; `releaser` is told to do what follows.
    pub fn tell_exit(&mut self, target: &Target, exit: &Exit, releaser: Option<VisitorId>) {
        for (&id, visitor) in &mut self.visitors {
            if visitor.watches(target) || visitor.waits.contains(target) {
                visitor.waits.retain(|waited| waited != target);
                let release = releaser == Some(id);
                let (target, exit) = (target.clone(), exit.clone());
                visitor.tell(&Reply::Exited { target, exit, release });
            }
        }
    }

    /// Sees who has left, and what follows from that.
    pub fn see_off(&mut self) {
        let gone: Vec<_> =
            self.visitors.iter().filter(|(_, v)| v.is_gone()).map(|(&id, _)| id).collect();
        for id in gone {
            let Some(visitor) = self.visitors.remove(&id) else { continue };
            if let Some((target, streams)) = visitor.attached
                && let (true, Some(session)) = (streams.stdin, self.session_mut(&target))
            {
                session.channels.end_input();
            }
            if self.starter == Some(id) {
                self.starter = None;
                self.starter_left();
            }
            self.adopter = self.adopter.filter(|adopter| *adopter != id);
            self.releaser_left(id);
        }
    }

    /// Gives back memory that only busy times need.
    pub fn shrink(&mut self) {
        self.buffer = Vec::new();
        if let Some(log) = &mut self.log {
            log.shrink();
        }
        teu_kernel::malloc_trim::malloc_trim();
        self.swollen = false;
    }
}

/// A refusal that tells the kernel's error.
pub(crate) fn kernel_refused(what: &str) -> impl Fn(io::Error) -> Refusal + use<'_> {
    move |error| Refusal::Kernel {
        what: what.to_string(),
        errno: error.raw_os_error().unwrap_or(teu_kernel::libc::EIO),
    }
}

pub(crate) fn as_fd(fd: &OwnedFd) -> std::os::fd::BorrowedFd<'_> {
    std::os::fd::AsFd::as_fd(fd)
}
