//! A root made of busybox, a bundle as an engine would write it, and a way to run it to its end.
#![allow(dead_code, reason = "each test program uses its own part")]

use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use teu_kernel::mount;
use teu_kernel::wait::{self, Ended};
use teu_oci::runtime::Spec;
use teu_runtime::{
    ExecPlan, Plan, PlanFacts, ProcessPlan, Running, StartError, StartFds, Stdio, Target,
};
use teu_testkit::{Need, TempDir, have};

/// What every test here needs.
pub fn ready() -> bool {
    have(Need::Root) && have(Need::Program("busybox"))
}

/// A directory with busybox in it, and a spec that tests change.
pub struct Bundle {
    top: TempDir,
    pub spec: Value,
}

/// Docker's five namespaces and cgroup.
pub const USUAL: [&str; 6] = ["mount", "pid", "network", "ipc", "uts", "cgroup"];

impl Bundle {
    pub fn new(args: &[&str]) -> Bundle {
        let top = TempDir::new("runtime");
        let root = top.join("rootfs");
        for directory in ["bin", "etc", "tmp", "proc", "sys", "dev", "root"] {
            fs::create_dir_all(root.join(directory)).unwrap();
        }
        // By another process: a copy made here could, while it is open for writing, be inherited by
        // a process that another test clones, and could then not be executed (ETXTBSY).
        let copy = root.join("bin/busybox");
        let copied = Command::new(busybox()).args(["cp", busybox()]).arg(copy).status();
        assert!(copied.unwrap().success());
        for name in [
            "sh", "cat", "ls", "echo", "id", "mount", "sleep", "true", "stat", "grep", "readlink",
            "hostname", "mkdir", "touch", "pwd", "env", "kill", "tty", "stty", "test", "ps", "dd",
            "mknod", "umount", "chroot", "wc", "head", "sort", "cut", "tr", "rm", "ln", "date",
        ] {
            symlink("busybox", root.join("bin").join(name)).unwrap();
        }
        Bundle { spec: spec(args), top }
    }

    /// `sh -c SCRIPT`.
    pub fn script(script: &str) -> Bundle {
        Bundle::new(&["sh", "-c", script])
    }

    pub fn root(&self) -> PathBuf {
        self.top.join("rootfs")
    }

    pub fn path(&self) -> &Path {
        &self.top
    }

    /// Changes the spec at a JSON pointer.
    pub fn set(mut self, pointer: &str, value: Value) -> Bundle {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let parent = self.spec.pointer_mut(parent).unwrap();
        parent.as_object_mut().unwrap().insert(name.to_string(), value);
        self
    }

    pub fn add_mount(mut self, mount: Value) -> Bundle {
        self.spec["mounts"].as_array_mut().unwrap().push(mount);
        self
    }

    pub fn namespaces(self, kinds: &[&str]) -> Bundle {
        let list: Vec<_> = kinds.iter().map(|kind| json!({ "type": kind })).collect();
        self.set("/linux/namespaces", Value::Array(list))
    }

    pub fn plan(&self) -> Plan {
        self.plan_with(PlanFacts::default())
    }

    pub fn plan_with(&self, facts: PlanFacts) -> Plan {
        let spec: Spec = serde_json::from_value(self.spec.clone()).unwrap();
        let facts = PlanFacts { bundle: self.top.to_path_buf(), id: "test".into(), ..facts };
        Plan::new(&spec, facts).unwrap()
    }

    pub fn run(&self) -> Output {
        run(&self.plan())
    }

    /// The root as an engine hands it over.
    pub fn detached_root(&self) -> OwnedFd {
        mount::clone_tree(mount::cwd(), &self.root(), false).unwrap()
    }
}

fn busybox() -> &'static str {
    ["/bin/busybox", "/usr/bin/busybox"].into_iter().find(|path| Path::new(path).exists()).unwrap()
}

pub fn spec(args: &[&str]) -> Value {
    json!({
        "ociVersion": "1.2.0",
        "process": {
            "args": args, "cwd": "/", "env": ["PATH=/bin", "TERM=xterm"],
            "capabilities": {
                "bounding": DEFAULT_CAPS, "effective": DEFAULT_CAPS, "permitted": DEFAULT_CAPS
            }
        },
        "root": { "path": "rootfs" },
        "hostname": "box",
        "mounts": [
            { "destination": "/proc", "type": "proc", "source": "proc",
              "options": ["nosuid", "noexec", "nodev"] },
            { "destination": "/dev", "type": "tmpfs", "source": "tmpfs",
              "options": ["nosuid", "strictatime", "mode=755", "size=65536k"] },
            { "destination": "/dev/pts", "type": "devpts", "source": "devpts",
              "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"] },
            { "destination": "/sys", "type": "sysfs", "source": "sysfs",
              "options": ["nosuid", "noexec", "nodev", "ro"] },
            { "destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue",
              "options": ["nosuid", "noexec", "nodev"] },
            { "destination": "/dev/shm", "type": "tmpfs", "source": "shm",
              "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"] }
        ],
        "linux": {
            "namespaces": USUAL.map(|kind| json!({ "type": kind })),
            "maskedPaths": ["/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys",
                "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
                "/proc/sched_debug", "/proc/scsi", "/sys/firmware"],
            "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
                "/proc/sysrq-trigger"]
        }
    })
}

pub const DEFAULT_CAPS: [&str; 14] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FSETID",
    "CAP_FOWNER",
    "CAP_MKNOD",
    "CAP_NET_RAW",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETFCAP",
    "CAP_SETPCAP",
    "CAP_NET_BIND_SERVICE",
    "CAP_SYS_CHROOT",
    "CAP_KILL",
    "CAP_AUDIT_WRITE",
];

/// How a program ended and what it wrote.
#[derive(Debug)]
pub struct Output {
    pub ended: Ended,
    pub text: String,
}

impl Output {
    /// Its text, if it ended well.
    #[track_caller]
    pub fn good(self) -> String {
        assert_eq!(self.ended, Ended::Exited(0), "{}", self.text);
        self.text
    }
}

/// Standard input from /dev/null, output and error into one pipe.
pub fn piped() -> (Stdio, File) {
    let (reader, writer) = std::io::pipe().unwrap();
    let null = File::open("/dev/null").unwrap();
    let error = writer.try_clone().unwrap();
    (Stdio::Fds([null.into(), writer.into(), error.into()]), OwnedFd::from(reader).into())
}

pub fn fds(stdio: Stdio) -> StartFds {
    StartFds { root: None, stdio, cgroup_v2: None, join: Vec::new(), mounts: Vec::new() }
}

#[track_caller]
pub fn run(plan: &Plan) -> Output {
    let (stdio, reader) = piped();
    finish(start(plan, fds(stdio)).unwrap_or_else(|error| panic!("{error:?}")), reader)
}

pub fn start(plan: &Plan, fds: StartFds) -> Result<Running, StartError> {
    teu_runtime::clone(plan, fds)?.go()
}

/// Reads to the end, and reaps.
pub fn finish(running: Running, mut reader: File) -> Output {
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    let ended = wait::wait(running.pidfd.as_fd()).unwrap();
    Output { ended, text }
}

#[track_caller]
pub fn failure(bundle: &Bundle) -> StartError {
    let (stdio, _reader) = piped();
    match start(&bundle.plan(), fds(stdio)) {
        Err(error) => error,
        Ok(_) => panic!("it started"),
    }
}

/// A container that sleeps; killed and reaped at the end.
pub struct Sleeper {
    pub running: Running,
    pub plan: Plan,
    /// Its root is in use.
    pub bundle: Bundle,
}

impl Sleeper {
    pub fn start(bundle: Bundle) -> Sleeper {
        let (stdio, _) = piped();
        let plan = bundle.plan();
        let running = start(&plan, fds(stdio)).unwrap();
        Sleeper { running, plan, bundle }
    }

    pub fn target(&self) -> Target<'_> {
        Target { pidfd: self.running.pidfd.as_fd(), pid: self.running.pid, cgroup_v2: None }
    }

    pub fn exec_plan(&self, args: &[&str]) -> ExecPlan {
        let process = ProcessPlan {
            args: args.iter().map(|arg| arg.to_string()).collect(),
            ..self.plan.process.clone()
        };
        ExecPlan { id: "test".into(), namespaces: self.plan.namespaces(), process }
    }

    #[track_caller]
    pub fn exec(&self, args: &[&str]) -> Output {
        let (stdio, reader) = piped();
        let running = teu_runtime::exec(&self.exec_plan(args), self.target(), stdio);
        finish(running.unwrap_or_else(|error| panic!("{error:?}")), reader)
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let pidfd = self.running.pidfd.as_fd();
        teu_kernel::pidfd::pidfd_send_signal(pidfd, 9).unwrap();
        wait::wait(pidfd).unwrap();
    }
}

/// The machine's cgroup hierarchies as an engine would tell them, by a simple look at mountinfo.
pub fn cgroups() -> Vec<teu_runtime::CgroupHierarchy> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let mut found = Vec::new();
    for line in mounts.lines() {
        let (front, back) = line.split_once(" - ").unwrap();
        let at = front.split(' ').nth(4).unwrap();
        let mut back = back.split(' ');
        let (kind, options) = (back.next().unwrap(), back.nth(1).unwrap());
        let Some(name) = at.strip_prefix("/sys/fs/cgroup") else { continue };
        let name = name.trim_start_matches('/').to_string();
        let group = at.to_string();
        let options = options.split(',').filter(|option| {
            !matches!(*option, "rw" | "ro" | "xattr" | "clone_children") && !option.contains('/')
        });
        let options: Vec<String> = options.map(ToString::to_string).collect();
        match kind {
            "cgroup2" => found.push(teu_runtime::CgroupHierarchy {
                v2: true,
                name,
                group,
                ..Default::default()
            }),
            "cgroup" if !name.is_empty() => found.push(teu_runtime::CgroupHierarchy {
                options,
                name,
                group,
                ..Default::default()
            }),
            _ => {}
        }
    }
    found
}
