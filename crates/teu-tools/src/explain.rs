//! `teu explain TOPIC`: what a facility of the kernel does and does not, and what this kernel has of it.

use crate::{Refusal, print};
use std::ffi::OsString;
use std::fmt::Write;
use std::fs;
use teu_cgroup::{Layout, Version};

pub(crate) const ABOUT: &str = "Explain what containers are made of: ipc, namespaces, cgroups";

type Topic = (&'static str, &'static str, fn() -> String);

const TOPICS: &[Topic] = &[
    ("namespaces", "the eight kinds, and which this kernel has", namespaces),
    ("ipc", "what an IPC namespace isolates, and what it does not", || IPC.to_string()),
    ("cgroups", "every controller of this machine, v1 or v2", cgroups),
    ("cgroup ns", "the controller ns, which left the kernel", || NS.to_string()),
];

pub(crate) fn main(words: Vec<OsString>) -> Result<u8, Refusal> {
    let words: Vec<String> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let asked = words.join(" ");
    if matches!(asked.as_str(), "" | "--help" | "-h") {
        print(&help());
        return Ok(0);
    }
    let singular = |name: &str| name.trim_end_matches('s').to_string();
    let found = TOPICS
        .iter()
        .find(|(name, _, _)| *name == asked)
        .or_else(|| TOPICS.iter().find(|(name, _, _)| singular(name) == singular(&asked)));
    let Some((_, _, text)) = found else {
        let names: Vec<&str> = TOPICS.iter().map(|(name, _, _)| *name).collect();
        return Err(Refusal::new(format!("no topic {asked:?}; there are: {}", names.join(", "))));
    };
    print(&text());
    Ok(0)
}

fn help() -> String {
    let mut text = format!("Usage:  teu explain TOPIC\n\n{ABOUT}\n\nTopics:\n");
    for (name, about, _) in TOPICS {
        line(&mut text, format_args!("  {name:<12} {about}"));
    }
    text
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    // A string takes whatever is written to it.
    writeln!(text, "{line}").unwrap_or(());
}

const IPC: &str = "\
An IPC namespace isolates:
  System V shared memory, semaphores and message queues   (ipcs, ipcmk)
  POSIX message queues                                    (/dev/mqueue)
They end with the namespace's last process.

It does NOT isolate what has another name space:
  unix sockets with a path       go by files: whoever mounts the same directory can connect
  abstract unix sockets          belong to the network namespace
  pipes and FIFOs                go by descriptors, and by files
  network sockets                belong to the network namespace
  signals                        go by process numbers: the PID namespace
  POSIX shared memory            files in /dev/shm: the mount namespace

Each container has its own, and its own /dev/shm. Otherwise:
  --ipc shareable       others may join it
  --ipc container:NAME  joins that one's, with its /dev/shm; often beside --pid container:NAME
  --ipc host            the machine's
  --ipc private         nobody may join; --ipc none: private, and without /dev/shm
";

const NS: &str = "\
The cgroup controller `ns` made a group for every new namespace. It left Linux in 3.0 (2011). In its place
processes get namespaces by flags of clone3(2) and unshare(2), and a place in the groups by
cgroup.procs or CLONE_INTO_CGROUP; the option `clone_children` of v1's cpuset copies settings to new groups.
A cgroup namespace is another thing: it hides where in the tree a process is.
";

const KINDS: [(&str, &str, &str); 8] = [
    ("mnt", "2.4.19", "mounts: the tree of files"),
    ("uts", "2.6.19", "host name and NIS domain name"),
    ("ipc", "2.6.19", "System V IPC, POSIX message queues"),
    ("pid", "2.6.24", "process numbers; the first one is 1"),
    ("net", "2.6.29", "devices, addresses, routes, ports, firewall rules"),
    ("user", "3.8", "user and group numbers, capabilities"),
    ("cgroup", "4.6", "what /proc/PID/cgroup shows as the root"),
    ("time", "5.6", "the monotonic clock and the one since boot"),
];

fn namespaces() -> String {
    let mut text = String::from("Linux has eight kinds of namespaces. In this kernel:\n");
    for (kind, since, what) in KINDS {
        let found = match fs::read_link(format!("/proc/self/ns/{kind}")) {
            Ok(link) => link.display().to_string(),
            Err(_) => "absent".to_string(),
        };
        line(&mut text, format_args!("  {kind:<7} since {since:<7} {found:<20} {what}"));
    }
    text += "\n\
        Planned at times, and not in Linux: syslog (the kernel's log), device, security (LSM), syscalls, audit,\n\
        and a time of day of one's own. Kernel parameters, modules and the clock are the whole machine's.\n\n\
        A process gets new ones by clone3 or unshare, and enters others' by setns:\n  \
        teu run …       clone3     --pid, --ipc, --uts, --network, --userns, --cgroupns, --time-offset\n  \
        teu exec …      setns\n  \
        teu unshare …   unshare\n";
    text
}

/// v1's names, and what v2 has in their place.
const CONTROLLERS: [(&str, &str, &str); 13] = [
    ("cpu", "cpu", "time slices, shares, quotas"),
    ("cpuacct", "cpu", "CPU time used"),
    ("cpuset", "cpuset", "which processors and memory nodes"),
    ("memory", "memory", "memory with its page cache, swap"),
    ("blkio", "io", "rate and weight of block devices"),
    ("devices", "-", "which devices may be opened; in v2 an eBPF program"),
    ("freezer", "-", "suspend and resume; in v2 cgroup.freeze"),
    ("net_cls", "-", "a tag for traffic; in v2 nft's socket cgroupv2"),
    ("net_prio", "-", "priority per interface"),
    ("pids", "pids", "how many processes"),
    ("hugetlb", "hugetlb", "huge pages"),
    ("rdma", "rdma", "handles of RDMA devices"),
    ("perf_event", "-", "performance counters; in v2 always there"),
];

fn cgroups() -> String {
    let mut text = String::from("Control groups limit, weigh, account, isolate and control.\n");
    let layout = match Layout::discover() {
        Ok(layout) => layout,
        Err(error) => {
            line(&mut text, format_args!("This machine has none: {error}"));
            return text;
        }
    };
    line(&mut text, format_args!("This machine has {}. Its controllers:", layout.mode()));
    for (v1, v2, what) in CONTROLLERS {
        let place = layout.hierarchies.iter().find(|one| {
            let name = if one.version == Version::V1 { v1 } else { v2 };
            one.controllers.iter().any(|has| has == name)
        });
        let place = match place {
            Some(one) if one.version == Version::V1 => one.mount_point.display().to_string(),
            Some(one) => format!("{} (v2: {v2})", one.mount_point.display()),
            None => "not mounted".to_string(),
        };
        line(&mut text, format_args!("  {v1:<11} {place:<34} {what}"));
    }
    text += "\n\
        v1: one tree for each controller, groups hold threads. v2: one tree for all, groups hold processes.\n\
        A limit holds for a group and all below it: --cgroup-parent puts a container below another's.\n\
        The controller ns left the kernel: teu explain cgroup ns\n";
    text
}

#[test]
fn topics_are_found_by_name() {
    for words in [vec![], vec!["ipc"], vec!["namespace"], vec!["cgroup"], vec!["cgroup", "ns"]] {
        main(words.iter().map(OsString::from).collect()).unwrap();
    }
    let refusal = main(vec!["nothing".into()]).unwrap_err();
    assert!(refusal.message.contains("namespaces, ipc"), "{refusal:?}");
    assert_eq!(
        namespaces()
            .lines()
            .filter(|line| line.starts_with("  ") && line.contains(" since "))
            .count(),
        8
    );
    assert!(cgroups().contains("blkio"));
}
