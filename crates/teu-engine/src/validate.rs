//! What can be refused before anything is made. Pure; the words are docker's where it has some.

use crate::EngineError;
use std::net::IpAddr;
use teu_model::{
    CreateRequest, IpcRequest, MountRequest, NetworkRequest, Process, ResourceRequest,
};

/// Below this the kernel kills a container before its program runs; docker's floor.
const MEMORY_MIN: u64 = 6 << 20;

/// Everything that a request and an image can get wrong together.
pub(crate) fn request(request: &CreateRequest) -> Result<(), EngineError> {
    request.log.limits().map_err(EngineError::bad)?;
    resources(&request.resources, false)?;
    resources_together(&request.resources)?;
    for mount in &request.mounts {
        mount_target(mount)?;
    }
    let mut targets: Vec<&str> = request.mounts.iter().map(MountRequest::target).collect();
    targets.sort_unstable();
    if let Some(twice) = targets
        .windows(2)
        .find(|pair| pair[0].trim_end_matches('/') == pair[1].trim_end_matches('/'))
    {
        return Err(EngineError::bad(format!("Duplicate mount point: {}", twice[0])));
    }
    if request.network == NetworkRequest::Host
        && request.hostname.is_some()
        && request.domainname.is_some()
    {
        return Err(EngineError::bad("conflicting options: domainname and the network mode host"));
    }
    kernel(request)?;
    for (label, text) in [("hostname", &request.hostname), ("domainname", &request.domainname)] {
        if let Some(text) = text {
            host_name(label, text)?;
        }
    }
    for (name, address) in &request.extra_hosts {
        if address != "host-gateway" && address.parse::<IpAddr>().is_err() {
            return Err(EngineError::bad(format!("invalid IP address in add-host: \"{address}\"")));
        }
        if name.is_empty() || name.bytes().any(|c| c.is_ascii_whitespace() || c.is_ascii_control())
        {
            return Err(EngineError::bad(format!(
                "invalid name in add-host: \"{}\"",
                name.escape_debug()
            )));
        }
    }
    for device in &request.devices {
        let good = !device.access.is_empty() && device.access.chars().all(|c| "rwm".contains(c));
        if !good || !device.target.starts_with('/') {
            return Err(EngineError::bad(format!(
                "invalid device: {}:{}:{}",
                device.source, device.target, device.access
            )));
        }
    }
    Ok(())
}

/// What contradicts itself between namespaces and their settings; docker's words.
fn kernel(request: &CreateRequest) -> Result<(), EngineError> {
    let kernel = &request.kernel;
    let joins = request.network == NetworkRequest::Joined;
    let conflicts = [
        (kernel.uts_host && request.hostname.is_some(), "hostname and the UTS mode"),
        (kernel.uts_host && request.domainname.is_some(), "domainname and the UTS mode"),
        (joins && request.hostname.is_some(), "hostname and the network mode"),
        (joins && !request.dns.is_empty(), "dns and the network mode"),
        (
            joins && !request.extra_hosts.is_empty(),
            "custom host-to-IP mapping and the network mode",
        ),
        (
            kernel.mac.is_some() && request.network != NetworkRequest::Bridge,
            "mac-address and the network mode",
        ),
    ];
    if let Some((_, what)) = conflicts.iter().find(|(is, _)| *is) {
        return Err(EngineError::bad(format!("conflicting options: {what}")));
    }
    let score = kernel.oom_score_adj;
    if !(-1000..=1000).contains(&score) {
        return Err(EngineError::bad(format!(
            "Invalid value {score}, range for oom score adj is [-1000, 1000]"
        )));
    }
    for rule in &kernel.device_rules {
        crate::devices::rule_of(rule)?;
    }
    crate::cdi::edits(&kernel.cdi_devices)?;
    for name in kernel.sysctls.keys() {
        sysctl(name, request)?;
    }
    Ok(())
}

/// Only settings of namespaces, and of namespaces that are the container's own.
fn sysctl(name: &str, request: &CreateRequest) -> Result<(), EngineError> {
    const IPC: &[&str] = &[
        "kernel.msgmax",
        "kernel.msgmnb",
        "kernel.msgmni",
        "kernel.sem",
        "kernel.shmall",
        "kernel.shmmax",
        "kernel.shmmni",
        "kernel.shm_rmid_forced",
    ];
    let dotted = name.replace('/', ".");
    let refused = |why: &str| Err(EngineError::bad(format!("sysctl '{name}' is not allowed{why}")));
    if dotted.starts_with("net.") {
        return match request.network {
            NetworkRequest::Host => refused(" in host network namespace"),
            _ => Ok(()),
        };
    }
    if IPC.contains(&dotted.as_str()) || dotted.starts_with("fs.mqueue.") {
        return match request.kernel.ipc {
            IpcRequest::Host => refused(" in host ipc namespace"),
            _ => Ok(()),
        };
    }
    if dotted == "kernel.domainname" {
        return if request.kernel.uts_host { refused(" in host uts namespace") } else { Ok(()) };
    }
    refused(": it is no setting of a namespace, but of the whole machine")
}

/// What is handed to the kernel as C strings holds no NUL.
pub(crate) fn process(process: &Process) -> Result<(), EngineError> {
    let all = process.args.iter().chain(&process.env).chain([&process.cwd, &process.user]);
    for text in all {
        if text.contains('\0') {
            return Err(EngineError::bad(format!("a NUL byte in \"{}\"", text.escape_debug())));
        }
    }
    Ok(())
}

/// Limits that contradict each other, or that no machine has. An update may leave out what is there.
pub(crate) fn resources(asked: &ResourceRequest, is_update: bool) -> Result<(), EngineError> {
    if asked.memory_bytes.is_some_and(|bytes| bytes < MEMORY_MIN) {
        return Err(EngineError::bad("Minimum memory limit allowed is 6MB"));
    }
    if let (Some(limit), Some(swap)) = (asked.memory_bytes, asked.memory_swap_bytes)
        && let Ok(swap) = u64::try_from(swap)
        && swap < limit
    {
        return Err(EngineError::bad(
            "Minimum memoryswap limit should be larger than memory limit, see usage",
        ));
    }
    if !is_update
        && asked.memory_bytes.is_none()
        && asked.memory_swap_bytes.is_some_and(|swap| swap > 0)
    {
        return Err(EngineError::bad(
            "You should always set the Memory limit when using Memoryswap limit, see usage",
        ));
    }
    if let (Some(limit), Some(reservation)) = (asked.memory_bytes, asked.memory_reservation_bytes)
        && limit < reservation
    {
        return Err(EngineError::bad(
            "Minimum memory limit can not be less than memory reservation limit, see usage",
        ));
    }
    let cpus = std::thread::available_parallelism().map_or(1, |cpus| cpus.get() as u64);
    if let Some(nano) = asked.nano_cpus
        && (nano < 10_000_000 || nano > cpus * 1_000_000_000)
    {
        return Err(EngineError::bad(format!(
            "range of CPUs is from 0.01 to {cpus}.00, as there are only {cpus} CPUs available"
        )));
    }
    for (flag, list) in [("cpus", &asked.cpuset_cpus), ("mems", &asked.cpuset_mems)] {
        if let Some(list) = list
            && !is_list(list)
        {
            return Err(EngineError::bad(format!(
                "invalid value \"{}\" for cpuset {flag}",
                list.escape_debug()
            )));
        }
    }
    Ok(())
}

/// Two ways to say the same, and numbers out of their range; docker's words.
pub(crate) fn resources_together(asked: &ResourceRequest) -> Result<(), EngineError> {
    let told = |text: &str| Err(EngineError::bad(text));
    if asked.nano_cpus.is_some() && asked.cpu_period_us.is_some() {
        return told("Conflicting options: Nano CPUs and CPU Period cannot both be set.");
    }
    if asked.nano_cpus.is_some() && asked.cpu_quota_us.is_some() {
        return told("Conflicting options: Nano CPUs and CPU Quota cannot both be set.");
    }
    if asked.cpu_period_us.is_some_and(|us| !(1_000..=1_000_000).contains(&us)) {
        return told(
            "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)",
        );
    }
    if asked.cpu_quota_us.is_some_and(|us| (0..1_000).contains(&us)) {
        return told("CPU cfs quota can not be less than 1ms (i.e. 1000)");
    }
    let (period, runtime) = (asked.cpu_rt_period_us, asked.cpu_rt_runtime_us);
    if let (Some(period), Some(runtime)) = (period, runtime.and_then(|us| u64::try_from(us).ok()))
        && runtime > period
    {
        return told("cpu real-time runtime cannot be higher than cpu real-time period");
    }
    let in_range = |weight: u64| (10..=1000).contains(&weight);
    if asked.blkio_weight.is_some_and(|weight| !in_range(weight.into())) {
        return told("Range of blkio weight is from 10 to 1000");
    }
    if asked.blkio_weight_device.iter().any(|device| !in_range(device.value)) {
        return told("Range of blkio weight is from 10 to 1000");
    }
    if let Some(swappiness) = asked.memory_swappiness.filter(|percent| *percent > 100) {
        return told(&format!(
            "Invalid value: {swappiness}, valid memory swappiness range is 0-100"
        ));
    }
    Ok(())
}

/// `0-2,4`: cpuset(7), "List format".
fn is_list(text: &str) -> bool {
    let number = |text: &str| {
        text.bytes().all(|c| c.is_ascii_digit()).then(|| text.parse::<u16>().ok()).flatten()
    };
    text.split(',').all(|part| match part.split_once('-') {
        None => number(part).is_some(),
        Some((from, to)) => number(from).zip(number(to)).is_some_and(|(from, to)| from <= to),
    })
}

fn mount_target(mount: &MountRequest) -> Result<(), EngineError> {
    let target = mount.target();
    let refused = |why: &str| {
        EngineError::bad(format!("invalid mount target \"{}\": {why}", target.escape_debug()))
    };
    if !target.starts_with('/') {
        return Err(refused("mount path must be absolute"));
    }
    if target.contains('\0') {
        return Err(refused("a NUL byte"));
    }
    if std::path::Path::new(target).components().count() < 2 {
        return Err(refused("destination can't be '/'"));
    }
    match mount {
        MountRequest::Bind { source, .. } if !source.starts_with('/') => {
            Err(EngineError::bad(format!(
                "invalid mount source \"{}\": mount path must be absolute",
                source.escape_debug()
            )))
        }
        MountRequest::Volume { subpath: Some(subpath), .. }
            if subpath.starts_with('/')
                || std::path::Path::new(subpath)
                    .components()
                    .any(|part| part.as_os_str() == "..") =>
        {
            Err(EngineError::bad(format!(
                "invalid mount config for type \"volume\": subpath must be a relative path within the volume: {}",
                subpath.escape_debug()
            )))
        }
        _ => Ok(()),
    }
}

/// Up to 64 bytes is what the kernel keeps (`sethostname(2)`).
fn host_name(label: &str, text: &str) -> Result<(), EngineError> {
    let good = !text.is_empty() && text.len() <= 64 && text.bytes().all(|c| c.is_ascii_graphic());
    if good {
        Ok(())
    } else {
        Err(EngineError::bad(format!("invalid {label} \"{}\"", text.escape_debug())))
    }
}

#[cfg(test)]
#[track_caller]
fn check(change: impl FnOnce(&mut CreateRequest), expected: &str) {
    let mut asked = CreateRequest::default();
    change(&mut asked);
    let got = request(&asked).map_or_else(|error| error.to_string(), |()| "good".into());
    assert!(got.contains(expected), "{got}");
}

#[test]
fn limits() {
    check(|r| r.resources.memory_bytes = Some(64 << 20), "good");
    check(|r| r.resources.memory_bytes = Some(1 << 20), "6MB");
    check(|r| r.resources.memory_swap_bytes = Some(1 << 30), "always set the Memory");
    check(|r| r.resources.nano_cpus = Some(0), "range of CPUs");
    check(|r| r.resources.nano_cpus = Some(u64::MAX), "range of CPUs");
    check(|r| r.resources.cpuset_cpus = Some("0-1".into()), "good");
    for bad in ["", "1-0", "a", "0,", "-1", "0\n"] {
        check(|r| r.resources.cpuset_cpus = Some(bad.into()), "invalid value");
    }
}

#[test]
fn mounts_and_names() {
    let tmpfs = |target: &str| MountRequest::Tmpfs {
        target: target.into(),
        size_bytes: None,
        mode: None,
        options: vec![],
    };
    check(|r| r.mounts = vec![tmpfs("/a")], "good");
    check(|r| r.mounts = vec![tmpfs("/a"), tmpfs("/a/")], "Duplicate mount point");
    check(|r| r.mounts = vec![tmpfs("/")], "can't be '/'");
    check(|r| r.mounts = vec![tmpfs("a")], "absolute");
    check(|r| r.hostname = Some("a b".into()), "invalid hostname");
    check(|r| r.extra_hosts = vec![("a".into(), "300.1.1.1".into())], "invalid IP address");
    check(|r| r.extra_hosts = vec![("a\nb".into(), "::1".into())], "invalid name");
}
