//! One process that the monitor stays with, and the monitor's ends of its standard input and output.
//!
//! ```text
//!            process                          monitor
//! stdin      pipe, reading            ◄────   pipe, writing; or /dev/null
//! stdout     FIFO, reading + writing  ────►   FIFO, reading
//! stderr     FIFO, reading + writing  ────►   FIFO, reading
//! terminal   /dev/pts/0               ◄───►   master, and the other end, held so that it never hangs up
//! ```
//! The container's FIFOs have names in its run directory, where the next monitor finds them if this one
//! dies; those of an exec have none.

use crate::exit::{Exit, Sent};
use crate::log::{Stream, Timestamp};
use crate::request::{ExecAbout, RunFiles, Stdio};
use crate::visitor::VisitorId;
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use teu_kernel::read_write::{self, Moved};
use teu_kernel::{fifo, pidfd_info, tty, wait};
use teu_model::Event;
use teu_runtime::Running;

/// How much standard input and output may be on the way.
const PIPE_BYTES: usize = 256 * 1024;

/// A process that runs.
pub(crate) struct Session {
    pub pid: u32,
    /// When it started, for one that another monitor made; else 0.
    pub start_time: u64,
    pub pidfd: OwnedFd,
    pub channels: Channels,
    pub started_at: Timestamp,
    /// The last signals that verbs sent, the newest last.
    pub sent: Vec<Sent>,
    /// False for one that another monitor made.
    pub is_child: bool,
    /// What was asked, of an exec.
    pub asked: Box<Asked>,
}

/// An exec as it was asked for.
#[derive(Default)]
pub(crate) struct Asked {
    pub about: ExecAbout,
    /// Where its end is told.
    pub event: Option<(PathBuf, Event)>,
}

impl Session {
    pub fn new(running: Running, channels: Channels) -> Session {
        Session {
            pid: running.pid,
            start_time: 0,
            pidfd: running.pidfd,
            channels,
            started_at: Timestamp::now(),
            sent: Vec::new(),
            is_child: true,
            asked: Box::default(),
        }
    }

    /// How it ended; `None` where it has not, or its parent has not looked yet.
    pub fn reap(&self) -> io::Result<Option<Exit>> {
        let status = if self.is_child {
            wait::try_wait(self.pidfd.as_fd())?
        } else {
            let told = pidfd_info::exit_status(self.pidfd.as_fd())?;
            told.or_else(|| pidfd_info::zombie_status(self.pid, self.start_time))
        };
        let exit = status.map(|ended| Exit::new(ended, self.started_at));
        let stopped_by = self.sent.last().map(|sent| sent.by.clone());
        Ok(exit.map(|exit| Exit { stopped_by, sent: self.sent.clone(), ..exit }))
    }
}

/// The monitor's ends.
#[derive(Default)]
pub(crate) struct Channels {
    pub input: Option<Input>,
    outputs: [Option<OwnedFd>; 2],
    terminal: Option<(OwnedFd, Option<OwnedFd>)>,
    stdin: Stdio,
}

/// Standard input, and what is on its way there.
pub(crate) struct Input {
    file: OwnedFd,
    queue: VecDeque<(VisitorId, Vec<u8>, usize)>,
    /// It is closed once all is written.
    ends: bool,
}

impl Channels {
    /// Makes both ends for the container's first process: the process's and ours.
    pub fn for_container(
        run_dir: &Path,
        stdin: Stdio,
        terminal: bool,
    ) -> io::Result<(teu_runtime::Stdio, Channels)> {
        if terminal {
            return Ok(Channels::for_terminal(stdin));
        }
        Channels::for_streams(stdin, |stream| {
            let path = RunFiles::fifo(run_dir, stream);
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => fifo::make(&path)?,
            }
            Ok((fifo::open_reader(&path)?, fifo::open_both(&path)?))
        })
    }

    /// Makes both ends for an exec.
    pub fn for_exec(stdin: Stdio, terminal: bool) -> io::Result<(teu_runtime::Stdio, Channels)> {
        if terminal {
            return Ok(Channels::for_terminal(stdin));
        }
        Channels::for_streams(stdin, |_| fifo::output_pipe())
    }

    /// Our ends of a container that runs and lost its monitor. Its input is closed, its terminal gone.
    pub fn adopted(run_dir: &Path, stdin: Stdio) -> Channels {
        let open = |stream| fifo::open_reader(&RunFiles::fifo(run_dir, stream)).ok();
        let outputs = [open(Stream::Stdout), open(Stream::Stderr)];
        Channels { outputs, stdin, ..Channels::default() }
    }

    fn for_terminal(stdin: Stdio) -> (teu_runtime::Stdio, Channels) {
        (teu_runtime::Stdio::Terminal, Channels { stdin, ..Channels::default() })
    }

    fn for_streams(
        stdin: Stdio,
        output: impl Fn(Stream) -> io::Result<(OwnedFd, OwnedFd)>,
    ) -> io::Result<(teu_runtime::Stdio, Channels)> {
        let (our_stdout, stdout) = output(Stream::Stdout)?;
        let (our_stderr, stderr) = output(Stream::Stderr)?;
        let (their_stdin, input) = if stdin.stdin {
            let (reader, writer) = fifo::input_pipe()?;
            (reader, Some(Input::new(writer)))
        } else {
            (File::open("/dev/null")?.into(), None)
        };
        for pipe in [&our_stdout, &their_stdin] {
            // Refused for /dev/null, and where the user has too many: then they stay as small as they are.
            fifo::set_capacity(pipe.as_fd(), PIPE_BYTES).unwrap_or(());
        }
        let outputs = [Some(our_stdout), Some(our_stderr)];
        let channels = Channels { input, outputs, terminal: None, stdin };
        Ok((teu_runtime::Stdio::Fds([their_stdin, stdout, stderr]), channels))
    }

    /// The terminal that the runtime made.
    pub fn set_terminal(&mut self, master: OwnedFd) -> io::Result<()> {
        read_write::set_nonblocking(master.as_fd())?;
        if self.stdin.stdin {
            self.input = Some(Input::new(master.try_clone()?));
        }
        self.outputs = [Some(master.try_clone()?), None];
        // Held open: a terminal that nobody has open hangs up, and poll(2) would tell so without end.
        let other_end = tty::open_peer(master.as_fd()).ok();
        self.terminal = Some((master, other_end));
        Ok(())
    }

    pub fn terminal(&self) -> Option<BorrowedFd<'_>> {
        self.terminal.as_ref().map(|(master, _)| master.as_fd())
    }

    pub fn output(&self, stream: Stream) -> Option<BorrowedFd<'_>> {
        self.outputs[stream as usize].as_ref().map(AsFd::as_fd)
    }

    /// Reads what is there, up to `buffer`'s length.
    pub fn read(&mut self, stream: Stream, buffer: &mut [u8]) -> Moved {
        let Some(file) = self.output(stream) else { return Moved::End };
        // An error is the end of this stream: the process may close its own output in strange ways, and that
        // shall not end the others'.
        let moved = read_write::read(file, buffer).unwrap_or(Moved::End);
        if moved == Moved::End {
            self.outputs[stream as usize] = None;
        }
        moved
    }

    /// A visitor said that nothing more comes, or left.
    pub fn end_input(&mut self) {
        // The end of a terminal's input is a character, not a closed pipe.
        if self.stdin.stdin_once
            && self.terminal.is_none()
            && let Some(input) = &mut self.input
        {
            input.ends = true;
            if input.queue.is_empty() {
                self.input = None;
            }
        }
    }

    /// Takes bytes for standard input; returns how many of them were taken by the process at once, or can go
    /// nowhere. The rest waits.
    pub fn take_input(&mut self, from: VisitorId, bytes: &[u8]) -> usize {
        let Some(input) = self.input.as_mut().filter(|input| !input.ends) else {
            return bytes.len();
        };
        let mut done = 0;
        while input.queue.is_empty() && done < bytes.len() {
            match read_write::write(input.file.as_fd(), &bytes[done..]).unwrap_or(Moved::End) {
                Moved::Bytes(count) => done += count,
                Moved::NotNow => break,
                Moved::End => {
                    self.input = None;
                    return bytes.len();
                }
            }
        }
        if done < bytes.len() {
            input.queue.push_back((from, bytes[done..].to_vec(), 0));
        }
        done
    }

    /// Standard input, while something is on its way there.
    pub fn input_wanted(&self) -> Option<BorrowedFd<'_>> {
        self.input.as_ref().filter(|input| !input.queue.is_empty()).map(|input| input.file.as_fd())
    }

    /// Writes what fits; returns whose bytes were taken, and how many. When the process has closed its
    /// input, all of them are.
    pub fn write_input(&mut self) -> Vec<(VisitorId, usize)> {
        let mut taken = Vec::new();
        let Some(input) = &mut self.input else { return taken };
        while let Some((from, bytes, done)) = input.queue.front_mut() {
            match read_write::write(input.file.as_fd(), &bytes[*done..]).unwrap_or(Moved::End) {
                Moved::Bytes(count) => {
                    taken.push((*from, count));
                    *done += count;
                    if *done == bytes.len() {
                        input.queue.pop_front();
                    }
                }
                Moved::NotNow => return taken,
                Moved::End => {
                    let rest = input.queue.drain(..);
                    taken.extend(rest.map(|(from, bytes, done)| (from, bytes.len() - done)));
                    self.input = None;
                    return taken;
                }
            }
        }
        if input.ends {
            self.input = None;
        }
        taken
    }
}

impl Input {
    fn new(file: OwnedFd) -> Input {
        Input { file, queue: VecDeque::new(), ends: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    const ONCE: Stdio = Stdio { stdin: true, stdin_once: true };

    fn ends(stdin: Stdio) -> ([File; 3], Channels) {
        let (theirs, ours) = Channels::for_exec(stdin, false).unwrap();
        let teu_runtime::Stdio::Fds(fds) = theirs else { panic!("no terminal was asked for") };
        (fds.map(File::from), ours)
    }

    #[test]
    fn input_ends_once_all_of_it_is_written() {
        let ([mut stdin, ..], mut ours) = ends(ONCE);
        let at_once = ours.take_input(1, &[b'a'; 1_000_000]);
        assert!(at_once > 0 && at_once < 1_000_000);
        assert_eq!(ours.take_input(2, &[b'b'; 10]), 0);
        ours.end_input();
        assert_eq!(ours.take_input(2, b"c"), 1, "lost");
        let mut taken = at_once;
        let mut text = Vec::new();
        while ours.input_wanted().is_some() {
            taken += ours.write_input().iter().map(|(_, count)| count).sum::<usize>();
            let mut some = vec![0; 50_000];
            let count = stdin.read(&mut some).unwrap();
            text.extend_from_slice(&some[..count]);
        }
        stdin.read_to_end(&mut text).unwrap();
        assert_eq!((taken, text.len(), text.last()), (1_000_010, 1_000_010, Some(&b'b')));
    }

    #[test]
    fn bytes_for_a_closed_input_are_taken() {
        let (theirs, mut ours) = ends(ONCE);
        let at_once = ours.take_input(1, &[0; 1_000_000]);
        drop(theirs);
        assert_eq!(ours.write_input(), [(1, 1_000_000 - at_once)]);
        assert_eq!(ours.take_input(1, &[0; 5]), 5);
    }

    #[test]
    fn output_comes_as_it_is_written() {
        let ([_, mut stdout, stderr], mut ours) = ends(Stdio::default());
        let mut buffer = [0; 16];
        assert_eq!(ours.read(Stream::Stdout, &mut buffer), Moved::NotNow);
        stdout.write_all(b"out").unwrap();
        assert_eq!(ours.read(Stream::Stdout, &mut buffer), Moved::Bytes(3));
        assert_eq!(ours.read(Stream::Stderr, &mut buffer), Moved::NotNow);
        drop(stderr);
        assert_eq!(ours.read(Stream::Stderr, &mut buffer), Moved::End);
        assert!(ours.output(Stream::Stderr).is_none());
    }
}
