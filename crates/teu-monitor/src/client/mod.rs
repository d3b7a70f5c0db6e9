//! A command's side of the conversation with a monitor.
//!
//! ```text
//! spawn ─ send_start ─ cloned ─ attach, watch_exit ─ go ─ recorded ─ pump ─ released
//! connect ─ attach ─ pump │ signal │ resize │ exec ─ pump │ watch_exit ─ wait ─ released
//! ```
//! Every verb waits for its own answer. What the monitor tells in between (output, ends) is kept until
//! [`Link::pump`] or [`Link::wait`] asks for it.

mod detach_keys;
mod pump;
mod spawn;

pub use detach_keys::{BadDetachKeys, DetachKeys};
pub use pump::{Pump, PumpEnd};
pub(crate) use spawn::ADOPT;
pub use spawn::{MONITOR_NAME, adopt, connect, spawn, spawn_binary};

use crate::error::MonitorError;
use crate::exit::Exit;
use crate::log::{Stream, Timestamp};
use crate::protocol::{self, FRAME_BYTES_MAX, Frame, STDIN_WINDOW_BYTES};
use crate::request::{
    Attach, ExecRequest, ExecState, FdUse, PROTOCOL_VERSION, Reply, Request, StartRequest, Target,
};
use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};
use teu_kernel::poll::wait_readable;
use teu_oci::runtime::NamespaceKind;

/// A conversation with one monitor.
#[derive(Debug)]
pub struct Link {
    socket: OwnedFd,
    monitor_pid: Option<u32>,
    buffer: Vec<u8>,
    output: VecDeque<(Stream, Vec<u8>)>,
    exits: VecDeque<Exited>,
    attached: Option<Target>,
    stdin_room: usize,
}

/// The container's first process, which builds its root and waits at its gate.
#[derive(Debug)]
pub struct Cloned {
    /// Its number on the host.
    pub pid: u32,
    /// When it started, in clock ticks since boot: with the number it names one process.
    pub start_time: u64,
    /// Its network namespace, unless that is the host's.
    pub netns: Option<OwnedFd>,
}

/// The container's first process, which runs its program.
#[derive(Clone, Debug)]
pub struct Started {
    /// Since when.
    pub at: Timestamp,
    /// What went wrong without being worth a failure.
    pub warnings: Vec<String>,
}

/// A process that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exited {
    /// Which.
    pub target: Target,
    /// How.
    pub exit: Exit,
    /// This command is the one to do what follows, and then says [`Link::released`].
    pub release: bool,
}

impl Link {
    fn new(socket: OwnedFd, monitor_pid: Option<u32>) -> Result<Link, MonitorError> {
        let mut link = Link {
            socket,
            monitor_pid,
            buffer: vec![0; FRAME_BYTES_MAX],
            output: VecDeque::new(),
            exits: VecDeque::new(),
            attached: None,
            stdin_room: STDIN_WINDOW_BYTES,
        };
        link.send(&Request::Hello { version: PROTOCOL_VERSION }, &[])?;
        Ok(link)
    }

    /// The monitor's process id, where this command spawned it: its child, to be waited for by a command that
    /// stays.
    pub fn monitor_pid(&self) -> Option<u32> {
        self.monitor_pid
    }

    /// Asks for the container's first process. The descriptors are named by `fds`; the monitor gets copies.
    pub fn send_start(
        &mut self,
        request: StartRequest,
        fds: &[(FdUse, BorrowedFd<'_>)],
    ) -> Result<(), MonitorError> {
        let (uses, fds): (Vec<_>, Vec<_>) = fds.iter().copied().unzip();
        self.send(&Request::Start { request: Box::new(request), fds: uses }, &fds)
    }

    /// Waits for the process that [`Link::send_start`] asked for.
    pub fn cloned(&mut self) -> Result<Cloned, MonitorError> {
        match self.answer("start the container")? {
            (Reply::Cloned { pid, start_time }, mut fds) => {
                Ok(Cloned { pid, start_time, netns: fds.pop() })
            }
            (reply, _) => Err(unexpected(&reply)),
        }
    }

    /// Lets the first process run its program, and waits until it does.
    pub fn go(&mut self) -> Result<Started, MonitorError> {
        self.send(&Request::Go, &[])?;
        match self.answer("start the container")? {
            (Reply::Started { at, warnings }, _) => Ok(Started { at, warnings }),
            (reply, _) => Err(unexpected(&reply)),
        }
    }

    /// The container's record says that it runs: from now on it is the monitor's, whatever becomes of
    /// this command.
    pub fn recorded(&mut self) -> Result<(), MonitorError> {
        self.ask("hand the container over", &Request::Recorded)
    }

    /// From now on this link gets what `target` writes, and is told its end; [`Link::pump`] then moves the
    /// bytes. A link is attached to one process. Before [`Link::go`] nothing is missed.
    pub fn attach(&mut self, target: Target, streams: Attach) -> Result<(), MonitorError> {
        self.ask("attach", &Request::Attach { target: target.clone(), streams })?;
        self.attached = Some(target);
        Ok(())
    }

    /// Sends a signal. `by` is the verb for which: it will stand in the exit record.
    pub fn signal(
        &mut self,
        target: Target,
        signal: i32,
        by: Option<&str>,
    ) -> Result<(), MonitorError> {
        let by = by.map(str::to_string);
        self.ask("send a signal", &Request::Signal { target, signal, by })
    }

    /// Gives a process's terminal another size.
    pub fn resize(&mut self, target: Target, rows: u16, columns: u16) -> Result<(), MonitorError> {
        self.ask("resize the terminal", &Request::Resize { target, rows, columns })
    }

    /// Starts one more process in the container; returns its number on the host once its program runs. If
    /// the request attaches, this link is attached to it.
    pub fn exec(
        &mut self,
        request: ExecRequest,
        fds: &[(FdUse, BorrowedFd<'_>)],
    ) -> Result<u32, MonitorError> {
        let (uses, fds): (Vec<_>, Vec<_>) = fds.iter().copied().unzip();
        let attached = request.attach.map(|_| Target::Exec(request.id.clone()));
        self.send(&Request::Exec { request: Box::new(request), fds: uses }, &fds)?;
        match self.answer("execute")? {
            (Reply::ExecStarted { pid }, _) => {
                self.attached = attached.or(self.attached.take());
                Ok(pid)
            }
            (reply, _) => Err(unexpected(&reply)),
        }
    }

    /// How an exec goes, or went.
    pub fn exec_state(&mut self, id: &str) -> Result<ExecState, MonitorError> {
        self.send(&Request::ExecState { id: id.to_string() }, &[])?;
        match self.answer("tell an exec's state")? {
            (Reply::ExecState(state), _) => Ok(state),
            (reply, _) => Err(unexpected(&reply)),
        }
    }

    /// How each exec goes or went: the last that ended, then those that run.
    pub fn execs(&mut self) -> Result<Vec<ExecState>, MonitorError> {
        self.send(&Request::Execs, &[])?;
        match self.answer("list execs")? {
            (Reply::Execs(states), _) => Ok(states),
            (reply, _) => Err(unexpected(&reply)),
        }
    }

    /// The container's namespaces, by descriptor, for those who join them.
    pub fn namespaces(&mut self) -> Result<Vec<(NamespaceKind, OwnedFd)>, MonitorError> {
        self.send(&Request::Namespaces, &[])?;
        match self.answer("give the namespaces")? {
            (Reply::Namespaces(kinds), fds) => Ok(kinds.into_iter().zip(fds).collect()),
            (reply, _) => Err(unexpected(&reply)),
        }
    }

    /// The container's processes lie in `group` from now on.
    pub fn moved(&mut self, group: &teu_cgroup::Group) -> Result<(), MonitorError> {
        self.ask("tell the container's group", &Request::Moved { group: Box::new(group.clone()) })
    }

    /// Asks to be told when `target` ends. With `release` this command is ready to do what follows on the
    /// container's end.
    pub fn watch_exit(&mut self, target: Target, release: bool) -> Result<(), MonitorError> {
        self.ask("wait", &Request::Wait { target, release })
    }

    /// Waits for the end of a process that was asked for by [`Link::watch_exit`] or [`Link::attach`].
    /// `None` when `limit` passed first. Output that comes meanwhile is dropped.
    pub fn wait(&mut self, limit: Option<Duration>) -> Result<Option<Exited>, MonitorError> {
        let end = limit.map(|limit| Instant::now() + limit);
        loop {
            if let Some(exited) = self.exits.pop_front() {
                return Ok(Some(exited));
            }
            if let Some(end) = end {
                let left = end.saturating_duration_since(Instant::now());
                let ready = wait_readable(self.socket.as_fd(), left).map_err(hear)?;
                if !ready {
                    return Ok(None);
                }
            }
            self.hear()?;
            self.output.clear();
        }
    }

    /// What followed on the container's end is done: the monitor may go.
    pub fn released(mut self) -> Result<(), MonitorError> {
        self.send(&Request::Released, &[])
    }

    /// From now on what follows on the container's end is this command's, whoever was to do it: it holds the
    /// right to act on the container. Refused where the container runs.
    pub fn take_over(&mut self) -> Result<(), MonitorError> {
        self.ask("do what follows on the container's end", &Request::TakeOver)
    }

    /// What followed is done, and the container starts again after `wait`: then the monitor calls for
    /// somebody to do that.
    pub fn again(&mut self, wait: Duration) -> Result<(), MonitorError> {
        let after_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        self.ask("keep the time until the restart", &Request::Again { after_ms })
    }

    /// Readable when the monitor has something to say, or is gone.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    fn send(&mut self, request: &Request, fds: &[BorrowedFd<'_>]) -> Result<(), MonitorError> {
        protocol::send_control(self.socket.as_fd(), request, fds).map_err(gone_or("ask"))
    }

    fn ask(&mut self, what: &'static str, request: &Request) -> Result<(), MonitorError> {
        self.send(request, &[])?;
        match self.answer(what)? {
            (Reply::Done, _) => Ok(()),
            (reply, _) => Err(unexpected(&reply)),
        }
    }

    /// The next reply that answers a request.
    fn answer(&mut self, what: &'static str) -> Result<(Reply, Vec<OwnedFd>), MonitorError> {
        loop {
            match self.hear()? {
                Some((Reply::Refused(why), _)) => return Err(MonitorError::refused(what, why)),
                Some((Reply::Failed(error), _)) => return Err(error.into()),
                Some(answer) => return Ok(answer),
                None => {}
            }
        }
    }

    /// Takes one frame. Returns it if it answers a request; keeps it otherwise.
    fn hear(&mut self) -> Result<Option<(Reply, Vec<OwnedFd>)>, MonitorError> {
        let frame = protocol::receive::<Reply>(self.socket.as_fd(), &mut self.buffer)
            .map_err(gone_or("hear"))?;
        match frame.ok_or(MonitorError::Lost)? {
            Frame::Output(stream, bytes) => self.output.push_back((stream, bytes)),
            Frame::Control(Reply::Hello { version: theirs }, _) => {
                if theirs > PROTOCOL_VERSION {
                    return Err(MonitorError::Version { theirs, ours: PROTOCOL_VERSION });
                }
            }
            Frame::Control(Reply::Exited { target, exit, release }, _) => {
                self.exits.push_back(Exited { target, exit, release });
            }
            Frame::Control(Reply::StdinTaken { bytes }, _) => {
                self.stdin_room += usize::try_from(bytes).unwrap_or(0);
            }
            Frame::Control(reply, fds) => return Ok(Some((reply, fds))),
            Frame::Stdin(_) => {
                return Err(MonitorError::Unexpected { answer: "standard input".to_string() });
            }
        }
        Ok(None)
    }
}

fn hear(source: std::io::Error) -> MonitorError {
    MonitorError::Talk { what: "hear", source }
}

/// A monitor that was killed is gone, however that shows.
fn gone_or(what: &'static str) -> impl Fn(std::io::Error) -> MonitorError {
    use std::io::ErrorKind::{BrokenPipe, ConnectionReset, NotConnected};
    move |source| match source.kind() {
        BrokenPipe | ConnectionReset | NotConnected => MonitorError::Lost,
        _ => MonitorError::Talk { what, source },
    }
}

fn unexpected(reply: &Reply) -> MonitorError {
    MonitorError::Unexpected { answer: format!("{reply:?}") }
}
