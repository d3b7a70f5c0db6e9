//! Command lines and the requests they mean.

use super::*;
use crate::create::VERB;
use teu_model::*;

fn resolve(line: &str) -> Result<CreateRequest, String> {
    let words = line.split(' ').filter(|word| !word.is_empty()).map(OsString::from).collect();
    let (flags, words) = VERB.parse(words).map_err(|f| format!("{f:?}"))?.expect("no help asked");
    flags.resolve(&words)
}

#[track_caller]
fn check(line: &str, change: impl FnOnce(&mut CreateRequest)) {
    let mut expected = CreateRequest { image: "x".into(), ..CreateRequest::default() };
    change(&mut expected);
    assert_eq!(resolve(line), Ok(expected), "for `{line}`");
}

#[track_caller]
fn refused(line: &str, expected: &str) {
    let got = resolve(line).expect_err("a refusal");
    assert!(got.contains(expected), "for `{line}`: {got}");
}

#[test]
fn words_after_the_image_are_the_programs() {
    check("x ls -la --rm", |r| r.process.args = vec!["ls".into(), "-la".into(), "--rm".into()]);
    check("-it x", |r| (r.process.tty, r.process.stdin) = (true, true));
    check("--tty=false -it --interactive=0 --tty=F x", |_| ());
}

#[test]
fn life() {
    check("--name web --rm x", |r| {
        r.name = Some(ContainerName::parse("web").unwrap());
        r.on_exit = OnExit::Remove;
    });
    check("--rm=false -l a=b=c --label d x", |r| {
        r.labels = [("a".into(), "b=c".into()), ("d".into(), String::new())].into();
    });
    check("--pull always --platform linux/arm64 --init x", |r| {
        r.pull = Pull::Always;
        r.platform = Some(Platform::parse("linux/arm64").unwrap());
        r.init = true;
    });
    check("--stop-signal INT --stop-timeout=-1 x", |r| {
        r.stop_signal = Some(Signal::INT);
        r.stop_timeout_s = Some(-1);
    });
    check("--restart on-failure:3 --restart-delay 1s --restart-delay-max=1m30s x", |r| {
        r.restart = RestartRequest {
            policy: RestartPolicy::OnFailure { retries_max: 3 },
            delay_ms: Some(1_000),
            delay_max_ms: Some(90_000),
        };
    });
    check("--restart no --rm x", |r| r.on_exit = OnExit::Remove);
    refused("--restart always --rm x", "Conflicting options: --restart and --rm");
    refused("--restart sometimes x", "invalid restart policy 'sometimes'");
    refused("--restart-delay soon x", "invalid duration");
    refused("--name a/b x", "Invalid container name");
    refused("--pull sometimes x", "must be one of");
    refused("--stop-signal FOO x", "Invalid signal: FOO");
    refused("--stop-timeout x x", "invalid argument");
    refused("-a stdfoo x", "valid streams");
    refused("--platform a/b/c/d x", "platform");
}

#[test]
fn limits() {
    check("-m 64m --memory-swap -1 --memory-reservation=32m x", |r| {
        r.resources.memory_bytes = Some(64 << 20);
        r.resources.memory_swap_bytes = Some(-1);
        r.resources.memory_reservation_bytes = Some(32 << 20);
    });
    check("--cpus .5 -c 512 --cpuset-cpus 0-1 --cpuset-mems 0 --pids-limit -1 x", |r| {
        r.resources.nano_cpus = Some(500_000_000);
        r.resources.cpu_shares = Some(512);
        r.resources.cpuset_cpus = Some("0-1".into());
        r.resources.cpuset_mems = Some("0".into());
        r.resources.pids = Some(-1);
    });
    check("-m 0 --pids-limit 0 x", |_| ());
    refused("-m much x", "invalid size");
    refused("-m -5 x", "invalid size");
    refused("--cpus two x", "decimal");
    refused("--cpu-shares -1 x", "negative");
}

#[test]
fn the_kernels() {
    check("--pid host --ipc container:y --uts host --userns host --shm-size 1m x", |r| {
        r.kernel.pid = Sharing::Host;
        r.kernel.ipc = IpcRequest::Container("y".into());
        r.kernel.uts_host = true;
        r.kernel.shm_bytes = Some(1 << 20);
    });
    check("--ulimit nofile=5 --ulimit nofile=6:7 --oom-score-adj=-5 --runtime teu x", |r| {
        r.kernel.ulimits = vec![Ulimit { name: "nofile".into(), soft: 6, hard: 7 }];
        r.kernel.oom_score_adj = -5;
    });
    check("--device vendor.com/class=name --sysctl net.a=b=c --annotation k=v x", |r| {
        r.kernel.cdi_devices = vec!["vendor.com/class=name".into()];
        r.kernel.sysctls = [("net.a".into(), "b=c".into())].into();
        r.kernel.annotations = [("k".into(), "v".into())].into();
    });
    check("--device-write-bps /dev/a:1mb --blkio-weight-device /dev/a:500 x", |r| {
        let limit = |value| vec![DeviceLimit { path: "/dev/a".into(), value }];
        r.resources.device_write_bps = limit(1 << 20);
        r.resources.blkio_weight_device = limit(500);
    });
    refused("--pid x x", "--pid: invalid PID mode");
    refused("--uts x x", "--uts: invalid UTS mode");
    refused("--userns auto x", "--userns: invalid USER mode");
    refused("--ipc x x", "invalid IPC mode");
    refused("--runtime runc x", "unknown or invalid runtime name: runc");
    refused("--ulimit files=1 x", "invalid ulimit type: files");
    refused("--storage-opt size=1g x", "--storage-opt is supported only for overlay over xfs");
    refused("--device-read-bps a:1 x", "bad format for device path: a:1");
    refused("--device-read-iops /dev/a:x x", "invalid rate for device: /dev/a:x");
    refused("--blkio-weight-device /dev/a:5 x", "invalid weight for device: /dev/a:5");
    refused("--ip 1.2.3.4 x", "user defined networks only");
    refused("--isolation hyperv x", "invalid isolation");
}

#[test]
fn rights() {
    check("--cap-add NET_ADMIN --cap-drop ALL --read-only --cgroupns host x", |r| {
        r.security.cap_add = vec!["NET_ADMIN".into()];
        r.security.cap_drop = vec!["ALL".into()];
        r.read_only_root = true;
        r.cgroup_namespace = CgroupNamespace::Host;
    });
    check("--security-opt seccomp=unconfined --security-opt no-new-privileges x", |r| {
        r.security.seccomp = Seccomp::Unconfined;
        r.security.no_new_privileges = true;
    });
    refused("--security-opt what=ever x", "invalid --security-opt");
    refused("--security-opt apparmor=mine x", "not there yet");
    refused("--security-opt seccomp=/no/such/file x", "opening seccomp profile");
    refused("--cgroupns both x", "invalid CGROUP mode");
}

#[test]
fn network() {
    check("--net host -h box --dns 1.1.1.1 --add-host a:1.2.3.4 x", |r| {
        r.network = NetworkRequest::Host;
        r.hostname = Some("box".into());
        r.dns = vec!["1.1.1.1".parse().unwrap()];
        r.extra_hosts = vec![("a".into(), "1.2.3.4".into())];
    });
    refused("--network mine x", "network mine not found");
    check("--network container:y x", |r| {
        r.network = NetworkRequest::Joined;
        r.kernel.network_of = Some("y".into());
    });
    refused("--dns nowhere x", "not an ip address");
    check(
        "--dns-search a.org --dns-option ndots:2 --dns-opt rotate --expose 81 --expose 80-81 x",
        |r| {
            r.dns_search = vec!["a.org".into()];
            r.dns_options = vec!["ndots:2".into(), "rotate".into()];
            r.exposed = vec!["80/tcp".into(), "81/tcp".into()];
        },
    );
    refused("--dns-search 1 x", "1 is not a valid domain");
    refused("--expose 1:2 x", "invalid port format for --expose: 1:2");
}

fn bind(source: &str, target: &str, read_only: bool, create_source: bool) -> MountRequest {
    MountRequest::Bind {
        source: source.into(),
        target: target.into(),
        read_only,
        propagation: None,
        recursive: true,
        create_source,
    }
}

#[test]
fn mounts() {
    check("-v /a:/b -v /c:/d:ro,z x", |r| {
        r.mounts = vec![bind("/a", "/b", false, true), bind("/c", "/d", true, true)];
    });
    check("--mount type=bind,src=/a,dst=/b,ro x", |r| {
        r.mounts = vec![bind("/a", "/b", true, false)]
    });
    check("--mount type=bind,\"src=/a,b\",target=/c x", |r| {
        r.mounts = vec![bind("/a,b", "/c", false, false)];
    });
    check(
        "--mount type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=700 --tmpfs /u:ro,size=2m x",
        |r| {
            let tmpfs = |target: &str, size: u64, mode, options: &[&str]| MountRequest::Tmpfs {
                target: target.into(),
                size_bytes: Some(size << 20),
                mode,
                options: options.iter().map(ToString::to_string).collect(),
            };
            r.mounts = vec![tmpfs("/t", 1, Some(0o700), &[]), tmpfs("/u", 2, None, &["ro"])];
        },
    );
    check("--device /dev/fuse:r --device /dev/a:/dev/b:rw x", |r| {
        let device = |source: &str, target: &str, access: &str| DeviceRequest {
            source: source.into(),
            target: target.into(),
            access: access.into(),
        };
        r.devices = vec![device("/dev/fuse", "/dev/fuse", "r"), device("/dev/a", "/dev/b", "rw")];
    });
    check("-v name:/b:ro,nocopy -v /c x", |r| {
        let mut named = MountRequest::volume(Some("name".into()), "/b");
        if let MountRequest::Volume { read_only, no_copy, mode, .. } = &mut named {
            (*read_only, *no_copy, *mode) = (true, true, "ro,nocopy".into());
        }
        r.mounts = vec![named, MountRequest::volume(None, "/c")];
    });
    check("--mount src=name,dst=/b,volume-subpath=x --volumes-from a:ro x", |r| {
        let mut named = MountRequest::volume(Some("name".into()), "/b");
        if let MountRequest::Volume { subpath, .. } = &mut named {
            *subpath = Some("x".into());
        }
        r.mounts = vec![named];
        r.volumes_from = vec!["a:ro".into()];
    });
    refused("-v name:/b:rshared x", "invalid mode");
    refused("--mount type=bind,src=/a,dst=/b,volume-nocopy x", "cannot mix");
    refused("-v /a:/b:wild x", "invalid mode: wild");
    refused("-v /a::ro x", "empty section");
    refused("-v a:b:c:d x", "/host:/inside");
    refused("--mount type=bind,src=/a x", "target is required");
    refused("--mount type=bind,dst=/a x", "source is required");
    refused("--mount type=image,dst=/a x", "not there yet");
    refused("--mount what x", "must be a key=value pair");
    refused("--mount type=tmpfs,src=/a,dst=/b x", "cannot mix");
    refused("--mount \"type=bind x", "quote");
    refused("--tmpfs /a:size=lots x", "invalid tmpfs option");
    refused("--device /dev/a:b:c:d x", "invalid device");
}

#[test]
fn process() {
    check("-e A=1 -w /w -u 1:2 --group-add 3 --entrypoint sh x -c y", |r| {
        r.process.env = vec!["A=1".into()];
        r.process.cwd = Some("/w".into());
        r.process.user = Some("1:2".into());
        r.process.groups = vec!["3".into()];
        r.process.entrypoint = Some(vec!["sh".into()]);
        r.process.args = vec!["-c".into(), "y".into()];
    });
    check("--entrypoint= x", |r| r.process.entrypoint = Some(vec![]));
    refused("-w rel x", "needs to be an absolute path");
    refused("-e =x x", "invalid environment variable");
    refused("--env-file /no/such/file x", "open /no/such/file: no such file or directory");
}

#[test]
fn what_is_not_there_is_refused_by_name() {
    for flag in CREATE_LATER.split_ascii_whitespace() {
        refused(&format!("{flag} x"), &format!("the flag {flag} is not there yet"));
    }
    refused("--memroy 5 x", "did you mean --memory?");
    refused("-z x", "unknown shorthand flag: 'z' in -z");
    refused("--name", "flag needs an argument");
    refused("--rm=perhaps x", "true or false");
    refused("", "requires at least 1 argument");
}

#[test]
fn each_flag_is_defined_once() {
    let mut names: Vec<String> = VERB.all().map(|flag| flag.long.to_string()).collect();
    names.extend(VERB.all().filter_map(|flag| flag.short).map(String::from));
    names.extend(
        CREATE_LATER.split_ascii_whitespace().map(|f| f.trim_start_matches('-').to_string()),
    );
    names.sort();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
}
