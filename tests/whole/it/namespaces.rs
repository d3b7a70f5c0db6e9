//! What a container sees of the machine, and what not.

use std::fs;
use std::path::Path;
use teu_testkit::Teu;
use teu_testkit::teu::{shell, until};

fn namespace(pid: &str, kind: &str) -> String {
    let link = fs::read_link(format!("/proc/{pid}/ns/{kind}")).expect("a process's namespace");
    link.display().to_string()
}

/// N1
#[test]
fn a_mount_made_inside_is_not_seen_outside() {
    let teu = Teu::with_busybox("mount-inside");
    teu.ok("run -d --privileged --network none --name a busybox sleep 99");
    teu.ok("exec a mount -t tmpfs from-inside /tmp");
    assert!(teu.ok("exec a cat /proc/self/mountinfo").contains("from-inside"));
    let host = fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!host.contains("from-inside"));
}

/// N1, N2
#[test]
fn a_mount_made_outside_is_seen_inside_only_as_propagation_says() {
    let teu = Teu::with_busybox("propagation").elsewhere();
    let source = teu.scratch().join("source");
    let here = source.display();
    // Shared in the test's own mount namespace, nowhere else.
    teu.place().shell(&format!(
        "mkdir -p {here}/late; mount --bind {here} {here}; mount --make-shared {here}"
    ));
    for (name, propagation) in [("a", "rprivate"), ("b", "rslave"), ("c", "rshared")] {
        let volume = format!("{here}:/m:{propagation}");
        teu.ok(&format!(
            "run -d --privileged --network none --name {name} -v {volume} busybox sleep 99"
        ));
    }
    teu.place().shell(&format!("mount -t tmpfs late {here}/late; echo x >{here}/late/file"));
    assert_eq!(teu.run("exec a ls /m/late").stdout, "", "private: nothing travels");
    assert_eq!(teu.ok("exec b ls /m/late"), "file", "slave: the host's mounts arrive");
    assert_eq!(teu.ok("exec c ls /m/late"), "file", "shared: likewise");
    let mountinfo = || teu.place().shell("cat /proc/self/mountinfo");
    teu.ok("exec b sh -c 'mkdir /m/b && mount -t tmpfs from-slave /m/b'");
    assert!(!mountinfo().contains("from-slave"), "slave: nothing goes back");
    teu.ok("exec c sh -c 'mkdir /m/c && mount -t tmpfs from-shared /m/c'");
    assert!(mountinfo().contains("from-shared"), "shared: it reaches the host");
    teu.ok("rm -f a b c");
    teu.place().shell(&format!("umount -l {here}/c; umount -l {here}/late; umount -l {here}"));
}

/// N3
#[test]
fn the_same_path_is_another_thing_in_each_container() {
    let teu = Teu::with_busybox("same-path");
    let other = teu.scratch().join("other");
    shell(&format!(
        "mkdir -p {0}/usr {0}/bin; cp /bin/busybox {0}/bin/busybox; ln -s busybox {0}/bin/stat
         ln -s busybox {0}/bin/ls; touch {0}/usr/only-here; tar -C {0} -cf {0}.tar .",
        other.display()
    ));
    teu.ok(&format!("import {}.tar other", other.display()));
    let look =
        |image: &str| teu.ok(&format!("run --rm --network none {image} stat -c '%d %i' /bin"));
    let (one, two) = (look("busybox"), look("other"));
    assert_ne!(one, two);
    assert_eq!(teu.ok("run --rm --network none other ls /usr"), "only-here");
}

/// N4
#[test]
fn the_first_process_is_number_one() {
    let teu = Teu::with_busybox("pid-1");
    assert_eq!(teu.ok("run --rm --network none busybox sh -c 'echo $$'"), "1");
    // Its own processes and no others.
    let shown = teu.ok("run --rm --network none busybox ps -o pid,comm");
    assert_eq!(shown.lines().count(), 2, "{shown}");
}

/// N4
#[test]
fn an_orphan_becomes_the_child_of_number_one() {
    let teu = Teu::with_busybox("orphan");
    let script = "( (sleep 5; :) & ); sleep 0.2; for p in /proc/[0-9]*; do \
                  grep -q sleep $p/comm && grep PPid $p/status; done; :";
    let words = ["run", "--rm", "--network", "none", "busybox", "sh", "-c", script];
    let done = teu.run_words(&words);
    assert_eq!(done.code, 0, "{done:?}");
    // The subshell that called sleep was orphaned; it is 1's child and sleep is its child, or sleep
    // took its place.
    let orphan = "( sleep 5 & ); sleep 0.2; for p in /proc/[0-9]*; do \
                  case $(cat $p/comm) in sleep) grep PPid $p/status;; esac; done";
    let done = teu.run_words(&["run", "--rm", "--network", "none", "busybox", "sh", "-c", orphan]);
    assert_eq!(done.stdout, "PPid:\t1", "{done:?}");
}

/// N4
#[test]
fn with_init_no_zombies_stay() {
    let teu = Teu::with_busybox("init");
    let script = "i=0; while [ $i -lt 100 ]; do ( true & ); i=$((i+1)); done; sleep 0.3; \
                  grep -l 'State:.Z' /proc/[0-9]*/status | wc -l; echo me $$; cat /proc/1/comm";
    let words = ["run", "--rm", "--init", "--network", "none", "busybox", "sh", "-c", script];
    let done = teu.run_words(&words);
    assert_eq!(done.code, 0, "{done:?}");
    let lines: Vec<&str> = done.stdout.lines().collect();
    assert_eq!(lines[0], "0", "{done:?}");
    assert_ne!(lines[1], "me 1", "{done:?}");
    assert!(lines[2].contains("init"), "{done:?}");
    // The exit code is the program's, and signals reach it.
    assert_eq!(teu.run("run --rm --init --network none busybox sh -c 'exit 7'").code, 7);
    teu.ok("run -d --init --name a --network none busybox sh -c 'trap \"exit 3\" TERM; while :; do sleep 0.1; done'");
    teu.ok("stop a");
    assert_eq!(teu.ok("wait a"), "3");
}

/// N5
#[test]
fn a_process_has_one_number_per_nested_namespace() {
    let teu = Teu::with_busybox("nspid");
    teu.ok("run -d --network none --name a busybox sleep 99");
    let pid = teu.pid("a");
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("NSpid:")).unwrap();
    let numbers: Vec<&str> = line.split_whitespace().skip(1).collect();
    assert_eq!(numbers, [pid.to_string().as_str(), "1"]);
}

/// N7
#[test]
fn when_the_first_process_ends_all_end() {
    let teu = Teu::with_busybox("last-one");
    teu.ok("run -d --network none --name a busybox sh -c 'sleep 999 & exec sleep 3'");
    let group = teu.cgroup("a", "pids");
    let pids = fs::read_to_string(group.join("cgroup.procs")).unwrap();
    let pids: Vec<&str> = pids.lines().collect();
    assert_eq!(pids.len(), 2, "{pids:?}");
    assert_eq!(teu.ok("wait a"), "0");
    for pid in pids {
        assert!(!Path::new("/proc").join(pid).exists(), "{pid} lives on");
    }
}

/// N8
#[test]
fn two_containers_listen_on_the_same_port() {
    let teu = Teu::with_busybox("same-port");
    for name in ["a", "b"] {
        teu.ok(&format!(
            "run -d --name {name} busybox sh -c 'echo {name} >/var/www/x; exec httpd -f -p 80 -h /var/www'"
        ));
    }
    for name in ["a", "b"] {
        let page = format!("busybox wget -q -O - http://{}/x", teu.address(name));
        let got = until("the page", || {
            let script = format!("{page} || true");
            Some(shell(&script)).filter(|text| !text.is_empty())
        });
        assert_eq!(got, name);
    }
}

/// N8
#[test]
fn only_loopback_and_its_own_interface() {
    let teu = Teu::with_busybox("devices");
    let shown = teu.ok("run --rm busybox ip -o link");
    let names: Vec<&str> =
        shown.lines().filter_map(|line| line.split([' ', ':', '@']).nth(2)).collect();
    assert_eq!(names, ["lo", "eth0"], "{shown}");
    assert!(shown.contains("eth0@if"), "{shown}");
    let routes = teu.ok("run --rm busybox ip route");
    assert_eq!(routes.lines().count(), 2, "{routes}");
    let alone = teu.ok("run --rm --network none busybox ip -o link");
    assert_eq!(alone.lines().count(), 1, "{alone}");
    assert!(teu.ok("run --rm --network none busybox ip -o addr").contains("127.0.0.1/8"));
}

/// N12, N13, in short: what `ipcs` shows is the container's own.
#[test]
fn shared_memory_of_the_host_is_not_seen() {
    let teu = Teu::with_busybox("ipc");
    teu.ok("run -d --network none --name a busybox sleep 99");
    let inside = namespace(&teu.pid("a").to_string(), "ipc");
    assert_ne!(inside, namespace("self", "ipc"));
    assert!(teu.ok("exec a cat /proc/mounts").contains("/dev/mqueue mqueue"));
    assert!(teu.ok("exec a df /dev/shm").contains("65536"), "docker's 64 MB");
}

/// N16
#[test]
fn host_and_domain_names_are_its_own() {
    let teu = Teu::with_busybox("uts");
    let before = shell("hostname; cat /proc/sys/kernel/domainname");
    let names = "sh -c 'hostname; cat /proc/sys/kernel/domainname'";
    let asked = format!("run --rm --network none --hostname h --domainname d busybox {names}");
    assert_eq!(teu.ok(&asked), "h\nd");
    let id = teu.ok("run -d --network none --name a busybox sleep 99");
    assert_eq!(teu.ok("exec a hostname"), id[..12]);
    assert_eq!(teu.ok("exec a cat /etc/hostname"), id[..12]);
    teu.ok("run --rm --privileged --network none busybox hostname changed");
    assert_eq!(shell("hostname; cat /proc/sys/kernel/domainname"), before);
}

/// N20
#[test]
fn the_real_control_group_is_hidden() {
    let teu = Teu::with_busybox("cgroup-ns");
    let own = teu.ok("run --rm --network none busybox cat /proc/self/cgroup");
    assert!(own.lines().all(|line| line.ends_with(":/")), "{own}");
    let real = teu.ok("run --rm --network none --cgroupns host busybox cat /proc/self/cgroup");
    assert!(real.contains(&format!("/teu-{}/", teu.id())), "{real}");
}

/// N23
#[test]
fn run_clones_and_exec_joins() {
    let teu = Teu::with_busybox("strace");
    let trace = |line: &str| {
        let file = teu.scratch().join("trace");
        let command = format!(
            "strace -f -qq -o {} -e trace=clone3,clone,setns,unshare {} --root {} {line}",
            file.display(),
            Teu::binary().display(),
            teu.root().display()
        );
        shell(&command);
        fs::read_to_string(&file).unwrap()
    };
    let run = trace("run --rm --network none busybox true");
    let flags = ["CLONE_NEWNS", "CLONE_NEWPID", "CLONE_NEWNET", "CLONE_NEWIPC", "CLONE_NEWUTS"];
    let clone = run.lines().find(|line| line.contains("clone3(") && line.contains("CLONE_NEWPID"));
    let clone = clone.unwrap_or_else(|| panic!("no clone3 with namespaces:\n{run}"));
    for flag in flags {
        assert!(clone.contains(flag), "{flag} is not in {clone}");
    }
    // Its own after it has joined its group, so that the group is the root of what it sees.
    assert!(run.contains("CLONE_NEWCGROUP"), "{run}");
    teu.ok("run -d --network none --name a busybox sleep 99");
    // An exec is made by the monitor, which strace joins.
    let monitor = shell(&format!("ps -o ppid= -p {}", teu.pid("a")));
    let file = teu.scratch().join("exec-trace");
    let script = format!(
        "strace -f -qq -p {} -o {} -e trace=clone3,clone,setns,unshare & s=$!
         sleep 0.5; {} --root {} exec a true; kill -INT $s; wait $s || true",
        monitor.trim(),
        file.display(),
        Teu::binary().display(),
        teu.root().display()
    );
    shell(&script);
    let exec = fs::read_to_string(&file).unwrap();
    assert!(exec.contains("setns("), "{exec}");
    let clones = exec.lines().filter(|line| line.contains("clone3("));
    assert!(clones.clone().count() > 0, "{exec}");
    assert!(!clones.collect::<String>().contains("CLONE_NEW"), "{exec}");
}

/// N23, D9
#[test]
fn exec_is_in_the_same_namespaces_and_group() {
    let teu = Teu::with_busybox("exec-ns");
    teu.ok("run -d --name a busybox sleep 99");
    let pid = teu.pid("a").to_string();
    teu.ok("exec -d a sleep 88");
    let other = until("the exec's process", || {
        let procs = fs::read_to_string(teu.cgroup("a", "pids").join("cgroup.procs")).unwrap();
        procs.lines().find(|one| *one != pid).map(String::from)
    });
    for kind in ["mnt", "pid", "net", "ipc", "uts", "cgroup"] {
        assert_eq!(namespace(&pid, kind), namespace(&other, kind), "{kind}");
        assert_ne!(namespace(&pid, kind), namespace("self", kind), "{kind}");
    }
    let groups = |pid: &str| fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    assert_eq!(groups(&pid), groups(&other));
}
