//! One container for one test; everything of it goes with it.

use std::ffi::OsStr;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use teu_cgroup::Group;
use teu_kernel::{exec_self, mount, pidfd};
use teu_model::ContainerId;
use teu_monitor::{
    Attach, Command, ExecAbout, ExecRequest, Exited, FdUse, Link, LogConfig, LogOptions, LogReader,
    MonitorError, Pump, PumpEnd, StartRequest, Started, Stdio, Target,
};
use teu_oci::runtime::{Linux, LinuxNamespace, Mount, NamespaceKind, Process, Spec, User};
use teu_runtime::{CgroupJoin, ExecPlan, Plan, PlanFacts};
use teu_testkit::TempDir;

/// How long anything may take.
pub const LIMIT: Duration = Duration::from_secs(20);

pub struct Container {
    pub directory: TempDir,
    pub id: ContainerId,
    pub pid: u32,
}

/// What a test wants.
pub struct Wanted<'a> {
    pub script: &'a str,
    pub stdio: Stdio,
    pub terminal: bool,
    pub log: bool,
    pub max_size_bytes: u64,
    /// The container's group, and the monitors'. They exist.
    pub groups: Option<(Group, Group)>,
}

impl<'a> Wanted<'a> {
    pub fn script(script: &'a str) -> Wanted<'a> {
        Wanted {
            script,
            stdio: Stdio::default(),
            terminal: false,
            log: true,
            max_size_bytes: 10_000_000,
            groups: None,
        }
    }

    pub fn stdin(self) -> Wanted<'a> {
        Wanted { stdio: Stdio { stdin: true, stdin_once: true }, ..self }
    }

    pub fn terminal(self) -> Wanted<'a> {
        Wanted { terminal: true, ..self.stdin() }
    }
}

pub fn binary() -> std::os::fd::OwnedFd {
    exec_self::binary(Path::new(env!("CARGO_BIN_EXE_monitor-for-tests"))).unwrap()
}

impl Container {
    /// The directory, and a monitor that waits for its first request.
    pub fn new(name: &str) -> (Container, Link) {
        let directory = TempDir::new(&format!("monitor-{name}"));
        let root = directory.join("root");
        for part in ["bin", "proc", "dev", "tmp"] {
            std::fs::create_dir_all(root.join(part)).unwrap();
        }
        std::fs::copy("/bin/busybox", root.join("bin/busybox")).unwrap();
        for tool in
            ["sh", "cat", "sleep", "stty", "head", "yes", "true", "dd", "seq", "kill", "tail", "wc"]
        {
            std::os::unix::fs::symlink("busybox", root.join("bin").join(tool)).unwrap();
        }
        std::fs::create_dir(directory.join("run")).unwrap();
        let mut random = [0; 32];
        random[..4].copy_from_slice(&std::process::id().to_ne_bytes());
        let id = ContainerId::from_random(random);
        let link =
            teu_monitor::spawn_binary(binary().as_fd(), &id, &directory.join("run")).unwrap();
        (Container { directory, id, pid: 0 }, link)
    }

    pub fn run_dir(&self) -> PathBuf {
        self.directory.join("run")
    }

    /// Asks for the first process, and waits until it is there.
    pub fn make(&mut self, link: &mut Link, wanted: &Wanted<'_>) -> Result<(), MonitorError> {
        let request = StartRequest {
            health: None,
            id: self.id.clone(),
            plan: plan(wanted),
            stdio: wanted.stdio,
            log: wanted.log.then(|| self.log_config(wanted.max_size_bytes)),
            group: wanted.groups.as_ref().map(|(group, _)| group.clone()),
            monitors_group: wanted.groups.as_ref().map(|(_, monitors)| monitors.clone()),
            after_exit: Some(Command {
                arguments: vec!["after-exit".into(), self.run_dir().to_str().unwrap().into()],
                environment: Vec::new(),
            }),
            word: Some(self.file("word")),
        };
        let root = mount::clone_tree(mount::cwd(), &self.directory.join("root"), false).unwrap();
        let group = wanted.groups.as_ref().and_then(|(group, _)| group.v2_dir_fd().unwrap());
        let mut fds = vec![(FdUse::Root, root.as_fd())];
        fds.extend(group.as_ref().map(|group| (FdUse::CgroupV2, group.as_fd())));
        link.send_start(request, &fds)?;
        let cloned = link.cloned()?;
        self.pid = cloned.pid;
        assert!(cloned.netns.is_some() && cloned.start_time > 0);
        Ok(())
    }

    /// Starts a container with a client that is attached from before its first byte, and told its end.
    pub fn start(name: &str, wanted: &Wanted<'_>) -> (Container, Link) {
        let (mut container, mut link) = Container::new(name);
        container.make(&mut link, wanted).unwrap();
        link.attach(Target::Container, Attach::ALL).unwrap();
        link.watch_exit(Target::Container, true).unwrap();
        let Started { warnings, .. } = link.go().unwrap();
        assert_eq!(warnings, [""; 0]);
        link.recorded().unwrap();
        (container, link)
    }

    /// The same, and the client leaves.
    pub fn start_detached(name: &str, wanted: &Wanted<'_>) -> Container {
        let (mut container, mut link) = Container::new(name);
        container.make(&mut link, wanted).unwrap();
        link.go().unwrap();
        link.recorded().unwrap();
        container
    }

    pub fn connect(&self) -> Link {
        teu_monitor::connect(&self.run_dir()).unwrap()
    }

    pub fn log_config(&self, max_size_bytes: u64) -> LogConfig {
        LogConfig { max_size_bytes, ..LogConfig::new(self.directory.join("log")) }
    }

    /// What is in the log: stream and text of each entry.
    pub fn log(&self) -> Vec<(&'static str, String)> {
        let config = self.log_config(0);
        let mut reader = LogReader::open(&config, LogOptions::default()).unwrap();
        std::iter::from_fn(|| reader.next_entry().unwrap())
            .map(|entry| (entry.stream.name(), entry.text))
            .collect()
    }

    /// The monitor's process id.
    pub fn monitor_pid(&self) -> u32 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap();
        let after_name = stat.rsplit_once(") ").unwrap().1;
        after_name.split(' ').nth(1).unwrap().parse().unwrap()
    }

    pub fn file(&self, name: impl AsRef<OsStr>) -> PathBuf {
        self.run_dir().join(name.as_ref())
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // A test that failed may leave its container running.
        if let (1.., Ok(process)) = (self.pid, pidfd::pidfd_open(self.pid)) {
            let root = format!("/proc/{}/root/bin/busybox", self.pid);
            let ours = std::fs::metadata(root).is_ok_and(|there| {
                use std::os::unix::fs::MetadataExt;
                let here = std::fs::metadata(self.directory.join("root/bin/busybox")).unwrap();
                there.ino() == here.ino()
            });
            if ours {
                pidfd::pidfd_send_signal(process.as_fd(), 9).unwrap_or(());
                wait_until("the container is gone", || pidfd::start_time(self.pid).is_none());
            }
        }
    }
}

fn plan(wanted: &Wanted<'_>) -> Plan {
    let mount = |destination: &str, kind: &str| Mount {
        destination: destination.into(),
        kind: Some(kind.into()),
        source: Some(kind.into()),
        ..Mount::default()
    };
    let new = |kind| LinuxNamespace { kind, path: None };
    use NamespaceKind::{Ipc, Mount as Mnt, Network, Pid, Uts};
    let spec = Spec {
        process: Some(process(wanted.script, wanted.terminal)),
        mounts: vec![mount("/proc", "proc"), mount("/dev", "tmpfs"), mount("/dev/pts", "devpts")],
        linux: Some(Linux {
            namespaces: [Mnt, Pid, Network, Ipc, Uts].map(new).to_vec(),
            ..Linux::default()
        }),
        ..Spec::default()
    };
    let cgroup = wanted.groups.as_ref().map(|(group, _)| CgroupJoin {
        tasks: group.join_files().iter().map(|file| file.to_str().unwrap().into()).collect(),
        into_v2: group.v2_dir_fd().unwrap().is_some(),
    });
    let facts = PlanFacts {
        id: "test".into(),
        root_by_descriptor: true,
        cgroup: cgroup.unwrap_or_default(),
        ..PlanFacts::default()
    };
    Plan::new(&spec, facts).unwrap()
}

fn process(script: &str, terminal: bool) -> Process {
    Process {
        terminal,
        user: User::default(),
        args: ["sh", "-c", script].map(String::from).to_vec(),
        env: vec!["PATH=/bin".into()],
        cwd: "/".into(),
        ..Process::default()
    }
}

pub fn exec_request(id: &str, script: &str, stdio: Stdio, terminal: bool) -> ExecRequest {
    let namespaces = {
        use NamespaceKind::{Ipc, Mount, Network, Pid, Uts};
        vec![Mount, Pid, Network, Ipc, Uts]
    };
    let plan = exec_plan(&process(script, terminal), namespaces);
    ExecRequest {
        id: id.into(),
        plan,
        stdio,
        attach: Some(Attach::ALL),
        about: ExecAbout::default(),
        event: None,
    }
}

fn exec_plan(process: &Process, namespaces: Vec<NamespaceKind>) -> ExecPlan {
    let container =
        plan(&Wanted { terminal: process.terminal, ..Wanted::script(&process.args[2]) });
    ExecPlan { id: "test".into(), namespaces, process: container.process }
}

/// Pumps into memory until the end; `input` is all of standard input.
pub fn pump(link: &mut Link, input: &[u8]) -> (Exited, String, String) {
    let directory = TempDir::new("monitor-pump");
    let file = |name: &str| {
        let mut options = std::fs::OpenOptions::new();
        options.read(true).write(true).create(true).open(directory.join(name)).unwrap()
    };
    std::fs::write(directory.join("in"), input).unwrap();
    let (stdin, stdout, stderr) = (file("in"), file("out"), file("err"));
    let end = link.pump(Pump {
        stdin: Some(stdin.as_fd()),
        stdout: Some(stdout.as_fd()),
        stderr: Some(stderr.as_fd()),
        ..Pump::default()
    });
    let PumpEnd::Exited(exited) = end.unwrap() else { panic!("the process did not end") };
    let text = |name: &str| std::fs::read_to_string(directory.join(name)).unwrap();
    (exited, text("out"), text("err"))
}

#[track_caller]
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + LIMIT;
    while !is_so() {
        assert!(Instant::now() < end, "not within {LIMIT:?}: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Whether a process is there and no zombie.
pub fn lives(pid: u32) -> bool {
    pidfd::start_time(pid).is_some()
}
