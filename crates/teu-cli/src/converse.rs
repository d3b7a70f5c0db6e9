//! Between the user's terminal and a process: the same for `run`, `start -a`, `attach` and `exec`.

use crate::exit_code::Failure;
use crate::{Outcome, terminal};
use std::os::fd::AsFd;
use std::time::Duration;
use teu_engine::parts::{Attach, DetachKeys, Exited, Link, Pump, PumpEnd};
use teu_engine::{Container, Engine};
use teu_kernel::signal::Signals;

/// What a conversation needs to know.
pub struct Conversation<'a> {
    /// Where it happens.
    pub engine: &'a Engine,
    /// Whose.
    pub container: &'a Container,
    /// Which streams.
    pub streams: Attach,
    /// The process has a terminal.
    pub tty: bool,
    /// The keys that leave it.
    pub detach_keys: DetachKeys,
    /// Signals for it.
    pub signals: Option<Signals>,
    /// Its first process, whose monitor may be found again; not an exec.
    pub is_first: bool,
}

/// Ended before it could do anything: a loader without its library, a shell without its script.
const AT_ONCE: Duration = Duration::from_secs(1);

/// The keys as typed, or docker's.
pub fn detach_keys(typed: Option<&str>) -> Result<DetachKeys, Failure> {
    match typed.filter(|keys| !keys.is_empty()) {
        None => Ok(DetachKeys::default()),
        Some(keys) => {
            DetachKeys::parse(keys).map_err(|error| Failure::new(error.to_string()).code(125))
        }
    }
}

impl Conversation<'_> {
    /// Moves bytes until the process ends (its status) or the user leaves (0).
    pub fn hold(self, mut link: Link) -> Outcome {
        loop {
            match self.pump(&mut link)? {
                PumpEnd::Exited(exited) => return self.ended(link, exited),
                PumpEnd::Detached => {
                    eprintln!("\nread escape sequence");
                    return Ok(0);
                }
                PumpEnd::Lost if self.is_first => match self.find_again()? {
                    Ok(again) => link = again,
                    Err(status) => return Ok(status),
                },
                PumpEnd::Lost => {
                    return Err(Failure::new(
                        "the container's monitor is gone, and with it the exit status",
                    )
                    .code(255));
                }
            }
        }
    }

    fn pump(&self, link: &mut Link) -> Result<PumpEnd, Failure> {
        let (stdin, stdout, stderr) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
        let has_terminal = self.tty && self.streams.stdin && terminal::stdin_is_terminal();
        Ok(link.pump(Pump {
            stdin: self.streams.stdin.then(|| stdin.as_fd()),
            stdout: self.streams.stdout.then(|| stdout.as_fd()),
            stderr: self.streams.stderr.then(|| stderr.as_fd()),
            detach_keys: self.tty.then(|| self.detach_keys.clone()),
            terminal: has_terminal.then(|| stdin.as_fd()),
            signals: self.signals.as_ref(),
        })?)
    }

    fn ended(&self, link: Link, exited: Exited) -> Outcome {
        let exit = &exited.exit;
        if let Some(note) = &exit.error {
            eprintln!("teu: {note}");
        }
        if self.is_first && exit.code != 0 && exit.finished_at.since(exit.started_at) < AT_ONCE {
            self.explain(exit.code);
        }
        if self.is_first {
            self.remark(&exited);
        }
        if exited.release {
            self.engine.follow_up(link, self.container.id())?;
        }
        Ok(exited.exit.code)
    }

    /// An end by the kernel or by a stranger is told in a sentence: nobody asked for it.
    fn remark(&self, exited: &Exited) {
        let exit = teu_engine::exit_of(&exited.exit);
        if let Some(sentence) = self.engine.remark(self.container, &exit) {
            eprintln!("teu: {sentence}\nhint: teu why {} tells more", self.container.state.name);
        }
    }

    /// A program that ended at once may miss something that can be named.
    fn explain(&self, code: u8) {
        if let Some((cause, remedy)) = self.engine.explain_end(self.container, code) {
            eprintln!("teu: {cause}\nhint: {remedy}");
        }
    }

    /// Its monitor was killed. Usually the container lives, and another monitor takes over.
    fn find_again(&self) -> Result<Result<Link, u8>, Failure> {
        match self.engine.attach(self.container.id().as_str(), self.streams) {
            Ok((_, link)) => Ok(Ok(link)),
            Err(_) => match self.engine.wait(self.container.id().as_str()) {
                Ok(exit) => {
                    if let Some(note) = &exit.note {
                        eprintln!("teu: {note}");
                    }
                    Ok(Err(exit.code))
                }
                Err(_) => Err(Failure::new("monitor lost: the container ended with it").code(255)),
            },
        }
    }
}
