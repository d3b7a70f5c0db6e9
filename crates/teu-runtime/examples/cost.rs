//! What a start costs: microseconds from a plan to the end of `true`, against the bare floor.
//!
//! `cargo run --release -p teu-runtime --example cost [ROUNDS]`, as root, with busybox installed.
#![expect(clippy::print_stdout, reason = "a program for people")]

use std::fs::{self, File};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::Instant;
use teu_kernel::clone::{CloneArgs, NewNamespaces, clone3, exit_now};
use teu_kernel::exec::{Strings, execve};
use teu_kernel::{mount, wait};
use teu_runtime::{ExecPlan, Plan, PlanFacts, StartFds, Stdio, Target};

fn main() {
    let rounds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(200);
    let top = Path::new("/var/tmp").join(format!("teu-cost-{}", std::process::id()));
    let root = top.join("rootfs");
    for name in ["bin", "proc", "sys", "dev"] {
        fs::create_dir_all(root.join(name)).expect("a directory");
    }
    fs::copy("/bin/busybox", root.join("bin/true")).expect("busybox");
    fs::copy("/bin/busybox", root.join("bin/sleep")).expect("busybox");

    println!("{:<44} {:>8} {:>8}", "µs", "least", "median");
    let all = ["mount", "pid", "network", "ipc", "uts", "cgroup"];
    let bare = measure(rounds, || bare(&root, NewNamespaces::empty()));
    report("floor: clone3 and exec", bare);
    let flags = NewNamespaces::MOUNT
        | NewNamespaces::PID
        | NewNamespaces::NETWORK
        | NewNamespaces::IPC
        | NewNamespaces::UTS;
    report("floor: the same with five namespaces", measure(rounds, || self::bare(&root, flags)));
    let whole = plan(&top, &all, true);
    report("whole start, docker's mounts and filter", measure(rounds, || start(&whole, &root)));
    let unfiltered = plan(&top, &all, false);
    report("  without the filter", measure(rounds, || start(&unfiltered, &root)));
    let no_network: Vec<_> = all.into_iter().filter(|name| *name != "network").collect();
    let host_network = plan(&top, &no_network, true);
    report("  without a network namespace", measure(rounds, || start(&host_network, &root)));
    let mut parts = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..rounds {
        for (part, cost) in parts.iter_mut().zip(start_in_parts(&whole, &root)) {
            part.push(cost);
        }
    }
    for (name, part) in ["clone", "go: assembled, exec'd", "its run and end"].iter().zip(parts) {
        report(&format!("  of it: {name}"), sorted(part));
    }
    report("exec", exec(&top, rounds));
    fs::remove_dir_all(&top).expect("the directory goes");
}

fn report(what: &str, costs: Vec<u128>) {
    println!("{what:<44} {:>8} {:>8}", costs[0], costs[costs.len() / 2]);
}

fn measure(rounds: usize, mut what: impl FnMut()) -> Vec<u128> {
    let mut once = || {
        let start = Instant::now();
        what();
        start.elapsed().as_micros()
    };
    sorted((0..rounds).map(|_| once()).collect())
}

fn sorted(mut costs: Vec<u128>) -> Vec<u128> {
    costs.sort_unstable();
    costs
}

fn bare(root: &Path, namespaces: NewNamespaces) {
    let path = std::ffi::CString::new(root.join("bin/true").to_str().expect("text")).expect("text");
    let (arguments, environment) = (Strings::new(vec![c"true".into()]), Strings::new(vec![]));
    let args = CloneArgs { namespaces, ..CloneArgs::default() };
    let child = &mut || {
        execve(&path, &arguments, &environment);
        exit_now(1)
    };
    let (_, pidfd) = clone3(&args, child).expect("root");
    wait::wait(pidfd.as_fd()).expect("a child");
}

fn fds(root: &Path) -> StartFds {
    let null = || -> OwnedFd { File::open("/dev/null").expect("null").into() };
    let root = mount::clone_tree(mount::cwd(), root, false).expect("a detached root");
    let stdio = Stdio::Fds([null(), null(), null()]);
    StartFds { root: Some(root), stdio, cgroup_v2: None, join: Vec::new(), mounts: Vec::new() }
}

fn start(plan: &Plan, root: &Path) {
    let running = teu_runtime::clone(plan, fds(root)).and_then(|k| k.go()).expect("a start");
    wait::wait(running.pidfd.as_fd()).expect("a child");
}

fn start_in_parts(plan: &Plan, root: &Path) -> [u128; 3] {
    let begin = Instant::now();
    let cloned = teu_runtime::clone(plan, fds(root)).expect("a start");
    let after_clone = begin.elapsed().as_micros();
    let running = cloned.go().expect("a start");
    let after_go = begin.elapsed().as_micros();
    wait::wait(running.pidfd.as_fd()).expect("a child");
    let end = begin.elapsed().as_micros();
    [after_clone, after_go - after_clone, end - after_go]
}

fn exec(top: &Path, rounds: usize) -> Vec<u128> {
    let mut sleeper = plan(top, &["mount", "pid", "network", "ipc", "uts", "cgroup"], true);
    sleeper.process.args = vec!["sleep".into(), "1000".into()];
    let root = top.join("rootfs");
    let running = teu_runtime::clone(&sleeper, fds(&root)).and_then(|k| k.go()).expect("a start");
    let mut process = sleeper.process.clone();
    process.args = vec!["true".into()];
    let plan = ExecPlan { id: "cost".into(), namespaces: sleeper.namespaces(), process };
    let costs = measure(rounds, || {
        let null = || -> OwnedFd { File::open("/dev/null").expect("null").into() };
        let into = Target { pidfd: running.pidfd.as_fd(), pid: running.pid, cgroup_v2: None };
        let stdio = Stdio::Fds([null(), null(), null()]);
        let inside = teu_runtime::exec(&plan, into, stdio).expect("an exec");
        wait::wait(inside.pidfd.as_fd()).expect("a child");
    });
    teu_kernel::pidfd::pidfd_send_signal(running.pidfd.as_fd(), 9).expect("alive");
    wait::wait(running.pidfd.as_fd()).expect("a child");
    costs
}

fn plan(top: &Path, namespaces: &[&str], filter: bool) -> Plan {
    let caps = teu_runtime::capability::CapSet::DEFAULT.names();
    let kinds: Vec<_> = namespaces.iter().map(|kind| serde_json::json!({ "type": kind })).collect();
    let mount = |at: &str, kind: &str, options: &[&str]| serde_json::json!({"destination": at, "type": kind, "source": kind, "options": options});
    let spec = serde_json::json!({
        "ociVersion": "1.2.0",
        "process": {
            "args": ["true"], "cwd": "/", "env": ["PATH=/bin"],
            "capabilities": {"bounding": caps, "effective": caps, "permitted": caps}
        },
        "hostname": "cost",
        "mounts": [
            mount("/proc", "proc", &["nosuid", "noexec", "nodev"]),
            mount("/dev", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
            mount("/dev/pts", "devpts",
                &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
            mount("/sys", if namespaces.contains(&"network") { "sysfs" } else { "tmpfs" },
                &["nosuid", "noexec", "nodev", "ro"]),
            mount("/dev/mqueue", "mqueue", &["nosuid", "noexec", "nodev"]),
            mount("/dev/shm", "tmpfs", &["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
        ],
        "linux": {
            "namespaces": kinds,
            "sysctl": if namespaces.contains(&"network") {
                serde_json::json!({"net.ipv4.ip_unprivileged_port_start": "0",
                    "net.ipv4.ping_group_range": "0 2147483647"})
            } else { serde_json::json!({}) },
            "maskedPaths": ["/proc/asound", "/proc/acpi", "/proc/interrupts", "/proc/kcore",
                "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
                "/proc/sched_debug", "/proc/scsi", "/sys/firmware",
                "/sys/devices/virtual/powercap"],
            "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
                "/proc/sysrq-trigger"]
        }
    });
    let mut spec: teu_oci::runtime::Spec = serde_json::from_value(spec).expect("a spec");
    if filter {
        let profile =
            teu_runtime::seccomp::default_profile(teu_runtime::capability::CapSet::DEFAULT);
        spec.linux.as_mut().expect("just made").seccomp = Some(profile);
    }
    let facts = PlanFacts {
        id: "cost".into(),
        bundle: top.into(),
        root_by_descriptor: true,
        ..PlanFacts::default()
    };
    Plan::new(&spec, facts).expect("a plan")
}
