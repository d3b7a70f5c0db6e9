//! The parent's side of a start: [`clone`], then [`Cloned::go`].

use crate::child::report::{Failure, MESSAGE_MAX, Message};
use crate::child::{self, Program};
use crate::error::{Errno, Stage, StartError};
use crate::plan::{NamespaceKind, Plan, ProcessPlan};
use crate::prepare::{self, Prepared};
use std::collections::VecDeque;
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use teu_kernel::clone::{CloneArgs, clone3};
use teu_kernel::wait::Ended;
use teu_kernel::{libc, pidfd, rlimit, unix, wait};

/// Descriptors that go beside a plan.
#[derive(Debug)]
pub struct StartFds {
    /// The root, with [`RootSource::Descriptor`](crate::RootSource): a detached mount.
    pub root: Option<OwnedFd>,
    /// Standard input, output and error.
    pub stdio: Stdio,
    /// The cgroup v2 directory, with [`CgroupJoin::into_v2`](crate::CgroupJoin).
    pub cgroup_v2: Option<OwnedFd>,
    /// Namespaces to join that the plan has no path for.
    pub join: Vec<(NamespaceKind, OwnedFd)>,
    /// Detached mounts, in the order in which the plan puts them into their places.
    pub mounts: Vec<OwnedFd>,
}

/// Where a program reads and writes.
#[derive(Debug)]
pub enum Stdio {
    /// Input, output and error, as handed in.
    Fds([OwnedFd; 3]),
    /// A terminal made in the container; its master comes back in [`Running`].
    Terminal,
}

/// K, assembling its root or waiting at its gate. Dropped, it is killed and reaped.
#[derive(Debug)]
pub struct Cloned {
    process: Process,
    socket: OwnedFd,
    names: Names,
}

/// A program that runs. Its parent is the caller, who has to reap it.
#[derive(Debug)]
pub struct Running {
    /// Its number in the caller's PID namespace.
    pub pid: u32,
    /// It, whatever becomes of its number.
    pub pidfd: OwnedFd,
    /// The master of its terminal, if it has one.
    pub console_master: Option<OwnedFd>,
}

/// Makes K, which begins at once to assemble its root.
pub fn clone(plan: &Plan, fds: StartFds) -> Result<Cloned, StartError> {
    let prepared = prepare::prepare(plan, fds)?;
    let names = Names::of_start(plan, &prepared.start.program);
    let (socket, process) = make(&prepared, &names)?;
    let cloned = Cloned { process, socket, names };
    if let Some(maps) = &plan.id_maps {
        let pid = cloned.process.pid;
        let write = |file: &str, map: &str| fs::write(format!("/proc/{pid}/{file}"), map);
        write("uid_map", &maps.uid)
            .and_then(|()| write("gid_map", &maps.gid))
            .and_then(|()| unix::send(cloned.socket.as_fd(), &[b"m"], &[]))
            .map_err(|error| StartError::new(Stage::IdMap, "", &error))?;
    }
    Ok(cloned)
}

fn make(prepared: &Prepared, names: &Names) -> Result<(OwnedFd, Process), StartError> {
    let failed = |error: io::Error| StartError::new(Stage::Clone, "", &error);
    let (ours, its) = socket_pair().map_err(failed)?;
    let (start, number) = (&prepared.start, ours.as_raw_fd());
    let cgroup = prepared.cgroup_v2.as_ref().map(AsFd::as_fd);
    let Some(helper) = &prepared.helper else {
        let args = CloneArgs { namespaces: prepared.new, sibling: false, cgroup };
        let (pid, pidfd) =
            clone3(&args, &mut || child::run_start(start, its.as_fd(), number)).map_err(failed)?;
        return Ok((ours, Process { pid, pidfd: Some(pidfd), said: VecDeque::new() }));
    };
    let args = CloneArgs { cgroup, ..CloneArgs::default() };
    let (_, helping) = clone3(&args, &mut || child::run_helper(helper, start, its.as_fd(), number))
        .map_err(failed)?;
    drop(its);
    let process = from_helper(ours.as_fd(), helping.as_fd(), names)?;
    Ok((ours, process))
}

/// The process that a helper has made as our child. The helper is reaped.
pub(crate) fn from_helper(
    socket: BorrowedFd<'_>,
    helper: BorrowedFd<'_>,
    names: &Names,
) -> Result<Process, StartError> {
    let failed = |error: &io::Error| StartError::new(Stage::Clone, "", error);
    // The two run side by side: what K says may come before its number does.
    let mut said = VecDeque::new();
    loop {
        let (message, fd) = receive(socket).map_err(|error| failed(&error))?;
        match message {
            Message::Pid(pid) => {
                wait::wait(helper).map_err(|error| failed(&error))?;
                // It is our child and not reaped, so the number is still its own.
                let pidfd = pidfd::pidfd_open(pid).map_err(|error| failed(&error))?;
                return Ok(Process { pid, pidfd: Some(pidfd), said });
            }
            Message::HelperFailed(failure) => {
                wait::wait(helper).map_err(|error| failed(&error))?;
                return Err(names.tell(&failure));
            }
            Message::End | Message::Nonsense => return Err(ended_early(wait::wait(helper))),
            of_k => said.push_back((of_k, fd)),
        }
    }
}

/// Both ends above the numbers that K gives to standard input, output and error.
pub(crate) fn socket_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let (ours, its) = unix::seqpacket_pair()?;
    if its.as_raw_fd() > 2 {
        return Ok((ours, its));
    }
    Ok((ours, teu_kernel::child_fs::duplicate_above(its.as_fd(), 3)?))
}

impl Cloned {
    /// Its number in the caller's PID namespace.
    pub fn pid(&self) -> u32 {
        self.process.pid
    }

    /// It, whatever becomes of its number.
    pub fn pidfd(&self) -> BorrowedFd<'_> {
        self.process.pidfd()
    }

    /// Readable when K has something to say: then [`Cloned::go`] does not wait long.
    pub fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// A namespace of K's (an open file of `/proc/PID/ns`), for joining, and for keeping it alive.
    ///
    /// A cgroup namespace of its own K makes a little later than it is made itself.
    pub fn namespace(&self, kind: NamespaceKind) -> Result<OwnedFd, StartError> {
        // K is our child and not reaped, so the number is still its own.
        let path = format!("/proc/{}/ns/{}", self.pid(), kind.proc_name());
        let file = fs::File::open(&path);
        file.map(OwnedFd::from).map_err(|error| StartError::new(Stage::Open, path, &error))
    }

    /// K's network namespace.
    pub fn netns(&self) -> Result<OwnedFd, StartError> {
        self.namespace(NamespaceKind::Network)
    }

    /// K's mount namespace.
    pub fn mntns(&self) -> Result<OwnedFd, StartError> {
        self.namespace(NamespaceKind::Mount)
    }

    /// Waits until K stands at its gate, lets it through, and waits until it has become its program.
    pub fn go(self) -> Result<Running, StartError> {
        let Cloned { process, socket, names } = self;
        process.go(socket, &names)
    }
}

/// A child of ours on its way to its program. Dropped, it is killed and reaped.
#[derive(Debug)]
pub(crate) struct Process {
    pub pid: u32,
    /// Gone once it has become its program.
    pub pidfd: Option<OwnedFd>,
    /// What it said before it was known.
    said: VecDeque<(Message, Option<OwnedFd>)>,
}

impl Process {
    fn pidfd(&self) -> BorrowedFd<'_> {
        #[expect(clippy::expect_used, reason = "only `go` takes it, and consumes the process")]
        self.pidfd.as_ref().expect("there until the program runs").as_fd()
    }

    pub(crate) fn go(mut self, socket: OwnedFd, names: &Names) -> Result<Running, StartError> {
        let console_master = self.wait_until_ready(socket.as_fd(), names)?;
        self.set_limits(names)?;
        let said = unix::send(socket.as_fd(), &[b"g"], &[]).and_then(|()| receive(socket.as_fd()));
        match said {
            Ok((Message::End, _)) => {}
            Ok((Message::Failed(failure), _)) => return Err(names.tell(&failure)),
            Ok(_) => return Err(nonsense()),
            Err(_) => return Err(self.ended_early()),
        }
        // The socket also ends when the process dies: then it has not become a program.
        let pidfd = self.pidfd.take().ok_or_else(nonsense)?;
        Ok(Running { pid: self.pid, pidfd, console_master })
    }

    fn wait_until_ready(
        &mut self,
        socket: BorrowedFd<'_>,
        names: &Names,
    ) -> Result<Option<OwnedFd>, StartError> {
        let mut console = None;
        loop {
            match self.said.pop_front().map_or_else(|| receive(socket), Ok) {
                Ok((Message::Console, master)) => console = master,
                Ok((Message::Ready, _)) => return Ok(console),
                Ok((Message::Failed(failure), _)) => return Err(names.tell(&failure)),
                Ok((Message::End, _)) | Err(_) => return Err(self.ended_early()),
                Ok(_) => return Err(nonsense()),
            }
        }
    }

    /// From outside: a limit below what the start itself needs must not hit it, and raising one
    /// takes rights that it may not have any more.
    fn set_limits(&self, names: &Names) -> Result<(), StartError> {
        for &(resource, soft, hard) in &names.rlimits {
            rlimit::set(self.pid, resource, soft, hard).map_err(|error| {
                StartError::new(Stage::Rlimit, format!("RLIMIT_{}", rlimit::name(resource)), &error)
            })?;
        }
        if let Some(score) = names.oom_score_adj {
            // As low as it goes: lowering it takes a right that an engine in a container lacks.
            let file = format!("/proc/{}/oom_score_adj", self.pid);
            fs::write(file, score.to_string()).unwrap_or(());
        }
        Ok(())
    }

    fn ended_early(&self) -> StartError {
        // Whoever let go of the socket without becoming a program is about to end.
        pidfd::pidfd_send_signal(self.pidfd(), libc::SIGKILL).unwrap_or(());
        ended_early(Ok(Ended::Killed(9)))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(pidfd) = &self.pidfd {
            // Its end is certain either way, and nobody is left to be told.
            pidfd::pidfd_send_signal(pidfd.as_fd(), libc::SIGKILL).unwrap_or(());
            wait::wait(pidfd.as_fd()).map(drop).unwrap_or(());
        }
    }
}

fn receive(socket: BorrowedFd<'_>) -> io::Result<(Message, Option<OwnedFd>)> {
    let mut buffer = [0; MESSAGE_MAX];
    let (length, mut fds) = unix::receive(socket, &mut buffer)?;
    Ok((Message::parse(&buffer[..length]), fds.pop()))
}

fn nonsense() -> StartError {
    StartError::new(Stage::Gate, "", &io::Error::from_raw_os_error(libc::EPROTO))
}

fn ended_early(ended: io::Result<Ended>) -> StartError {
    let detail = match ended {
        Ok(Ended::Killed(signal) | Ended::Dumped(signal)) => format!("signal {signal}"),
        Ok(Ended::Exited(status)) => format!("status {status}"),
        Err(error) => error.to_string(),
    };
    StartError { stage: Stage::Gate, object: String::new(), detail, source: None }
}

/// What the numbers in a report stand for.
#[derive(Debug, Default)]
pub(crate) struct Names {
    cgroup: Vec<String>,
    join: Vec<String>,
    mounts: Vec<String>,
    devices: Vec<String>,
    sysctls: Vec<String>,
    masked: Vec<String>,
    readonly: Vec<String>,
    cwd: String,
    user: String,
    program: String,
    candidates: Vec<String>,
    rlimits: Vec<(u32, u64, u64)>,
    oom_score_adj: Option<i32>,
}

impl Names {
    fn of_start(plan: &Plan, program: &Program) -> Names {
        let rooted = |paths: &[String]| paths.iter().map(|path| format!("/{path}")).collect();
        Names {
            join: plan.join.iter().map(|join| join.kind.proc_name().to_string()).collect(),
            mounts: plan.mounts.iter().map(child::describe).collect(),
            devices: plan.devices.iter().map(|device| format!("/{}", device.path)).collect(),
            sysctls: plan.sysctls.iter().map(|(name, _)| name.replace('/', ".")).collect(),
            masked: rooted(&plan.masked),
            readonly: rooted(&plan.readonly),
            ..Names::of_process(&plan.process, program)
        }
    }

    pub(crate) fn of_process(plan: &ProcessPlan, program: &Program) -> Names {
        Names {
            cgroup: plan.cgroup.tasks.clone(),
            cwd: plan.cwd.clone(),
            user: format!("{}:{}", plan.uid, plan.gid),
            program: plan.args.first().cloned().unwrap_or_default(),
            candidates: program
                .candidates
                .iter()
                .map(|path| path.to_string_lossy().into_owned())
                .collect(),
            rlimits: plan.rlimits.clone(),
            oom_score_adj: plan.oom_score_adj,
            ..Names::default()
        }
    }

    pub(crate) fn joining(mut self, kinds: &[NamespaceKind]) -> Names {
        let names: Vec<_> = kinds.iter().map(|kind| kind.proc_name()).collect();
        self.join = vec![names.join(", ")];
        self
    }

    fn tell(&self, failure: &Failure) -> StartError {
        let index = usize::from(failure.index);
        let of = |list: &[String], else_: &str| {
            list.get(index).cloned().unwrap_or_else(|| else_.to_string())
        };
        let object = match failure.stage {
            Stage::Cgroup => of(&self.cgroup, "namespace"),
            Stage::Join => of(&self.join, ""),
            Stage::Mount => of(&self.mounts, ""),
            Stage::Device => of(&self.devices, "links in /dev"),
            Stage::Sysctl => of(&self.sysctls, "procfs"),
            Stage::Mask => of(&self.masked, ""),
            Stage::ReadOnly => of(&self.readonly, "/dev"),
            Stage::WorkingDirectory => self.cwd.clone(),
            Stage::Ids => self.user.clone(),
            Stage::Find => self.program.clone(),
            Stage::Exec => of(&self.candidates, &self.program),
            _ => String::new(),
        };
        let source = Some(Errno(failure.errno)).filter(|errno| errno.0 != 0);
        StartError { stage: failure.stage, object, detail: failure.detail(), source }
    }
}
