//! A container in docker's field names. What docker has and teu has not is left out rather than made up.

use super::NEVER;
use crate::ps::network_name;
use serde_json::{Map, Value, json};
use std::net::IpAddr;
use teu_engine::InspectedContainer;
use teu_model::{
    BindPropagation, CgroupNamespace, EndpointState, Health, HealthCheck, HealthStatus, LogDriver,
    LogRequest, MountRequest, NetworkRequest, OnExit, Probe, RestartPolicy, Seccomp, State, Status,
};

/// The whole object.
pub fn value(one: &InspectedContainer) -> Value {
    let container = &one.container;
    let (record, state) = (&container.record, &container.state);
    let process = &record.process;
    json!({
        "Id": record.id.as_str(),
        "Created": record.created_at.to_string(),
        "Path": process.args.first(),
        "Args": process.args.get(1..).unwrap_or_default(),
        "State": life(state, one.health.as_ref()),
        "Image": record.image.to_string(),
        "ResolvConfPath": format!("{}/resolv.conf", one.init_directory),
        "HostnamePath": format!("{}/hostname", one.init_directory),
        "HostsPath": format!("{}/hosts", one.init_directory),
        "LogPath": one.log_path,
        "Name": format!("/{}", state.name),
        "RestartCount": state.restart_count,
        "ExecIDs": if one.execs.is_empty() { Value::Null } else { json!(one.execs) },
        "Driver": one.driver,
        "Platform": "linux",
        "CgroupPath": one.cgroup,
        "MountLabel": "",
        "ProcessLabel": "",
        "AppArmorProfile": "",
        "GraphDriver": { "Name": one.driver, "Data": null },
        "HostConfig": host_config(one),
        "Mounts": mounts(record.mounts(), one),
        "Config": config(one),
        "NetworkSettings": network(one),
    })
}

fn life(state: &State, health: Option<&Health>) -> Value {
    let waits = state.status == Status::Restarting;
    // As docker has it: one that restarts counts as running.
    let is_running = state.status.is_alive() || waits;
    let exit = state.exit.as_ref().filter(|_| !is_running || waits);
    let process = state.running.as_ref().filter(|_| !waits);
    let note = exit.and_then(|exit| exit.note.clone());
    let moment =
        |moment: Option<teu_model::Timestamp>| moment.map_or(NEVER.to_string(), |m| m.to_string());
    let mut life = json!({
        "Status": state.status.word(),
        "Running": is_running,
        "Paused": state.status == Status::Paused,
        "Restarting": waits,
        "OOMKilled": exit.is_some_and(|exit| exit.oom_killed),
        "Dead": false,
        "Pid": process.map_or(0, |running| running.pid),
        "ExitCode": exit.map_or(0, |exit| exit.code),
        "Error": state.start_error.clone().or(note).unwrap_or_default(),
        "StartedAt": moment(state.started_at),
        "FinishedAt": moment(state.exit.as_ref().map(|exit| exit.finished_at)),
    });
    if let Some(health) = health {
        life["Health"] = json!({
            // Docker's: nobody looks at what does not run.
            "Status": if is_running { health.status } else { HealthStatus::Unhealthy }.word(),
            "FailingStreak": health.streak,
            "Log": health.log.iter().map(|result| json!({
                "Start": result.start.to_string(),
                "End": result.end.to_string(),
                "ExitCode": result.code,
                "Output": result.output,
            })).collect::<Vec<_>>(),
        });
    }
    life
}

fn config(one: &InspectedContainer) -> Value {
    let record = &one.container.record;
    let (process, request) = (&record.process, &record.request);
    let (entrypoint, command) =
        process.args.split_at(process.entrypoint_len.min(process.args.len()));
    json!({
        "Hostname": one.hostname,
        "Domainname": request.domainname.clone().unwrap_or_default(),
        "User": process.user,
        "AttachStdin": process.stdin,
        "AttachStdout": true,
        "AttachStderr": true,
        "Tty": process.tty,
        "OpenStdin": process.stdin,
        "StdinOnce": process.stdin,
        "Env": process.env,
        "Cmd": if command.is_empty() { Value::Null } else { command.into() },
        "Entrypoint": if entrypoint.is_empty() { Value::Null } else { entrypoint.into() },
        "Image": request.image,
        "ExposedPorts": record.exposed.iter().map(|port| (port.clone(), json!({}))).collect::<Map<_, _>>(),
        "WorkingDir": process.cwd,
        "Labels": record.labels,
        "StopSignal": record.stop_signal.to_string(),
        "StopTimeout": request.stop_timeout_s,
        "OnBuild": null,
        "Healthcheck": match &record.health {
            _ if request.health.none => json!({ "Test": ["NONE"] }),
            check => json!(check.as_ref().map(healthcheck)),
        },
        "Volumes": places(record.mounts()),
    })
}

fn log_config(log: &LogRequest) -> Value {
    let mut options = log.options.clone();
    if let (LogDriver::JsonFile | LogDriver::Local, Ok(limits)) = (log.driver, log.limits()) {
        let (size, files) = (limits.max_size_bytes / 1_000_000, limits.max_files.to_string());
        options.entry("max-size".into()).or_insert(format!("{size}m"));
        options.entry("max-file".into()).or_insert(files);
    }
    json!({ "Type": log.driver.name(), "Config": options })
}

fn healthcheck(check: &HealthCheck) -> Value {
    let test = match &check.probe {
        Probe::Command(words) if words.len() == 3 && words[0] == "/bin/sh" && words[1] == "-c" => {
            json!(["CMD-SHELL", words[2]])
        }
        Probe::Command(words) => {
            json!(
                std::iter::once("CMD").chain(words.iter().map(String::as_str)).collect::<Vec<_>>()
            )
        }
        Probe::Tcp(port) => json!(["TCP", port.to_string()]),
        Probe::Http { port, path } => json!(["HTTP", format!("http://localhost:{port}{path}")]),
    };
    let mut shown = json!({ "Test": test });
    // What is as it is by default is left away.
    let times = [
        ("Interval", check.interval_ms, 30_000),
        ("Timeout", check.timeout_ms, 30_000),
        ("StartPeriod", check.start_period_ms, 0),
        ("StartInterval", check.start_interval_ms, 5_000),
    ];
    for (name, ms, _) in times.iter().filter(|(_, ms, default)| ms != default) {
        shown[*name] = ms.saturating_mul(1_000_000).into();
    }
    if check.retries != 3 {
        shown["Retries"] = check.retries.into();
    }
    shown
}

fn host_config(one: &InspectedContainer) -> Value {
    let request = &one.container.record.request;
    let security = &request.security;
    let mut options = Vec::new();
    match &security.seccomp {
        Seccomp::Default => {}
        Seccomp::Unconfined => options.push("seccomp=unconfined".to_string()),
        Seccomp::Profile(text) => options.push(format!("seccomp={text}")),
    }
    if security.no_new_privileges {
        options.push("no-new-privileges".to_string());
    }
    if security.unmasked_paths {
        options.push("systempaths=unconfined".to_string());
    }
    let devices: Vec<Value> = request
        .devices
        .iter()
        .map(|device| {
            json!({
                "PathOnHost": device.source,
                "PathInContainer": device.target,
                "CgroupPermissions": device.access,
            })
        })
        .collect();
    let hosts: Vec<String> =
        request.extra_hosts.iter().map(|(name, address)| format!("{name}:{address}")).collect();
    let mut all = json!({
        "Binds": binds(&request.mounts),
        "VolumesFrom": if request.volumes_from.is_empty() { Value::Null } else { json!(request.volumes_from) },
        "NetworkMode": network_name(request.network),
        "AutoRemove": request.on_exit == OnExit::Remove,
        "CapAdd": security.cap_add,
        "CapDrop": security.cap_drop,
        "CgroupnsMode": match request.cgroup_namespace {
            CgroupNamespace::Private => "private",
            CgroupNamespace::Host => "host",
        },
        "Dns": request.dns.iter().map(IpAddr::to_string).collect::<Vec<_>>(),
        "DnsSearch": request.dns_search,
        "DnsOptions": request.dns_options,
        "ExtraHosts": hosts,
        "GroupAdd": request.process.groups,
        "Privileged": security.privileged,
        "ReadonlyRootfs": request.read_only_root,
        "SecurityOpt": options,
        "Tmpfs": tmpfs(&request.mounts),
        "Init": request.init,
        "Devices": devices,
        "LogConfig": log_config(&request.log),
        "RestartPolicy": restart_policy(one.container.restart_request().policy),
        "PortBindings": {},
        "Runtime": "teu",
    });
    for more in [super::resources::value(one.container.resources()), super::kernel::value(request)]
    {
        if let (Value::Object(all), Value::Object(more)) = (&mut all, more) {
            all.extend(more);
        }
    }
    let hidden = !security.privileged && !security.unmasked_paths;
    let paths = |paths: &[&str]| if hidden { json!(paths) } else { Value::Null };
    all["MaskedPaths"] = paths(teu_engine::MASKED);
    all["ReadonlyPaths"] = paths(teu_engine::READ_ONLY);
    if let Value::Object(all) = &mut all {
        all.extend(without_meaning());
        for name in NULL_WHERE_EMPTY {
            if all.get(*name).and_then(Value::as_array).is_some_and(Vec::is_empty) {
                all.insert(name.to_string(), Value::Null);
            }
        }
    }
    all
}

/// Docker's client has no list there where nothing was asked.
const NULL_WHERE_EMPTY: &[&str] = &[
    "BlkioDeviceReadBps",
    "BlkioDeviceReadIOps",
    "BlkioDeviceWriteBps",
    "BlkioDeviceWriteIOps",
    "CapAdd",
    "CapDrop",
    "DeviceCgroupRules",
    "ExtraHosts",
    "GroupAdd",
    "SecurityOpt",
    "Ulimits",
];

/// Fields of docker's that nothing of teu sets: other systems' and what comes later. Who reads them finds them.
fn without_meaning() -> Map<String, Value> {
    let fields = json!({
        "ContainerIDFile": "",
        "VolumeDriver": "",
        "Cgroup": "",
        "Links": null,
        "PublishAllPorts": false,
        "ConsoleSize": [0, 0],
        "DeviceRequests": null,
        "KernelMemoryTCP": 0,
        "CpuCount": 0,
        "CpuPercent": 0,
        "IOMaximumIOps": 0,
        "IOMaximumBandwidth": 0,
    });
    match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn restart_policy(policy: RestartPolicy) -> Value {
    let retries_max = match policy {
        RestartPolicy::OnFailure { retries_max } => retries_max,
        _ => 0,
    };
    json!({ "Name": policy.name(), "MaximumRetryCount": retries_max })
}

fn propagation_word(propagation: Option<BindPropagation>) -> &'static str {
    match propagation.unwrap_or(BindPropagation::RPrivate) {
        BindPropagation::Private => "private",
        BindPropagation::RPrivate => "rprivate",
        BindPropagation::Shared => "shared",
        BindPropagation::RShared => "rshared",
        BindPropagation::Slave => "slave",
        BindPropagation::RSlave => "rslave",
    }
}

fn mounts(mounts: &[MountRequest], inspected: &InspectedContainer) -> Vec<Value> {
    let one = |mount: &MountRequest| match mount {
        MountRequest::Volume { name, target, read_only, mode, .. } => {
            let name = name.as_deref().unwrap_or_default();
            json!({
                "Type": "volume",
                "Name": name,
                "Source": inspected.volumes_directory.join(name).join("data").display().to_string(),
                "Destination": target,
                "Driver": "local",
                "Mode": mode,
                "RW": !read_only,
                "Propagation": "",
            })
        }
        MountRequest::Bind { source, target, read_only, propagation, .. } => json!({
            "Type": "bind",
            "Source": source,
            "Destination": target,
            "Mode": if *read_only { "ro" } else { "" },
            "RW": !read_only,
            "Propagation": propagation_word(*propagation),
        }),
        MountRequest::Tmpfs { target, .. } => json!({
            "Type": "tmpfs", "Source": "", "Destination": target, "Mode": "", "RW": true, "Propagation": "",
        }),
    };
    mounts.iter().map(one).collect()
}

/// Where a volume is asked for that has no name.
fn places(mounts: &[MountRequest]) -> Value {
    let one = |mount: &MountRequest| match mount {
        MountRequest::Volume { target, anonymous: true, .. } => Some((target.clone(), json!({}))),
        _ => None,
    };
    let places: Map<String, Value> = mounts.iter().filter_map(one).collect();
    if places.is_empty() { Value::Null } else { places.into() }
}

/// None is null.
fn binds(mounts: &[MountRequest]) -> Option<Vec<String>> {
    let binds: Vec<String> = mounts
        .iter()
        .filter_map(|mount| match mount {
            // Made by -v; --mount stands under Mounts alone.
            MountRequest::Bind { source, target, read_only, create_source: true, .. } => {
                Some(format!("{source}:{target}{}", if *read_only { ":ro" } else { "" }))
            }
            MountRequest::Volume { name: Some(name), target, mode, .. } if !mode.is_empty() => {
                Some(if mode == "z" {
                    format!("{name}:{target}")
                } else {
                    format!("{name}:{target}:{mode}")
                })
            }
            _ => None,
        })
        .collect();
    (!binds.is_empty()).then_some(binds)
}

fn tmpfs(mounts: &[MountRequest]) -> Map<String, Value> {
    let one = |mount: &MountRequest| match mount {
        MountRequest::Tmpfs { target, size_bytes, mode, options } => {
            let mut all = options.clone();
            all.extend(size_bytes.map(|bytes| format!("size={bytes}")));
            all.extend(mode.map(|bits| format!("mode={bits:o}")));
            Some((target.clone(), all.join(",").into()))
        }
        MountRequest::Bind { .. } | MountRequest::Volume { .. } => None,
    };
    mounts.iter().filter_map(one).collect()
}

fn network(one: &InspectedContainer) -> Value {
    let container = &one.container;
    let request = &container.record.request;
    let running = container.state.running.as_ref();
    let endpoint = running.and_then(|running| running.endpoint.as_ref());
    let place = place(endpoint);
    let mut settings = place.clone();
    if let Value::Object(settings) = &mut settings {
        let exposed = container.record.exposed.iter().filter(|_| endpoint.is_some());
        let ports: Map<_, _> = exposed.map(|port| (port.clone(), Value::Null)).collect();
        settings.insert("Ports".into(), ports.into());
        settings.insert("Networks".into(), json!({ network_name(request.network): place }));
        let key = running.filter(|_| request.network != NetworkRequest::Host);
        let key = key.map(|running| format!("/proc/{}/ns/net", running.pid));
        settings.insert("SandboxKey".into(), key.unwrap_or_default().into());
        settings.insert("Bridge".into(), "".into());
        settings.insert("HairpinMode".into(), false.into());
        settings.insert("LinkLocalIPv6Address".into(), "".into());
        settings.insert("LinkLocalIPv6PrefixLen".into(), 0.into());
        settings.insert("SecondaryIPAddresses".into(), Value::Null);
        settings.insert("SecondaryIPv6Addresses".into(), Value::Null);
    }
    settings
}

fn place(endpoint: Option<&EndpointState>) -> Value {
    json!({
        "IPAddress": endpoint.map_or(String::new(), |endpoint| endpoint.address.to_string()),
        "IPPrefixLen": endpoint.map_or(0, |endpoint| endpoint.prefix),
        "Gateway": endpoint.map_or(String::new(), |endpoint| endpoint.gateway.to_string()),
        "MacAddress": endpoint.map_or(String::new(), |endpoint| endpoint.mac.clone()),
        "GlobalIPv6Address": "",
        "GlobalIPv6PrefixLen": 0,
        "IPv6Gateway": "",
    })
}
