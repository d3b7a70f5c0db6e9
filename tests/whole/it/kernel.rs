//! What containers share, and what the kernel is told about each.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use teu_testkit::Teu;
use teu_testkit::teu::{shell, until};

fn namespace(pid: impl std::fmt::Display, kind: &str) -> String {
    fs::read_link(format!("/proc/{pid}/ns/{kind}")).unwrap().display().to_string()
}

const RUN: &str = "run --rm --network none";

/// N12, N13
#[test]
fn ipc_objects_are_the_containers_own_and_go_with_it() {
    let teu = Teu::with_debian("ipc");
    let segments = || shell("ipcs -m | grep -c 0x || true");
    let before = segments();
    teu.ok("run -d --network none --name x debian sleep 99");
    teu.ok("run -d --network none --name y debian sleep 99");
    teu.ok("exec x ipcmk -M 64");
    teu.ok("exec x touch /dev/mqueue/queue");
    assert_eq!(teu.ok("exec x sh -c 'ipcs -m | grep -c 0x'"), "1");
    assert_eq!(teu.ok("exec x ls /dev/mqueue"), "queue");
    assert_eq!(teu.run("exec y sh -c 'ipcs -m | grep -c 0x'").stdout, "0");
    assert_eq!(teu.ok("exec y ls /dev/mqueue"), "");
    assert_eq!(segments(), before);
    teu.ok("rm -f x");
    assert_eq!(segments(), before);
}

/// N14
#[test]
fn unix_sockets_pass_through_a_bind_mount() {
    let teu = Teu::with_debian("unix-socket");
    let shared = teu.scratch().join("shared");
    fs::create_dir(&shared).unwrap();
    let volume = format!("{}:/s", shared.display());
    let perl = teu.run(&format!("{RUN} debian perl -e 1"));
    assert_eq!(perl.code, 0, "{perl:?}");
    let server = "use IO::Socket::UNIX; my $s=IO::Socket::UNIX->new(Local=>q(/s/sock),Listen=>1); my $c=$s->accept; print $c qq(hello\\n);";
    let words = ["run", "-d", "--network", "none", "-v", &volume, "debian", "perl", "-e", server];
    assert_eq!(teu.run_words(&words).code, 0);
    until("the socket", || shared.join("sock").exists().then_some(()));
    let client = "use IO::Socket::UNIX; my $s=IO::Socket::UNIX->new(Peer=>q(/s/sock)); print <$s>;";
    let words = ["run", "--rm", "--network", "none", "-v", &volume, "debian", "perl", "-e", client];
    assert_eq!(teu.run_words(&words).stdout, "hello");
    let told = teu.ok("explain ipc");
    assert!(told.contains("does NOT isolate") && told.contains("unix sockets"), "{told}");
}

/// N15
#[test]
fn ipc_is_shared_by_those_who_ask_and_may() {
    let teu = Teu::with_debian("ipc-join");
    let id = teu.ok("run -d --network none --ipc shareable --shm-size 5m --name x debian sleep 99");
    teu.ok("exec x sh -c 'ipcmk -M 64 && echo here >/dev/shm/file'");
    let look = "debian sh -c 'ipcs -m | grep -c 0x; cat /dev/shm/file'";
    assert_eq!(teu.ok(&format!("{RUN} --ipc container:x {look}")), "1\nhere");
    assert_eq!(teu.run(&format!("{RUN} {look}")).stdout, "0");
    let size = teu.ok(&format!("{RUN} --ipc container:x debian df -m --output=size /dev/shm"));
    assert!(size.trim().ends_with(" 5") || size.trim().ends_with("\n5"), "{size}");
    // Both namespaces at once, and what a name means is found out at once.
    teu.ok("run -d --network none --ipc container:x --pid container:x --name y debian sleep 98");
    let (x, y) = (teu.pid("x"), teu.pid("y"));
    for kind in ["ipc", "pid"] {
        assert_eq!(namespace(x, kind), namespace(y, kind), "{kind}");
    }
    assert_ne!(namespace(x, "mnt"), namespace(y, "mnt"));
    assert!(teu.ok("exec y cat /proc/1/cmdline").contains("99"));
    assert_eq!(teu.ok("inspect -f '{{.HostConfig.IpcMode}}' y"), format!("container:{id}"));
    // A private one is nobody else's, a stopped one has none.
    let private = teu.ok("run -d --network none --name z debian sleep 99");
    let told = teu.fails(125, &format!("{RUN} --ipc container:z debian true"));
    assert!(
        told.contains(&format!("cannot join IPC of a container {private}: non-shareable IPC")),
        "{told}"
    );
    teu.ok("stop -t 0 z");
    for (flag, what) in [("--ipc", "IPC"), ("--pid", "PID"), ("--network", "network")] {
        let told = teu.fails(125, &format!("run --rm {flag} container:z debian true"));
        let words = format!("cannot join {what} of a non running container: {private}");
        assert!(told.contains(&words), "{told}");
    }
    let told = teu.fails(125, "run --rm --ipc container:nobody debian true");
    assert!(told.contains("No such container: nobody"), "{told}");
    // The joiner keeps them alive.
    let kept = namespace(y, "ipc");
    teu.ok("run -d --network none --ipc shareable --name u debian sleep 99");
    teu.ok("run -d --network none --ipc container:u --name v debian sleep 99");
    teu.ok("exec u ipcmk -M 64");
    teu.ok("rm -f u");
    assert_eq!(teu.ok("exec v sh -c 'ipcs -m | grep -c 0x'"), "1");
    assert_eq!(namespace(y, "ipc"), kept);
}

/// N15
#[test]
fn the_hosts_namespaces_are_shared_where_asked() {
    let teu = Teu::with_busybox("host-namespaces");
    for (flag, kind) in [("--pid host", "pid"), ("--ipc host", "ipc"), ("--uts host", "uts")] {
        let inside = teu.ok(&format!("{RUN} {flag} busybox readlink /proc/self/ns/{kind}"));
        assert_eq!(inside, namespace("self", kind), "{flag}");
    }
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    assert_eq!(teu.ok(&format!("{RUN} --uts host busybox hostname")), name.trim());
    teu.ok(&format!("{RUN} --userns host busybox true"));
    let told = teu.fails(125, &format!("{RUN} --uts host -h x busybox true"));
    assert!(told.contains("conflicting options: hostname and the UTS mode"), "{told}");
    // An exec is where its container is.
    teu.ok("run -d --network none --pid host --uts host --name x busybox sleep 99");
    assert_eq!(teu.ok("exec x readlink /proc/self/ns/pid"), namespace("self", "pid"));
    teu.ok("rm -f x");
    let none = teu.fails(1, &format!("{RUN} --ipc none busybox ls /dev/shm"));
    assert!(none.contains("No such file"), "{none}");
}

#[test]
fn a_network_is_joined_with_its_names() {
    let teu = Teu::with_busybox("network-join");
    let id = teu
        .ok("run -d --name x -h web busybox sh -c 'while :; do echo served | nc -l -p 80; done'");
    let address = teu.address("x");
    teu.ok("run -d --network container:x --name y busybox sleep 99");
    assert_eq!(namespace(teu.pid("x"), "net"), namespace(teu.pid("y"), "net"));
    assert!(teu.ok("exec y ip addr").contains(&address));
    assert_eq!(teu.ok("exec y hostname"), "web");
    assert!(teu.ok("exec y cat /etc/hosts").contains(&address));
    until("the server", || (teu.run("exec y nc 127.0.0.1 80").stdout == "served").then_some(()));
    assert_eq!(teu.ok("inspect -f '{{.HostConfig.NetworkMode}}' y"), format!("container:{id}"));
    for (flag, what) in [
        ("-h a", "hostname"),
        ("--dns 1.1.1.1", "dns"),
        ("--add-host a:1.1.1.1", "custom host-to-IP mapping"),
    ] {
        let told = teu.fails(125, &format!("run --rm --network container:x {flag} busybox true"));
        assert!(
            told.contains(&format!("conflicting options: {what} and the network mode")),
            "{told}"
        );
    }
    // Its leaving takes nothing from the other.
    teu.ok("rm -f y");
    assert!(teu.ok("exec x ip addr").contains(&address));
    let mac =
        teu.ok("run --rm --mac-address 02:42:00:00:00:99 busybox cat /sys/class/net/eth0/address");
    assert_eq!(mac, "02:42:00:00:00:99");
}

/// N21
#[test]
fn clocks_may_be_ahead() {
    let teu = Teu::with_busybox("time");
    let uptime = |text: &str| text.split(' ').next().unwrap().parse::<f64>().unwrap();
    let host = uptime(&fs::read_to_string("/proc/uptime").unwrap());
    let inside =
        uptime(&teu.ok(&format!("{RUN} --time-offset boottime=+7d busybox cat /proc/uptime")));
    assert!((inside - host - 604_800.0).abs() < 60.0, "{inside} {host}");
    teu.ok("run -d --network none --time-offset boottime=+7d --name x busybox sleep 99");
    assert!(uptime(&teu.ok("exec x cat /proc/uptime")) > 604_800.0);
    let told = teu.fails(125, &format!("{RUN} --time-offset realtime=1d busybox true"));
    assert!(told.contains("monotonic= or boottime="), "{told}");
}

/// C8
#[test]
fn writes_to_a_device_are_held_back() {
    let teu = Teu::with_busybox("throttle");
    let device =
        shell(&format!("findmnt -no SOURCE -T {} | sed 's/\\[.*//'", teu.scratch().display()));
    if !Path::new(&device).exists() {
        panic!("{device}: the state root lies on no device");
    }
    let write = "dd if=/dev/zero of=/f bs=64k count=48 oflag=direct";
    let began = Instant::now();
    teu.ok(&format!("{RUN} --device-write-bps {device}:1mb busybox {write}"));
    let took = began.elapsed().as_secs_f64();
    assert!((2.0..20.0).contains(&took), "3 MiB at 1 MiB a second took {took} s");
    let told = teu.fails(125, &format!("{RUN} --device-read-bps /dev/nothing:1mb busybox true"));
    assert!(told.contains("/dev/nothing"), "{told}");
}

/// A disk in memory, all of it holes: what shares the machine's own disks is nobody's to change.
struct Disk {
    device: String,
    file: PathBuf,
}

impl Disk {
    fn new(teu: &Teu, size: &str) -> Disk {
        let name = teu.scratch().file_name().unwrap().display().to_string();
        let file = PathBuf::from(format!("/dev/shm/{name}"));
        let file_name = file.display();
        let device =
            shell(&format!("truncate -s {size} {file_name}; losetup -f --show {file_name}"));
        Disk { device, file }
    }

    fn set(&self, name: &str, value: &str) {
        let queue = Path::new("/sys/block").join(&self.device[5..]).join("queue");
        fs::write(queue.join(name), value).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        shell(&format!("losetup -d {}; rm {}", self.device, self.file.display()));
    }
}

/// C8: 100 to 800 is one to eight, where BFQ shares the disk.
#[test]
fn reads_are_shared_by_weight() {
    let teu = Teu::with_busybox("weight");
    let disk = Disk::new(&teu, "256G");
    disk.set("scheduler", "bfq");
    // It guesses which process a user waits for, and prefers that one whatever its weight.
    disk.set("iosched/low_latency", "0");
    // And it gives the disk to others when a reader does not come back for so many ms: one that waits for
    // a CPU of a busy machine does not.
    disk.set("iosched/slice_idle", "100");
    let device = &disk.device;
    let read = format!("dd if={device} of=/dev/null bs=1M iflag=direct");
    let names = ["light", "heavy"];
    for (name, weight) in names.iter().zip([100, 800]) {
        teu.ok(&format!(
            "run -d --network none --init --name {name} --device {device}:{device}:r --blkio-weight {weight} busybox sh -c '{read} & {read} & wait'"
        ));
    }
    let groups = names.map(|name| teu.cgroup(name, "blkio"));
    let both = || [read_by(&groups[0]), read_by(&groups[1])];
    until("both read", || both().iter().all(|bytes| *bytes > 0.0).then_some(()));
    let before = both();
    std::thread::sleep(Duration::from_secs(3));
    let after = both();
    teu.ok("rm -f light heavy");
    let ratio = (after[1] - before[1]) / (after[0] - before[0]);
    assert!((6.4..9.6).contains(&ratio), "{before:?} {after:?}: 1 to {ratio}");
}

/// Bytes that the group's processes have read from disks.
fn read_by(group: &Path) -> f64 {
    let v1 = fs::read_to_string(group.join("blkio.bfq.io_service_bytes"));
    let (text, mark) = match v1 {
        Ok(text) => (text, " Read "),
        Err(_) => (fs::read_to_string(group.join("io.stat")).unwrap(), "rbytes="),
    };
    let after = |line: &str| line.split_once(mark)?.1.split(' ').next()?.parse::<f64>().ok();
    text.lines().filter_map(after).sum()
}

/// C22
#[test]
fn who_is_killed_first_when_memory_is_short() {
    let teu = Teu::with_busybox("oom-score");
    let score = |flag: &str| teu.ok(&format!("{RUN} {flag} busybox cat /proc/self/oom_score_adj"));
    assert_eq!(score("--oom-score-adj 300"), "300");
    // The first process needs more memory than the other, and is spared all the same.
    let script = "'sh -c \"echo 900 >/proc/self/oom_score_adj; exec tail /dev/zero\"; echo other ended with $?'";
    let done = teu.run(&format!(
        "run --rm --network none -m 24m --oom-score-adj -500 busybox sh -c {script}"
    ));
    assert_eq!(done.stdout, "other ended with 137", "{done:?}");
    let told = teu.fails(125, &format!("{RUN} --oom-score-adj 2000 busybox true"));
    assert!(
        told.contains("Invalid value 2000, range for oom score adj is [-1000, 1000]"),
        "{told}"
    );
}

#[test]
fn limits_of_processes_and_shared_memory() {
    let teu = Teu::with_busybox("ulimits");
    let limits = teu.ok(&format!(
        "{RUN} --ulimit nofile=100:200 --ulimit core=0 busybox cat /proc/self/limits"
    ));
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    assert!(line.split_whitespace().collect::<Vec<_>>()[3..5] == ["100", "200"], "{line}");
    teu.ok("run -d --network none --ulimit nofile=100:200 --name x busybox sleep 99");
    assert_eq!(teu.ok("exec x sh -c 'ulimit -n; ulimit -Hn'"), "100\n200");
    assert_eq!(
        teu.ok("inspect -f '{{range .HostConfig.Ulimits}}{{.Name}} {{.Soft}} {{.Hard}}{{end}}' x"),
        "nofile 100 200"
    );
    let shm = teu.ok(&format!("{RUN} --shm-size 3m busybox df -k /dev/shm"));
    assert!(shm.contains(" 3072 "), "{shm}");
    assert!(teu.ok(&format!("{RUN} busybox df -k /dev/shm")).contains(" 65536 "));
}

#[test]
fn only_settings_of_namespaces_are_set() {
    let teu = Teu::with_busybox("sysctl");
    let shown = teu.ok(&format!(
        "{RUN} --sysctl net.core.somaxconn=77 --sysctl kernel.shmmax=4096 busybox cat /proc/sys/net/core/somaxconn /proc/sys/kernel/shmmax"
    ));
    assert_eq!(shown, "77\n4096");
    for (flags, why) in [
        (
            "--sysctl kernel.core_pattern=x",
            "sysctl 'kernel.core_pattern' is not allowed: it is no setting of a namespace",
        ),
        ("--sysctl vm.swappiness=1", "of the whole machine"),
        ("--network host --sysctl net.core.somaxconn=1", "not allowed in host network namespace"),
        ("--ipc host --sysctl kernel.shmmax=1", "not allowed in host ipc namespace"),
        ("--sysctl kernel.shm_rmid_forced+kernel.core_pattern=x", "is not allowed"),
    ] {
        let told = teu.fails(125, &format!("run --rm {flags} busybox true"));
        assert!(told.contains(why), "{flags}: {told}");
    }
}

#[test]
fn devices_by_rule_and_by_name() {
    let teu = Teu::with_busybox("device-rules");
    shell("test -b /dev/loop0 || mknod /dev/loop0 b 7 0");
    let node = "busybox sh -c 'mknod /n b 7 0 && dd if=/n of=/dev/null count=0'";
    teu.ok(&format!("{RUN} --device-cgroup-rule 'b 7:* rmw' {node}"));
    teu.fails(1, &format!("{RUN} {node}"));
    let told = teu.fails(125, &format!("{RUN} --device-cgroup-rule 'x 1:1 r' busybox true"));
    assert!(told.contains("invalid device cgroup format 'x 1:1 r'"), "{told}");
    // A driver's file in /etc/cdi, in a mount namespace of the test's own.
    let teu = teu.with_own_etc();
    teu.place().shell(
        r#"mkdir -p /etc/cdi; cat >/etc/cdi/teu-test.json <<'END'
{"cdiVersion":"0.6.0","kind":"teu.test/disk",
 "containerEdits":{"env":["FROM=all"]},
 "devices":[{"name":"one","containerEdits":{"env":["ONE=1"],
  "deviceNodes":[{"path":"/dev/first","hostPath":"/dev/loop0","permissions":"r"}],
  "mounts":[{"hostPath":"/etc/cdi","containerPath":"/cdi","options":["ro","rbind"]}]}}]}
END"#,
    );
    let shown = teu.ok(&format!(
        "{RUN} --device teu.test/disk=one busybox sh -c 'echo $FROM $ONE; test -b /dev/first && ls /cdi; (: >>/dev/first) 2>&1'"
    ).replace("2>&1'", "2>&1; :'"));
    assert!(
        shown.starts_with("all 1\nteu-test.json\n") && shown.contains("not permitted"),
        "{shown}"
    );
    for (flag, name) in
        [("--device teu.test/disk=two", "teu.test/disk=two"), ("--gpus all", "nvidia.com/gpu=all")]
    {
        let told = teu.fails(125, &format!("{RUN} {flag} busybox true"));
        assert!(told.contains(&format!("unresolvable CDI devices {name}")), "{told}");
    }
}
