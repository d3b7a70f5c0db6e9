//! teu's words in OCI terms: a container's record as a `config.json`. Pure but for the host's devices.
//!
//! What docker gives every container is given here: mounts, masked paths, capabilities, the seccomp
//! profile, kernel settings of the network. Where docker's documentation is silent, moby's
//! `oci/defaults.go` and `daemon/oci_linux.go` say what users rely on.

use crate::{EngineError, cdi, devices};
use std::path::Path;
use teu_model::{
    CgroupNamespace, CreateRequest, DeviceLimit, IpcRequest, KernelRequest, NetworkRequest,
    Process as Wanted, Record, ResourceRequest, Seccomp, SecurityRequest, Sharing, Ulimit,
};
use teu_oci::runtime::*;
use teu_runtime::capability::CapSet;
use teu_runtime::seccomp;
use teu_runtime::user::Ids;

/// What the record does not hold, because it changes with each start.
pub(crate) struct Surroundings<'a> {
    /// Where hosts, hostname and resolv.conf lie.
    pub init: &'a Path,
    /// What is mounted because it was asked for.
    pub mounts: &'a [Mount],
    /// The host name.
    pub hostname: &'a str,
    /// Settings of the kernel, and what comes from CDI.
    pub kernel: &'a KernelRequest,
    /// Limits, as they are now.
    pub resources: &'a ResourceRequest,
    /// The user, looked up in the root.
    pub ids: &'a Ids,
    /// The container's group below each hierarchy.
    pub cgroup: &'a str,
    /// The terminal's size at the start: columns, rows.
    pub terminal: Option<(u16, u16)>,
}

/// The whole `config.json`.
pub(crate) fn spec(record: &Record, around: &Surroundings<'_>) -> Result<Spec, EngineError> {
    let request = &record.request;
    let own_network = !matches!(request.network, NetworkRequest::Host | NetworkRequest::Joined);
    let privileged = request.security.privileged;
    let unmasked = privileged || request.security.unmasked_paths;
    let mut device_nodes = devices::of(request)?;
    let mut rules = devices::rules(request, &device_nodes);
    let kernel = &request.kernel;
    for rule in &kernel.device_rules {
        rules.push(devices::rule_of(rule)?);
    }
    let mut mounts = mounts(kernel, around.mounts, around.init, privileged);
    let mut process = process(&record.process, &request.security, around)?;
    let edits = cdi::edits(&kernel.cdi_devices)?;
    edits.apply(&mut process, &mut mounts, &mut device_nodes, &mut rules);
    let mut sysctl =
        if own_network { network_sysctls() } else { std::collections::BTreeMap::new() };
    sysctl.extend(kernel.sysctls.clone());
    Ok(Spec {
        oci_version: "1.2.0".into(),
        process: Some(process),
        root: Some(Root { path: "rootfs".into(), readonly: request.read_only_root }),
        hostname: Some(around.hostname.to_string()).filter(|_| !kernel.uts_host),
        domainname: request.domainname.clone(),
        mounts,
        annotations: kernel.annotations.clone(),
        linux: Some(Linux {
            sysctl,
            time_offsets: time_offsets(kernel),
            resources: Some(resources(around.resources, rules)?),
            cgroups_path: Some(around.cgroup.to_string()),
            namespaces: namespaces(request),
            seccomp: seccomp_profile(&request.security)?,
            devices: device_nodes,
            masked_paths: if unmasked { vec![] } else { strings(MASKED) },
            readonly_paths: if unmasked { vec![] } else { strings(READ_ONLY) },
            ..Linux::default()
        }),
        ..Spec::default()
    })
}

/// The process of a container, or of an exec in it.
pub(crate) fn process(
    wanted: &Wanted,
    security: &SecurityRequest,
    around: &Surroundings<'_>,
) -> Result<Process, EngineError> {
    let mut env = wanted.env.clone();
    if !env.iter().any(|variable| variable.starts_with("HOSTNAME=")) {
        let after_path = usize::from(env.first().is_some_and(|first| first.starts_with("PATH=")));
        env.insert(after_path, format!("HOSTNAME={}", around.hostname));
    }
    if !env.iter().any(|variable| variable.starts_with("HOME=")) {
        env.push(format!("HOME={}", around.ids.home));
    }
    let sets = capability_sets(security, around.ids.uid)?;
    Ok(Process {
        terminal: wanted.tty,
        console_size: around.terminal.map(|(width, height)| ConsoleSize { width, height }),
        user: User {
            uid: around.ids.uid,
            gid: around.ids.gid,
            umask: None,
            additional_gids: around.ids.groups.clone(),
        },
        args: wanted.args.clone(),
        env,
        cwd: wanted.cwd.clone(),
        capabilities: Some(sets),
        no_new_privileges: security.no_new_privileges,
        rlimits: around.kernel.ulimits.iter().map(rlimit).collect(),
        oom_score_adj: Some(around.kernel.oom_score_adj),
        ..Process::default()
    })
}

/// docker's default set, with what was added and without what was dropped. A process that is not
/// root has them in its bounding set only: exec gives it none (capabilities(7)).
fn capability_sets(security: &SecurityRequest, uid: u32) -> Result<LinuxCapabilities, EngineError> {
    let names = bounding_set(security)?.names();
    let in_force = if uid == 0 { names.clone() } else { vec![] };
    Ok(LinuxCapabilities {
        permitted: in_force.clone(),
        effective: in_force,
        bounding: names,
        ..Default::default()
    })
}

fn bounding_set(security: &SecurityRequest) -> Result<CapSet, EngineError> {
    CapSet::asked_for(security.privileged, &security.cap_add, &security.cap_drop)
        .map_err(|error| EngineError::bad(error.to_string()))
}

/// The filter of system calls, as asked for.
pub(crate) fn seccomp_profile(
    security: &SecurityRequest,
) -> Result<Option<LinuxSeccomp>, EngineError> {
    let caps = bounding_set(security)?;
    match &security.seccomp {
        _ if security.privileged => Ok(None),
        Seccomp::Unconfined => Ok(None),
        Seccomp::Default => Ok(Some(seccomp::default_profile(caps))),
        Seccomp::Profile(text) => {
            let now = seccomp::Circumstances {
                caps,
                abi: seccomp::Abi::NATIVE,
                kernel: kernel_version(),
            };
            seccomp::read_profile(text.as_bytes(), now)
                .map(Some)
                .map_err(|error| EngineError::step("understand the seccomp profile", error))
        }
    }
}

/// The running kernel's major and minor number.
fn kernel_version() -> (u32, u32) {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut numbers = release.split(['.', '-']).map(|part| part.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

fn namespaces(request: &CreateRequest) -> Vec<LinuxNamespace> {
    own_namespaces(request).into_iter().map(|kind| LinuxNamespace { kind, path: None }).collect()
}

/// In which namespaces a container is not in the host's: its own ones, and those that it joins.
pub(crate) fn own_namespaces(request: &CreateRequest) -> Vec<NamespaceKind> {
    use NamespaceKind::*;
    let kernel = &request.kernel;
    let all = [
        (Mount, true),
        (Pid, kernel.pid != Sharing::Host),
        (Ipc, kernel.ipc != IpcRequest::Host),
        // With the host's network the host's name is copied into an own namespace all the same.
        (Uts, !kernel.uts_host),
        (Network, request.network != NetworkRequest::Host),
        (Cgroup, request.cgroup_namespace == CgroupNamespace::Private),
        (Time, !kernel.time_offsets.is_empty()),
    ];
    let mut kinds: Vec<_> = all.into_iter().filter(|(_, own)| *own).map(|(kind, _)| kind).collect();
    kinds.sort_unstable();
    kinds
}

fn rlimit(limit: &Ulimit) -> PosixRlimit {
    // RLIM_INFINITY.
    let number = |value: i64| u64::try_from(value).unwrap_or(u64::MAX);
    PosixRlimit {
        kind: format!("RLIMIT_{}", limit.name.to_ascii_uppercase()),
        soft: number(limit.soft),
        hard: number(limit.hard),
    }
}

fn time_offsets(kernel: &KernelRequest) -> std::collections::BTreeMap<String, LinuxTimeOffset> {
    let offset = |(clock, secs): (&String, &i64)| {
        (clock.clone(), LinuxTimeOffset { secs: *secs, nanosecs: 0 })
    };
    kernel.time_offsets.iter().map(offset).collect()
}

/// docker's, so that ports below 1024 and ping need no capability inside; router advertisements are
/// refused (CVE-2020-13401).
fn network_sysctls() -> std::collections::BTreeMap<String, String> {
    let settings = [
        ("net.ipv4.ip_unprivileged_port_start", "0"),
        ("net.ipv4.ping_group_range", "0 2147483647"),
    ];
    settings.map(|(name, value)| (name.to_string(), value.to_string())).into()
}

/// Limits in OCI's terms, with rules for devices.
pub(crate) fn resources(
    asked: &ResourceRequest,
    devices: Vec<LinuxDeviceCgroup>,
) -> Result<LinuxResources, EngineError> {
    let signed = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
    let memory_asked = asked.memory_bytes.is_some()
        || asked.memory_reservation_bytes.is_some()
        || asked.memory_swap_bytes.is_some()
        || asked.memory_swappiness.is_some()
        || asked.oom_kill_disable;
    const PERIOD_US: u64 = 100_000;
    let cpu = LinuxCpu {
        shares: asked.cpu_shares,
        quota: asked
            .nano_cpus
            .map(|nano| signed(nano / (1_000_000_000 / PERIOD_US)))
            .or(asked.cpu_quota_us),
        period: asked.nano_cpus.map(|_| PERIOD_US).or(asked.cpu_period_us),
        realtime_runtime: asked.cpu_rt_runtime_us,
        realtime_period: asked.cpu_rt_period_us,
        cpus: asked.cpuset_cpus.clone(),
        mems: asked.cpuset_mems.clone(),
        ..LinuxCpu::default()
    };
    let block_io = block_io(asked)?;
    Ok(LinuxResources {
        devices,
        memory: memory_asked.then(|| LinuxMemory {
            limit: asked.memory_bytes.map(signed),
            reservation: asked.memory_reservation_bytes.map(signed),
            // docker: a limit without a word about swap allows as much swap again.
            swap: asked
                .memory_swap_bytes
                .or(asked.memory_bytes.map(|bytes| signed(bytes.saturating_mul(2)))),
            swappiness: asked.memory_swappiness,
            disable_oom_killer: asked.oom_kill_disable.then_some(true),
            ..LinuxMemory::default()
        }),
        cpu: Some(cpu).filter(|cpu| *cpu != LinuxCpu::default()),
        pids: asked.pids.map(|limit| LinuxPids { limit: Some(limit) }),
        block_io: Some(block_io).filter(|io| *io != LinuxBlockIo::default()),
        ..LinuxResources::default()
    })
}

/// Weights and limits of block devices, by their numbers on this machine.
fn block_io(asked: &ResourceRequest) -> Result<LinuxBlockIo, EngineError> {
    let limits = |list: &[DeviceLimit]| -> Result<Vec<LinuxThrottleDevice>, EngineError> {
        let one = |limit: &DeviceLimit| {
            let (major, minor) = devices::block_numbers(&limit.path)?;
            Ok(LinuxThrottleDevice { major, minor, rate: limit.value })
        };
        list.iter().map(one).collect()
    };
    let weight = |limit: &DeviceLimit| {
        let (major, minor) = devices::block_numbers(&limit.path)?;
        let weight = u16::try_from(limit.value).ok();
        Ok(LinuxWeightDevice { major, minor, weight, leaf_weight: None })
    };
    Ok(LinuxBlockIo {
        weight: asked.blkio_weight,
        weight_device: asked
            .blkio_weight_device
            .iter()
            .map(weight)
            .collect::<Result<_, EngineError>>()?,
        throttle_read_bps_device: limits(&asked.device_read_bps)?,
        throttle_write_bps_device: limits(&asked.device_write_bps)?,
        throttle_read_iops_device: limits(&asked.device_read_iops)?,
        throttle_write_iops_device: limits(&asked.device_write_iops)?,
        ..LinuxBlockIo::default()
    })
}

/// Every container's mounts, the init layer's files, then the asked ones; a mount asked for at a
/// place of the former replaces it. Sorted so that what lies deeper comes later.
fn mounts(kernel: &KernelRequest, asked: &[Mount], init: &Path, privileged: bool) -> Vec<Mount> {
    let mut all = every_containers_mounts(privileged);
    shared_memory(kernel, &mut all);
    for name in ["resolv.conf", "hostname", "hosts"] {
        all.push(Mount {
            destination: format!("/etc/{name}"),
            kind: Some("bind".into()),
            source: Some(init.join(name).to_string_lossy().into_owned()),
            options: strings(&["rbind", "rprivate"]),
            ..Mount::default()
        });
    }
    for asked in asked {
        let place = |path: &str| Path::new(path).components().collect::<std::path::PathBuf>();
        all.retain(|mount| place(&mount.destination) != place(&asked.destination));
        all.push(asked.clone());
    }
    all.sort_by_key(|mount| Path::new(&mount.destination).components().count());
    all
}

/// Where something is mounted in the container.
pub(crate) fn mount_targets(record: &Record) -> Vec<String> {
    let kernel = &record.request.kernel;
    let every =
        mounts(kernel, &[], Path::new("/"), false).into_iter().map(|mount| mount.destination);
    every.chain(record.mounts().iter().map(|mount| mount.target().to_string())).collect()
}

/// /dev/shm as the container's IPC wants it: of another size, the host's, or not at all.
fn shared_memory(kernel: &KernelRequest, all: &mut Vec<Mount>) {
    let place = |mount: &Mount| mount.destination == "/dev/shm";
    match kernel.ipc {
        IpcRequest::None => all.retain(|mount| !place(mount)),
        IpcRequest::Host => {
            for mount in all.iter_mut().filter(|mount| place(mount)) {
                mount.kind = Some("bind".into());
                mount.source = Some("/dev/shm".into());
                mount.options = strings(&["rbind", "rprivate"]);
            }
        }
        _ => {
            let Some(bytes) = kernel.shm_bytes else { return };
            for mount in all.iter_mut().filter(|mount| place(mount)) {
                mount.options.retain(|option| !option.starts_with("size="));
                mount.options.push(format!("size={bytes}"));
            }
        }
    }
}

fn every_containers_mounts(privileged: bool) -> Vec<Mount> {
    let mount = |destination: &str, kind: &str, source: &str, options: &[&str]| Mount {
        destination: destination.into(),
        kind: Some(kind.into()),
        source: Some(source.into()),
        options: strings(options),
        ..Mount::default()
    };
    let write = if privileged { "rw" } else { "ro" };
    vec![
        mount("/proc", "proc", "proc", &["nosuid", "noexec", "nodev"]),
        mount("/dev", "tmpfs", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
        mount(
            "/dev/pts",
            "devpts",
            "devpts",
            &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
        ),
        mount("/sys", "sysfs", "sysfs", &["nosuid", "noexec", "nodev", write]),
        mount("/sys/fs/cgroup", "cgroup", "cgroup", &[write, "nosuid", "noexec", "nodev"]),
        mount("/dev/mqueue", "mqueue", "mqueue", &["nosuid", "noexec", "nodev"]),
        mount(
            "/dev/shm",
            "tmpfs",
            "shm",
            &["nosuid", "noexec", "nodev", "mode=1777", "size=67108864"],
        ),
    ]
}

/// What tells too much about the host, or lets harm be done: docker's list.
pub const MASKED: &[&str] = &[
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
];

/// Settings of the whole kernel: readable, not writable. docker's list.
pub const READ_ONLY: &[&str] =
    &["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

fn strings(list: &[&str]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}
