//! Health: the monitor asks the container, from time to time, whether it is well.
//!
//! A command runs as an exec does; a connection is made from inside the container's network namespace,
//! without a process. `health.json` tells how it stands. What is done with an unhealthy one is a signal like any
//! other: what follows on the end is somebody else's.

use crate::exit::Exit;
use crate::log::Timestamp;
use crate::monitor::{Monitor, as_fd};
use crate::request::{RunFiles, Stdio, Target};
use crate::session::{Channels, Session};
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use teu_kernel::durable::{self, Durability};
use teu_kernel::libc::SIGKILL;
use teu_kernel::poll::PollFlags;
use teu_kernel::read_write::{self, Moved};
use teu_kernel::{append, netns, tcp};
use teu_model::{Event, Health, HealthCheck, HealthResult, OnUnhealthy, Probe};
use teu_oci::runtime::NamespaceKind;
use teu_runtime::ExecPlan;

/// The target under which a check's process runs.
const CHECK: &str = "health";
/// Whether that is the name of a check's process, not of an exec.
pub(crate) fn is_check(id: &str) -> bool {
    id == CHECK
}

/// No more of what a check writes is kept.
const OUTPUT_BYTES_MAX: usize = 4096;
/// An unhealthy container that is stopped has so long to obey.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// What a start says of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HealthPlan {
    /// How, when, and what follows.
    pub check: HealthCheck,
    /// The process, for a check by command.
    pub exec: Option<ExecPlan>,
    /// Where a change is told, and how such an event looks but for its action and time.
    pub event: Option<(PathBuf, Event)>,
}

/// A container's health while it runs.
pub(crate) struct Watch {
    plan: HealthPlan,
    health: Health,
    since: Instant,
    next: Instant,
    current: Option<Current>,
    /// It was asked to stop, and is killed then.
    kill_at: Option<Instant>,
}

/// A check that is under way.
struct Current {
    start: Timestamp,
    deadline: Instant,
    output: Vec<u8>,
    /// For one without a process.
    socket: Option<OwnedFd>,
    is_connected: bool,
}

impl Watch {
    fn in_start_period(&self) -> bool {
        self.since.elapsed() < Duration::from_millis(self.plan.check.start_period_ms)
    }

    fn wait(&self) -> Duration {
        let check = &self.plan.check;
        let starting = self.health.status == teu_model::HealthStatus::Starting;
        let ms = if starting && self.in_start_period() {
            check.start_interval_ms
        } else {
            check.interval_ms
        };
        Duration::from_millis(ms)
    }
}

impl Monitor {
    /// The container runs: begins to look after it.
    pub(crate) fn watch_health(&mut self, plan: Option<HealthPlan>) {
        self.health = plan.map(|plan| {
            let now = Instant::now();
            let health = Health::starting();
            let mut watch =
                Watch { plan, health, since: now, next: now, current: None, kill_at: None };
            watch.next = now + watch.wait();
            watch
        });
        self.write_health();
    }

    /// The container has ended.
    pub(crate) fn end_health(&mut self) {
        self.health = None;
        self.execs.remove(CHECK);
    }

    /// When something is to be done.
    pub(crate) fn health_in(&self) -> Option<Duration> {
        let watch = self.health.as_ref()?;
        let next = watch.current.as_ref().map_or(watch.next, |current| current.deadline);
        let at = watch.kill_at.map_or(next, |kill_at| kill_at.min(next));
        Some(at.saturating_duration_since(Instant::now()))
    }

    /// Begins a check that is due, ends one that takes too long.
    pub(crate) fn see_to_health(&mut self) {
        let now = Instant::now();
        let Some(watch) = &mut self.health else { return };
        if watch.kill_at.is_some_and(|at| at <= now) {
            watch.kill_at = None;
            self.signal_for_health("health-stop", SIGKILL);
        }
        let Some(watch) = &mut self.health else { return };
        match &watch.current {
            Some(current) if current.deadline <= now => {
                let seconds = watch.plan.check.timeout_ms as f64 / 1000.0;
                self.execs.remove(CHECK).map(kill).unwrap_or(());
                self.check_ended(-1, Some(format!("Health check exceeded timeout ({seconds}s)")));
            }
            None if watch.next <= now => self.begin_check(),
            _ => {}
        }
    }

    fn begin_check(&mut self) {
        let Some(watch) = &mut self.health else { return };
        let timeout = Duration::from_millis(watch.plan.check.timeout_ms);
        watch.current = Some(Current {
            start: Timestamp::now(),
            deadline: Instant::now() + timeout,
            output: Vec::new(),
            socket: None,
            is_connected: false,
        });
        let begun = match watch.plan.check.probe {
            Probe::Command(_) => self.begin_command(),
            Probe::Tcp(port) | Probe::Http { port, .. } => self.begin_connection(port),
        };
        if let Err(why) = begun {
            self.check_ended(-1, Some(why));
        }
    }

    fn begin_command(&mut self) -> Result<(), String> {
        let plan = self.health.as_ref().and_then(|watch| watch.plan.exec.as_ref());
        let (Some(plan), Some(container)) = (plan, self.container()) else {
            return Err("there is nothing to run".to_string());
        };
        let (stdio, channels) =
            Channels::for_exec(Stdio::default(), false).map_err(|error| error.to_string())?;
        let group = self.record.as_ref().and_then(|record| record.group.as_ref());
        let group = group.and_then(|group| group.v2_dir_fd().ok().flatten());
        let into = teu_runtime::Target {
            pidfd: as_fd(&container.pidfd),
            pid: container.pid,
            cgroup_v2: group.as_ref().map(AsFd::as_fd),
        };
        let running = teu_runtime::exec(plan, into, stdio).map_err(|error| error.to_string())?;
        self.execs.insert(CHECK.to_string(), Session::new(running, channels));
        Ok(())
    }

    fn begin_connection(&mut self, port: u16) -> Result<(), String> {
        let to = SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
        let inside = self.namespaces.iter().find(|(kind, _)| *kind == NamespaceKind::Network);
        let socket = match inside {
            Some((_, inside)) => netns::current()
                .and_then(|home| netns::visit(home.as_fd(), inside.as_fd(), || tcp::connect(to)))
                .and_then(|made| made),
            // The host's own.
            None => tcp::connect(to),
        };
        let socket = socket.map_err(|error| format!("connect to port {port}: {error}"))?;
        if let Some(current) = self.health.as_mut().and_then(|watch| watch.current.as_mut()) {
            current.socket = Some(socket);
        }
        Ok(())
    }

    /// The connection of a check, and what is awaited of it.
    pub(crate) fn health_socket(&self) -> Option<(&OwnedFd, PollFlags)> {
        let current = self.health.as_ref()?.current.as_ref()?;
        let flags = if current.is_connected { PollFlags::IN } else { PollFlags::OUT };
        Some((current.socket.as_ref()?, flags))
    }

    /// Something happened on it.
    pub(crate) fn health_moved(&mut self) {
        let Some(watch) = &mut self.health else { return };
        let Some(current) = &mut watch.current else { return };
        let Some(socket) = &current.socket else { return };
        let path = match &watch.plan.check.probe {
            Probe::Http { path, .. } => Some(path.clone()),
            _ => None,
        };
        if !current.is_connected {
            if let Err(error) = tcp::outcome(socket.as_fd()) {
                return self.check_ended(1, Some(error.to_string()));
            }
            let Some(path) = path else { return self.check_ended(0, None) };
            current.is_connected = true;
            let request = format!(
                "GET {path} HTTP/1.0\r\nHost: localhost\r\nUser-Agent: teu-health\r\nConnection: close\r\n\r\n"
            );
            // Shorter than any socket's buffer.
            if let Err(error) = read_write::write(socket.as_fd(), request.as_bytes()) {
                return self.check_ended(1, Some(error.to_string()));
            }
            return;
        }
        let mut buffer = [0; OUTPUT_BYTES_MAX];
        let moved = read_write::read(socket.as_fd(), &mut buffer).unwrap_or(Moved::End);
        if let Moved::Bytes(count) = moved {
            current.output.extend_from_slice(&buffer[..count]);
        }
        let line = current.output.iter().position(|&byte| byte == b'\n');
        if line.is_none() && moved != Moved::End && current.output.len() < OUTPUT_BYTES_MAX {
            return;
        }
        let text = String::from_utf8_lossy(&current.output[..line.unwrap_or(0)]).into_owned();
        let status = text.split_ascii_whitespace().nth(1).and_then(|word| word.parse::<u16>().ok());
        let well = status.is_some_and(|status| (200..400).contains(&status));
        current.output = text.trim_end().as_bytes().to_vec();
        let why = status.is_none().then(|| "no answer as HTTP has it".to_string());
        self.check_ended(i32::from(!well), why);
    }

    /// True for what a check wrote: nobody else gets it.
    pub(crate) fn takes_as_health(&mut self, target: &Target, bytes: &[u8]) -> bool {
        if *target != Target::Exec(CHECK.to_string()) {
            return false;
        }
        if let Some(current) = self.health.as_mut().and_then(|watch| watch.current.as_mut()) {
            let room = OUTPUT_BYTES_MAX.saturating_sub(current.output.len());
            current.output.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
        true
    }

    /// True for a check's own end.
    pub(crate) fn ends_as_health(&mut self, id: &str, exit: &Exit) -> bool {
        if id == CHECK {
            self.execs.remove(CHECK);
            self.check_ended(i32::from(exit.code), None);
        }
        id == CHECK
    }

    fn check_ended(&mut self, code: i32, why: Option<String>) {
        let Some(watch) = &mut self.health else { return };
        let Some(current) = watch.current.take() else { return };
        let output = why.unwrap_or_else(|| String::from_utf8_lossy(&current.output).into_owned());
        let moment = |at: Timestamp| {
            teu_model::Timestamp(at.unix_secs() * 1_000_000_000 + u64::from(at.nanos()))
        };
        let (start, end) = (moment(current.start), moment(Timestamp::now()));
        let counts = !watch.in_start_period();
        let result = HealthResult { start, end, code, output };
        let changed = watch.health.add(result, watch.plan.check.retries, counts);
        watch.next = Instant::now() + watch.wait();
        self.write_health();
        if changed {
            self.health_changed();
        }
    }

    fn health_changed(&mut self) {
        let Some(watch) = &self.health else { return };
        let status = watch.health.status;
        if let Some((path, event)) = &watch.plan.event {
            let mut event = event.clone();
            event.action = format!("health_status: {}", status.word());
            event.time = teu_model::Timestamp::from(std::time::SystemTime::now());
            if let Ok(mut line) = serde_json::to_vec(&event) {
                line.push(b'\n');
                // A full disk may cost an event.
                append::line(path, &line, 8 << 20).unwrap_or(());
            }
        }
        if status != teu_model::HealthStatus::Unhealthy {
            return;
        }
        let stop_signal = watch.plan.check.stop_signal.0;
        match watch.plan.check.on_failure {
            OnUnhealthy::None => {}
            OnUnhealthy::Kill => self.signal_for_health("health", SIGKILL),
            OnUnhealthy::Restart => self.signal_for_health("health-restart", SIGKILL),
            OnUnhealthy::Stop => {
                self.signal_for_health("health-stop", stop_signal);
                if let Some(watch) = &mut self.health {
                    watch.kill_at = Some(Instant::now() + STOP_LIMIT);
                }
            }
        }
    }

    fn signal_for_health(&mut self, by: &str, signal: i32) {
        // Refused where it has just ended: then there is nothing to end.
        self.signal(&Target::Container, signal, Some(by.to_string())).map(drop).unwrap_or(());
    }

    fn write_health(&self) {
        let Some(watch) = &self.health else { return };
        let Ok(text) = serde_json::to_vec(&watch.health) else { return };
        let path = self.run_dir.join(RunFiles::HEALTH);
        // It can be looked up once more at the next check.
        durable::replace(&path, &text, 0o600, Durability::ThisBoot).unwrap_or(());
    }
}

/// One that takes too long: killed, and reaped by the kernel's leave once it is gone.
fn kill(session: Session) {
    teu_kernel::pidfd::pidfd_send_signal(as_fd(&session.pidfd), SIGKILL).unwrap_or(());
    // SIGKILL needs no time that a user would notice; a process stuck in the disk stays for the kernel.
    let gone = teu_kernel::poll::wait_readable(session.pidfd.as_fd(), Duration::from_millis(100));
    if gone.unwrap_or(false) {
        session.reap().map(drop).unwrap_or(());
    }
}
