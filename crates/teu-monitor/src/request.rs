//! What a monitor is asked, and what it answers: our words, as they travel in control frames.

use crate::exit::Exit;
use crate::health::HealthPlan;
use crate::log::{LogConfig, Timestamp};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use teu_cgroup::Group;
use teu_model::{ContainerId, Event};
use teu_oci::runtime::NamespaceKind;
use teu_runtime::{ExecPlan, Plan, StartError};

/// The version of these words. A newer monitor's clients speak every older one.
pub const PROTOCOL_VERSION: u32 = 1;

/// One process that a monitor stays with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// The container's first process.
    Container,
    /// What an exec with this id started.
    Exec(String),
}

/// A command to run, where nobody is there to do it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// Its arguments; the program is always this binary, and the first argument the name it goes by.
    pub arguments: Vec<String>,
    /// Its environment, `NAME=value`.
    pub environment: Vec<String>,
}

/// Standard input of a process. Its output always goes to the monitor; a terminal is asked for in the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stdio {
    /// Standard input is a pipe that clients can write to; else /dev/null.
    pub stdin: bool,
    /// Standard input ends when the first client that writes to it says so, or leaves.
    pub stdin_once: bool,
}

/// What a descriptor that comes with a request is for, in the order in which they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FdUse {
    /// The container's root: a mount that is attached nowhere.
    Root,
    /// The group's directory in the v2 hierarchy.
    CgroupV2,
    /// A namespace to join.
    Namespace(NamespaceKind),
    /// A detached mount, in the order of the plan's.
    Mount,
    /// To be kept open while the monitor lives: a lock, for example.
    Keep,
}

/// Everything the monitor needs to make the container's first process and to stay with it.
#[derive(Debug, Serialize, Deserialize)]
pub struct StartRequest {
    /// Whose process it is.
    pub id: ContainerId,
    /// What the process is to be.
    pub plan: Plan,
    /// Its standard input.
    pub stdio: Stdio,
    /// Where its output is kept, if it is.
    pub log: Option<LogConfig>,
    /// The container's control group: whether memory ran out is asked there.
    pub group: Option<Group>,
    /// The monitors' own group, joined by this one.
    pub monitors_group: Option<Group>,
    /// Run when the container has ended and no connected command takes care of it.
    pub after_exit: Option<Command>,
    /// An empty file made when the container has ended: the word for the next command that something is to
    /// be done, should nobody be left to do it.
    pub word: Option<PathBuf>,
    /// How its health is looked at.
    #[serde(default)]
    pub health: Option<HealthPlan>,
}

/// One more process in the container.
#[derive(Debug, Serialize, Deserialize)]
pub struct ExecRequest {
    /// Names it from now on; chosen by the caller.
    pub id: String,
    /// What the process is to be.
    pub plan: ExecPlan,
    /// Its standard input.
    pub stdio: Stdio,
    /// Which of its streams this client wants, from the first byte on.
    pub attach: Option<Attach>,
    /// What was asked, for those who ask about it later.
    #[serde(default)]
    pub about: ExecAbout,
    /// Where its end is told, and how such an event looks but for its action, its exit code and its time.
    #[serde(default)]
    pub event: Option<(PathBuf, Event)>,
}

/// An exec as it was asked for: told to those who ask later.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecAbout {
    /// Its arguments, the program first.
    pub args: Vec<String>,
    /// As whom, as asked.
    pub user: String,
    /// It has a terminal.
    pub tty: bool,
    /// It has a standard input.
    pub stdin: bool,
    /// Somebody reads what it writes.
    pub attached: bool,
    /// With all rights.
    pub privileged: bool,
}

/// Which streams of a process a client wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attach {
    /// It will write to standard input.
    pub stdin: bool,
    /// It wants standard output.
    pub stdout: bool,
    /// It wants standard error.
    pub stderr: bool,
}

impl Attach {
    /// All three.
    pub const ALL: Attach = Attach { stdin: true, stdout: true, stderr: true };
}

/// From a command to the monitor.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// The first frame: the version that the client speaks.
    Hello {
        /// [`PROTOCOL_VERSION`] of the client.
        version: u32,
    },
    /// Make the first process and let it build its root. Descriptors: `fds`.
    Start {
        /// What to start.
        request: Box<StartRequest>,
        /// What the descriptors are.
        fds: Vec<FdUse>,
    },
    /// Let the first process through its gate.
    Go,
    /// The record says that it runs: from now on it is the monitor's.
    Recorded,
    /// Send me what this process writes, from now on, and take what I send to its input.
    Attach {
        /// Which process.
        target: Target,
        /// Which streams.
        streams: Attach,
    },
    /// Nothing more will come for standard input.
    StdinEof,
    /// The window has another size.
    Resize {
        /// Whose.
        target: Target,
        /// Its height.
        rows: u16,
        /// Its width.
        columns: u16,
    },
    /// Send this signal.
    Signal {
        /// To whom.
        target: Target,
        /// Its number.
        signal: i32,
        /// The verb it was sent for: kept in the exit record.
        by: Option<String>,
    },
    /// Start one more process. Descriptors: `fds`.
    Exec {
        /// What to start.
        request: Box<ExecRequest>,
        /// What the descriptors are.
        fds: Vec<FdUse>,
    },
    /// Tell me when it has ended.
    Wait {
        /// Who.
        target: Target,
        /// I can do what follows on the container's end.
        release: bool,
    },
    /// What followed on the container's end is done.
    Released,
    /// I do what follows on the container's end, whoever was to do it. The right to act on the container is mine.
    TakeOver,
    /// What followed is done but one thing: the container starts again. Call for somebody after this time.
    Again {
        /// How long.
        after_ms: u64,
    },
    /// How an exec goes, or went.
    ExecState {
        /// Which.
        id: String,
    },
    /// All execs that run, and the last that ended.
    Execs,
    /// The container's namespaces, by descriptor.
    Namespaces,
    /// The container's processes lie in another group from now on.
    Moved {
        /// Which.
        group: Box<Group>,
    },
}

/// From the monitor to a command.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// The first frame: the version that the monitor speaks.
    Hello {
        /// [`PROTOCOL_VERSION`] of the monitor.
        version: u32,
    },
    /// The first process is there and builds its root. Descriptor: its network namespace.
    Cloned {
        /// Its number on the host.
        pid: u32,
        /// When it started, in clock ticks since boot: with the number it names one process.
        start_time: u64,
    },
    /// The first process runs its program.
    Started {
        /// Since when.
        at: Timestamp,
        /// What went wrong without being worth a failure.
        warnings: Vec<String>,
    },
    /// The first process, or an exec, could not be started.
    Failed(StartError),
    /// The exec's process runs its program.
    ExecStarted {
        /// Its number on the host.
        pid: u32,
    },
    /// A process ended. All it wrote was sent before.
    Exited {
        /// Which.
        target: Target,
        /// How.
        exit: Exit,
        /// You are the one to do what follows; answer with [`Request::Released`].
        release: bool,
    },
    /// So many bytes of yours were taken by the process: as many more may come.
    StdinTaken {
        /// How many.
        bytes: u32,
    },
    /// Done.
    Done,
    /// Not done.
    Refused(Refusal),
    /// How an exec goes.
    ExecState(ExecState),
    /// How each exec goes or went, in the order of their ends, those that run last.
    Execs(Vec<ExecState>),
    /// The descriptors are namespaces of these kinds.
    Namespaces(Vec<NamespaceKind>),
}

/// Why a request was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The container does not run, or the process has ended.
    NotRunning,
    /// No exec has this id.
    NoSuchExec,
    /// An exec of this id is there already.
    ExecExists,
    /// The process has no terminal.
    NoTerminal,
    /// Not now: the request does not fit what came before.
    OutOfOrder,
    /// The monitor does not know what is meant: it is older, or the frame is broken.
    Unknown {
        /// What it saw.
        what: String,
    },
    /// The kernel refused.
    Kernel {
        /// The call or the thing.
        what: String,
        /// Its error number.
        errno: i32,
    },
}

/// How an exec goes, or went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecState {
    /// Its number on the host.
    pub pid: u32,
    /// Since when.
    pub started_at: Timestamp,
    /// How it ended, if it has.
    pub exit: Option<Exit>,
    /// Its id.
    #[serde(default)]
    pub id: String,
    /// What was asked.
    #[serde(default)]
    pub about: ExecAbout,
}

/// What a monitor that is started to adopt finds in `monitor.json`: all that is needed to go on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    pub version: u32,
    pub id: ContainerId,
    pub pid: u32,
    pub start_time: u64,
    pub started_at: Timestamp,
    pub stdio: Stdio,
    pub terminal: bool,
    pub log: Option<LogConfig>,
    pub group: Option<Group>,
    pub monitors_group: Option<Group>,
    pub after_exit: Option<Command>,
    pub word: Option<PathBuf>,
    #[serde(default)]
    pub health: Option<HealthPlan>,
}

/// The files of a monitor in a container's directory below /run.
pub(crate) struct RunFiles;

impl RunFiles {
    pub const SOCKET: &'static str = "monitor.sock";
    pub const RECORD: &'static str = "monitor.json";
    pub const EXIT: &'static str = "exit.json";
    pub const HEALTH: &'static str = "health.json";
    pub const STDOUT: &'static str = "stdout";
    pub const STDERR: &'static str = "stderr";

    pub fn fifo(directory: &std::path::Path, stream: crate::log::Stream) -> PathBuf {
        directory.join(match stream {
            crate::log::Stream::Stdout => RunFiles::STDOUT,
            crate::log::Stream::Stderr => RunFiles::STDERR,
        })
    }
}
