//! Between a command's own standard input, output and error and a process it is attached to.
//!
//! ```text
//! stdin  ──read──► detach keys ──frames, as many as the window allows──► monitor
//! stdout ◄─write── what came                                         ◄── monitor
//! signals ─────────────────────────────────────────────────────────► monitor
//! ```
//! One `poll(2)` loop, no thread. Nothing is read before what was read earlier has gone on, so a slow
//! reader slows the container, and a stuck one stops it: nothing is lost, nothing grows. The command's
//! own descriptors may be shared with other processes (a terminal), so their mode is not changed; they are
//! read and written only when `poll(2)` says that it will not wait.

use super::{DetachKeys, Exited, Link};
use crate::error::MonitorError;
use crate::protocol::{self, PAYLOAD_BYTES_MAX};
use crate::request::{Reply, Request, Target};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use teu_kernel::libc::SIGWINCH;
use teu_kernel::poll::{PollFd, PollFlags, poll};
use teu_kernel::read_write::{self, Moved};
use teu_kernel::signal::Signals;
use teu_kernel::tty::{self, RawMode};

/// What [`Link::pump`] moves bytes between.
#[derive(Debug, Default)]
pub struct Pump<'a> {
    /// Where the process's standard input comes from.
    pub stdin: Option<BorrowedFd<'a>>,
    /// Where its standard output goes.
    pub stdout: Option<BorrowedFd<'a>>,
    /// Where its standard error goes.
    pub stderr: Option<BorrowedFd<'a>>,
    /// The keys that detach; only for a process with a terminal.
    pub detach_keys: Option<DetachKeys>,
    /// The command's own terminal, where the process has one: raw as long as this lasts, its size kept
    /// equal.
    pub terminal: Option<BorrowedFd<'a>>,
    /// Signals to hand on. SIGWINCH among them means the terminal's size.
    pub signals: Option<&'a Signals>,
}

/// More keys than this no detach sequence has.
pub(super) const HELD_BACK_BYTES_MAX: usize = 256;

/// Why it stopped.
#[derive(Debug)]
pub enum PumpEnd {
    /// The process ended, and all it wrote is written.
    Exited(Exited),
    /// The keys were typed. The process goes on.
    Detached,
    /// The monitor is gone.
    Lost,
}

impl Link {
    /// Moves bytes and signals until the attached process ends, or the user leaves.
    pub fn pump(&mut self, pump: Pump<'_>) -> Result<PumpEnd, MonitorError> {
        let target = self.attached.clone().unwrap_or(Target::Container);
        let raw = pump.terminal.map(RawMode::enter).transpose();
        let _raw = raw.map_err(local("put the terminal into raw mode"))?;
        let mut run = Running {
            target,
            stdin: Input { from: pump.stdin, keys: pump.detach_keys },
            outputs: [Output::new(pump.stdout), Output::new(pump.stderr)],
            signals: pump.signals,
            terminal: pump.terminal,
            exited: None,
        };
        // The size may have changed since the process was started with one.
        run.send_size(self)?;
        match run.turn_until_end(self) {
            Err(MonitorError::Lost) => Ok(PumpEnd::Lost),
            other => other,
        }
    }
}

struct Running<'a> {
    target: Target,
    stdin: Input<'a>,
    outputs: [Output<'a>; 2],
    signals: Option<&'a Signals>,
    terminal: Option<BorrowedFd<'a>>,
    exited: Option<Exited>,
}

struct Input<'a> {
    from: Option<BorrowedFd<'a>>,
    keys: Option<DetachKeys>,
}

struct Output<'a> {
    to: Option<BorrowedFd<'a>>,
    bytes: Vec<u8>,
    written: usize,
}

/// What `poll(2)` found ready.
#[derive(Default)]
struct Ready {
    socket: bool,
    stdin: bool,
    signals: bool,
    outputs: [bool; 2],
}

impl Running<'_> {
    fn turn_until_end(&mut self, link: &mut Link) -> Result<PumpEnd, MonitorError> {
        loop {
            self.take_what_came(link);
            if self.outputs.iter().all(Output::is_empty)
                && let Some(exited) = self.exited.take()
            {
                return Ok(PumpEnd::Exited(exited));
            }
            let ready = self.wait(link)?;
            for (output, ready) in self.outputs.iter_mut().zip(ready.outputs) {
                if ready {
                    output.write_some()?;
                }
            }
            if ready.signals {
                self.hand_on_signals(link)?;
            }
            if ready.stdin && self.read_input(link)? {
                return Ok(PumpEnd::Detached);
            }
            if ready.socket {
                self.hear(link)?;
            }
        }
    }

    /// Moves what [`Link`] kept to where it belongs, as far as there is room.
    fn take_what_came(&mut self, link: &mut Link) {
        while let Some((stream, bytes)) = link.output.pop_front() {
            self.outputs[stream as usize].push(bytes);
        }
        if let Some(at) = link.exits.iter().position(|exited| exited.target == self.target) {
            self.exited = link.exits.remove(at);
        }
    }

    fn wait(&self, link: &Link) -> Result<Ready, MonitorError> {
        #[derive(Clone, Copy)]
        enum What {
            Socket,
            Stdin,
            Signals,
            Output(usize),
        }
        let mut fds = Vec::with_capacity(5);
        let mut whats = Vec::with_capacity(5);
        let mut want = |what, fd, events| {
            whats.push(what);
            fds.push(PollFd::from_borrowed_fd(fd, events));
        };
        if self.exited.is_none() && self.outputs.iter().all(Output::is_empty) {
            want(What::Socket, link.socket.as_fd(), PollFlags::IN);
        }
        if let (Some(stdin), true, None) = (self.stdin.from, link.stdin_room > 0, &self.exited) {
            want(What::Stdin, stdin, PollFlags::IN);
        }
        if let Some(signals) = self.signals {
            want(What::Signals, signals.as_fd(), PollFlags::IN);
        }
        for (n, output) in self.outputs.iter().enumerate() {
            if let (Some(to), false) = (output.to, output.is_empty()) {
                want(What::Output(n), to, PollFlags::OUT);
            }
        }
        poll(&mut fds, None).map_err(local("wait for input and output"))?;
        let mut ready = Ready::default();
        for (what, fd) in whats.into_iter().zip(&fds) {
            let is_ready = !fd.revents().is_empty();
            match what {
                What::Socket => ready.socket = is_ready,
                What::Stdin => ready.stdin = is_ready,
                What::Signals => ready.signals = is_ready,
                What::Output(n) => ready.outputs[n] = is_ready,
            }
        }
        Ok(ready)
    }

    /// Takes one frame. Answers to signals and sizes, sent without waiting, end here: a process that just
    /// ended has no terminal and takes no signal.
    fn hear(&mut self, link: &mut Link) -> Result<(), MonitorError> {
        match link.hear()? {
            None | Some((Reply::Done | Reply::Refused(_), _)) => Ok(()),
            Some((reply, _)) => Err(super::unexpected(&reply)),
        }
    }

    /// True when the user left.
    fn read_input(&mut self, link: &mut Link) -> Result<bool, MonitorError> {
        let Some(from) = self.stdin.from else { return Ok(false) };
        // Keys that were held back go before what is read now.
        let room = link.stdin_room.min(PAYLOAD_BYTES_MAX - HELD_BACK_BYTES_MAX);
        let mut bytes = vec![0; room];
        let count = match read_write::read(from, &mut bytes) {
            Ok(Moved::Bytes(count)) => count,
            Ok(Moved::NotNow) => return Ok(false),
            Ok(Moved::End) => {
                self.stdin.from = None;
                link.send(&Request::StdinEof, &[])?;
                return Ok(false);
            }
            Err(source) => return Err(local("read standard input")(source)),
        };
        bytes.truncate(count);
        let mut left = false;
        if let Some(keys) = &mut self.stdin.keys {
            let mut passed = Vec::with_capacity(count + 8);
            left = keys.pass(&bytes, &mut passed);
            bytes = passed;
        }
        if !bytes.is_empty() {
            // Keys that were held back may exceed the room by their own number; the monitor allows for it.
            link.stdin_room = link.stdin_room.saturating_sub(bytes.len());
            protocol::send_stdin(link.socket.as_fd(), &bytes).map_err(super::gone_or("ask"))?;
        }
        Ok(left)
    }

    fn hand_on_signals(&mut self, link: &mut Link) -> Result<(), MonitorError> {
        let Some(signals) = self.signals else { return Ok(()) };
        while let Some(signal) = signals.next().map_err(local("read signals"))? {
            if signal == SIGWINCH {
                self.send_size(link)?;
            } else {
                let target = self.target.clone();
                let by = Some("attach".to_string());
                link.send(&Request::Signal { target, signal, by }, &[])?;
            }
        }
        Ok(())
    }

    fn send_size(&self, link: &mut Link) -> Result<(), MonitorError> {
        let Some(terminal) = self.terminal else { return Ok(()) };
        match tty::size(terminal) {
            Ok((rows, columns)) if rows > 0 && columns > 0 => {
                let target = self.target.clone();
                link.send(&Request::Resize { target, rows, columns }, &[])
            }
            _ => Ok(()),
        }
    }
}

impl<'a> Output<'a> {
    fn new(to: Option<BorrowedFd<'a>>) -> Output<'a> {
        Output { to, bytes: Vec::new(), written: 0 }
    }

    fn is_empty(&self) -> bool {
        self.written == self.bytes.len()
    }

    fn push(&mut self, bytes: Vec<u8>) {
        if self.to.is_none() {
            return;
        }
        if self.is_empty() {
            (self.bytes, self.written) = (bytes, 0);
        } else {
            self.bytes.extend_from_slice(&bytes);
        }
    }

    fn write_some(&mut self) -> Result<(), MonitorError> {
        let Some(to) = self.to else { return Ok(()) };
        match read_write::write_ready(to, &self.bytes[self.written..]) {
            Ok(Moved::Bytes(count)) => self.written += count,
            Ok(Moved::NotNow) => {}
            // Nobody reads any more (`| head`): the process shall not notice, as with docker.
            Ok(Moved::End) => {
                self.to = None;
                (self.bytes, self.written) = (Vec::new(), 0);
            }
            Err(source) => return Err(local("write the container's output")(source)),
        }
        Ok(())
    }
}

fn local(what: &'static str) -> impl Fn(io::Error) -> MonitorError {
    move |source| MonitorError::Local { what, source }
}
