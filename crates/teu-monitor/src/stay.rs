//! A monitor's life: away from its caller, then one loop until nothing is left to stay for.

use crate::log::Stream;
use crate::monitor::{Monitor, as_fd};
use crate::request::Target;
use crate::visitor::VisitorId;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use teu_kernel::exec_self;
use teu_kernel::poll::{PollFd, PollFlags, poll};

/// What a journal or a syslog did not take is sent again after so long.
const SEND_AGAIN: Duration = Duration::from_millis(100);

/// After so long without anything to do, memory that is not needed is given back.
const IDLE: Duration = Duration::from_secs(1);

/// The whole of a monitor: `main` hands over to it when the first argument is
/// [`MONITOR_NAME`](crate::MONITOR_NAME). Returns the process's exit code.
pub fn stay(arguments: &[String]) -> u8 {
    // Nothing of ours is open yet beyond the socket.
    let close_from = u32::try_from(exec_self::PASSED_FD + 1).unwrap_or(4);
    if exec_self::settle(c"teu-monitor", close_from).is_err() {
        return 1;
    }
    let (Some(run_dir), Some(socket)) = (arguments.get(2), exec_self::take_passed_fd()) else {
        return 2;
    };
    let mut monitor = Monitor::new(PathBuf::from(run_dir));
    monitor.raise_open_files();
    let Some(starter) = monitor.welcome(socket) else { return 1 };
    if arguments.get(3).is_some_and(|word| word == crate::client::ADOPT) {
        monitor.adopter = Some(starter);
        if monitor.adopt().is_err() {
            return 1;
        }
    } else {
        monitor.starter = Some(starter);
    }
    while !monitor.is_over() {
        if !monitor.turn() {
            return 1;
        }
    }
    0
}

/// Something that was found ready.
enum Event {
    Connection,
    Visitor(VisitorId, PollFlags),
    Output(Target, Stream),
    Input(Target),
    Process(Target),
    After,
    Health,
}

impl Monitor {
    /// Waits for whatever comes first, and does what is to be done. False when waiting itself fails.
    fn turn(&mut self) -> bool {
        let Ok(events) = self.wait_for_events() else { return false };
        if events.is_empty() && self.swollen {
            self.shrink();
        }
        if let Some(log) = self.log.as_mut().filter(|log| log.is_waiting()) {
            log.send();
        }
        self.start_again_if_due();
        self.see_to_health();
        if self.look_again.is_some_and(|at| at <= Instant::now()) {
            self.look_at(&Target::Container);
        }
        for event in events {
            self.handle(event);
        }
        self.see_off();
        true
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Connection => self.accept(),
            Event::Visitor(id, flags) => {
                if flags.contains(PollFlags::OUT)
                    && let Some(visitor) = self.visitors.get_mut(&id)
                {
                    visitor.flush();
                }
                // A closed connection shows as readable too.
                if flags.intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR) {
                    self.hear(id);
                }
            }
            Event::Output(target, stream) => {
                self.read_output(&target, stream);
            }
            Event::Input(target) => self.write_input(&target),
            Event::Process(target) => self.look_at(&target),
            Event::After => self.after_ended(),
            Event::Health => self.health_moved(),
        }
    }

    fn wait_for_events(&self) -> std::io::Result<Vec<Event>> {
        let mut fds = Vec::new();
        let mut events = Vec::new();
        if let Some(listener) = &self.listener {
            fds.push(PollFd::new(listener, PollFlags::IN));
            events.push(Event::Connection);
        }
        for (&id, visitor) in &self.visitors {
            let send = if visitor.is_behind() { PollFlags::OUT } else { PollFlags::empty() };
            fds.push(PollFd::from_borrowed_fd(visitor.socket(), PollFlags::IN | send));
            events.push(Event::Visitor(id, PollFlags::empty()));
        }
        let execs = self.execs.keys().cloned().map(Target::Exec);
        for target in [Target::Container].into_iter().chain(execs) {
            self.add_session(&target, &mut fds, &mut events);
        }
        if let Some((socket, flags)) = self.health_socket() {
            fds.push(PollFd::new(socket, flags));
            events.push(Event::Health);
        }
        if let Some(after) = &self.after {
            fds.push(PollFd::from_borrowed_fd(as_fd(after), PollFlags::IN));
            events.push(Event::After);
        }
        poll(&mut fds, self.patience())?;
        let ready = events.into_iter().zip(&fds).filter(|(_, fd)| !fd.revents().is_empty());
        let with_flags = ready.map(|(event, fd)| match event {
            Event::Visitor(id, _) => Event::Visitor(id, fd.revents()),
            other => other,
        });
        Ok(with_flags.collect())
    }

    fn add_session<'a>(
        &'a self,
        target: &Target,
        fds: &mut Vec<PollFd<'a>>,
        events: &mut Vec<Event>,
    ) {
        let Some(session) = self.session(target) else { return };
        let mut want = |fd, flags, event| {
            fds.push(PollFd::from_borrowed_fd(fd, flags));
            events.push(event);
        };
        let somebody_is_behind =
            self.visitors.values().any(|visitor| visitor.watches(target) && visitor.is_behind());
        for stream in [Stream::Stdout, Stream::Stderr] {
            if let (Some(output), false) = (session.channels.output(stream), somebody_is_behind) {
                want(output, PollFlags::IN, Event::Output(target.clone(), stream));
            }
        }
        if let Some(input) = session.channels.input_wanted() {
            want(input, PollFlags::OUT, Event::Input(target.clone()));
        }
        // Last, so that what a process wrote is read before its end is seen. One that has ended and waits for its
        // parent stays readable: then only being reaped (POLLHUP) is news.
        let flags = if self.look_again.is_some() { PollFlags::empty() } else { PollFlags::IN };
        want(session.pidfd.as_fd(), flags, Event::Process(target.clone()));
    }

    /// How long to wait when nothing happens.
    fn patience(&self) -> Option<Duration> {
        let idle = self.swollen.then_some(IDLE);
        let again = self.look_again.map(|at| at.saturating_duration_since(Instant::now()));
        let restart = self.again_in();
        let log = self.log_waits().then_some(SEND_AGAIN);
        idle.into_iter().chain(log).chain(again).chain(restart).chain(self.health_in()).min()
    }
}
