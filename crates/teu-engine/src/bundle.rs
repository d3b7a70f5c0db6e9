//! teu's words in OCI terms: a container's record as a `config.json`. Pure but for the host's devices.
//!
//! What docker gives every container is given here: mounts, masked paths, capabilities, the seccomp
//! profile, kernel settings of the network. Where docker's documentation is silent, moby's
//! `oci/defaults.go` and `daemon/oci_linux.go` say what users rely on.

use crate::{EngineError, devices};
use std::path::Path;
use teu_model::{
    CgroupNamespace, CreateRequest, DeviceLimit, NetworkRequest, Process as Wanted, Record,
    ResourceRequest, Seccomp, SecurityRequest,
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
    let host_network = request.network == NetworkRequest::Host;
    let privileged = request.security.privileged;
    let unmasked = privileged || request.security.unmasked_paths;
    let device_nodes = devices::of(request)?;
    Ok(Spec {
        oci_version: "1.2.0".into(),
        process: Some(process(&record.process, &request.security, around)?),
        root: Some(Root { path: "rootfs".into(), readonly: request.read_only_root }),
        hostname: Some(around.hostname.to_string()),
        domainname: request.domainname.clone(),
        mounts: mounts(around.mounts, around.init, privileged),
        linux: Some(Linux {
            sysctl: if host_network { Default::default() } else { network_sysctls() },
            resources: Some(resources(around.resources, devices::rules(request, &device_nodes))?),
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
        oom_score_adj: Some(0),
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
    use NamespaceKind::*;
    // With the host's network the host's name is copied into an own namespace all the same.
    let mut kinds = vec![Mount, Pid, Ipc, Uts];
    if request.network != NetworkRequest::Host {
        kinds.push(Network);
    }
    if request.cgroup_namespace == CgroupNamespace::Private {
        kinds.push(Cgroup);
    }
    kinds.into_iter().map(|kind| LinuxNamespace { kind, path: None }).collect()
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
fn mounts(asked: &[Mount], init: &Path, privileged: bool) -> Vec<Mount> {
    let mut all = every_containers_mounts(privileged);
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
    let every = mounts(&[], Path::new("/"), false).into_iter().map(|mount| mount.destination);
    every.chain(record.mounts().iter().map(|mount| mount.target().to_string())).collect()
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
const MASKED: &[&str] = &[
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
const READ_ONLY: &[&str] =
    &["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

fn strings(list: &[&str]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}
