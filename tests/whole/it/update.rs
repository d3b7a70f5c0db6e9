//! Limits that change, groups that move, and processes as `ps` lists them.

use std::fs;
use std::path::Path;
use teu_testkit::Teu;
use teu_testkit::teu::{shell, until};

fn value(group: &Path, v1: &str, v2: &str) -> String {
    let file = group.join(v1);
    let file = if file.exists() { file } else { group.join(v2) };
    fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display())).trim().into()
}

#[test]
fn limits_change_at_once_and_stay() {
    let teu = Teu::with_busybox("update");
    teu.ok("run -d --network none --name a -m 64m busybox sleep 99");
    assert_eq!(teu.ok("update -m 96m --memory-swap 200m --pids-limit 33 --cpu-shares 512 a"), "a");
    teu.ok("update --cpus 0.5 --cpuset-cpus 0 a");
    let holds = || {
        let memory = teu.cgroup("a", "memory");
        assert_eq!(value(&memory, "memory.limit_in_bytes", "memory.max"), (96 << 20).to_string());
        assert_eq!(value(&teu.cgroup("a", "pids"), "pids.max", "pids.max"), "33");
        assert_eq!(value(&teu.cgroup("a", "cpuset"), "cpuset.cpus", "cpuset.cpus"), "0");
        let quota = value(&teu.cgroup("a", "cpu"), "cpu.cfs_quota_us", "cpu.max");
        assert!(quota.starts_with("50000"), "{quota}");
    };
    holds();
    let shown =
        "inspect -f '{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}} {{.HostConfig.NanoCpus}}' a";
    assert_eq!(teu.ok(shown), format!("{} 33 500000000", 96 << 20));
    // The next start has them, too.
    teu.ok("stop -t 0 a");
    teu.ok("start a");
    holds();
    // And one that does not run is updated all the same.
    teu.ok("stop -t 0 a");
    teu.ok("update --pids-limit 44 a");
    teu.ok("start a");
    assert_eq!(value(&teu.cgroup("a", "pids"), "pids.max", "pids.max"), "44");
}

#[test]
fn the_restart_policy_changes() {
    let teu = Teu::with_busybox("update-restart");
    teu.ok("run -d --network none --name a busybox sleep 99");
    teu.ok("update --restart on-failure:3 a");
    let shown = "inspect -f '{{.HostConfig.RestartPolicy.Name}} {{.HostConfig.RestartPolicy.MaximumRetryCount}}' a";
    assert_eq!(teu.ok(shown), "on-failure 3");
    teu.ok("run -d --rm --network none --name b busybox sleep 99");
    let told = teu.fails(1, "update --restart always b");
    assert!(told.contains("Restart policy cannot be updated because AutoRemove"), "{told}");
}

#[test]
fn what_contradicts_itself_changes_nothing() {
    let teu = Teu::with_busybox("update-refused");
    let id = teu.ok("run -d --network none --name a -m 64m --cpus 1 busybox sleep 99");
    for (flags, why) in [
        ("-m 1m", "Minimum memory limit allowed is 6MB"),
        ("-m 256m", "Memory limit should be smaller than already set memoryswap limit"),
        ("--cpu-quota 50000", "CPU Quota cannot be updated as NanoCPUs has already been set"),
        ("--cpu-period 50000", "CPU Period cannot be updated as NanoCPUs has already been set"),
        ("--cpu-period 5", "CPU cfs period can not be less than 1ms"),
        ("--blkio-weight 5", "Range of blkio weight is from 10 to 1000"),
        ("--cpuset-cpus 99", "99"),
    ] {
        let told = teu.fails(1, &format!("update --pids-limit 50 {flags} a"));
        assert!(told.contains(why), "{flags}: {told}");
    }
    assert!(
        teu.fails(1, "update --cpu-quota 5000 a")
            .contains(&format!("Cannot update container {id}:"))
    );
    let memory = teu.cgroup("a", "memory");
    assert_eq!(value(&memory, "memory.limit_in_bytes", "memory.max"), (64 << 20).to_string());
    assert_eq!(teu.ok("inspect -f '{{json .HostConfig.PidsLimit}}' a"), "null");
    assert!(teu.fails(1, "update a").contains("You must provide one or more flags"));
    assert!(teu.fails(1, "update -m 64m nobody").contains("No such container: nobody"));
}

/// C25
#[test]
fn a_live_container_moves_below_another_parent() {
    let teu = Teu::with_busybox("moves");
    let parent = format!("/teu-test-moves-{}", teu.id());
    teu.ok("run -d --network none --name a -m 64m busybox sh -c 'sleep 99 & sleep 98 & wait'");
    let pid = teu.pid("a");
    let (before, id) = (teu.cgroup("a", "memory"), teu.ok("inspect -f '{{.Id}}' a"));
    teu.ok(&format!("update --cgroup-parent {parent} a"));
    let place = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    for line in place.lines().filter(|line| !line.contains("name=")) {
        assert!(line.ends_with(&format!("{parent}/{id}")), "{place}");
    }
    assert!(!before.exists(), "nothing is left of the old group");
    let memory = teu.cgroup("a", "memory");
    assert_eq!(value(&memory, "memory.limit_in_bytes", "memory.max"), (64 << 20).to_string());
    assert_eq!(fs::read_to_string(memory.join("cgroup.procs")).unwrap().lines().count(), 3);
    assert_eq!(teu.ok("exec a echo inside"), "inside");
    assert_eq!(teu.ok("inspect -f '{{.HostConfig.CgroupParent}}' a"), parent);
    // What is killed for memory is seen in the new group.
    teu.run("exec a tail /dev/zero");
    teu.ok("kill a");
    assert_eq!(teu.ok("wait a"), "137");
    assert_eq!(teu.ok("inspect -f '{{.State.OOMKilled}}' a"), "true");
    until("the group is gone", || (!memory.exists()).then_some(()));
    // The next start is there, too.
    teu.ok("start a");
    assert!(teu.cgroup("a", "memory").display().to_string().contains(&parent));
    teu.ok("rm -f a");
    remove_groups(&parent);
}

fn remove_groups(parent: &str) {
    shell(&format!(
        "for d in /sys/fs/cgroup{parent} /sys/fs/cgroup/*{parent}; do test -d $d && ! test -L ${{d%{parent}}} && rmdir $d || true; done"
    ));
}

/// C2
#[test]
fn a_parents_limit_holds_for_its_children() {
    let teu = Teu::with_busybox("parent-limit");
    let parent = format!("/teu-test-parent-{}", teu.id());
    let top = ["/sys/fs/cgroup/memory", "/sys/fs/cgroup"]
        .into_iter()
        .find(|top| Path::new(top).join("cgroup.procs").exists())
        .unwrap();
    let group = format!("{top}{parent}");
    shell(&format!(
        "mkdir {group}
         if test -f {group}/memory.limit_in_bytes
         then echo 67108864 >{group}/memory.limit_in_bytes
         else echo +memory >{top}/cgroup.subtree_control; echo 67108864 >{group}/memory.max; fi"
    ));
    let done = teu.run(&format!(
        "run --network none --name a --cgroup-parent {parent} -m 128m busybox tail /dev/zero"
    ));
    let peak = value(Path::new(&group), "memory.max_usage_in_bytes", "memory.peak");
    remove_groups(&parent);
    assert_eq!(done.code, 137, "{done:?}");
    assert!(peak.parse::<u64>().unwrap() <= 64 << 20, "{peak}");
}

#[test]
fn top_lists_as_ps_does() {
    let teu = Teu::with_busybox("top");
    teu.ok("run -d --network none --name a busybox sh -c 'sleep 97 & sleep 98; :'");
    until("both sleep", || teu.ok("top a").contains("sleep 98").then_some(()));
    let shown = teu.ok("top a");
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(
        lines[0].split_whitespace().collect::<Vec<_>>(),
        ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]
    );
    assert_eq!(lines.len(), 4, "{shown}");
    assert!(lines[0].starts_with("UID                 PID                 PPID"), "{shown}");
    let pid = teu.pid("a").to_string();
    let first: Vec<&str> = lines[1].split_whitespace().collect();
    assert_eq!((first[0], first[1], first[5], first[6]), ("root", pid.as_str(), "?", "00:00:00"));
    assert!(lines[1].ends_with("sh -c sleep 97 & sleep 98; :"), "{shown}");
    assert!(lines[2].contains(&pid) && lines[2].ends_with("sleep 97"), "{shown}");
    // As the host's own ps tells of these processes.
    let theirs = shell(&format!("ps -o pid=,ppid=,comm=,args= --ppid {pid} | head -1"));
    let ours = teu.ok("top a -o pid,ppid,comm,args");
    let same = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(ours.lines().any(|line| same(line) == same(&theirs)), "{theirs} in {ours}");
    assert!(teu.ok("top a aux").starts_with("USER "));
    assert!(teu.fails(1, "top a -o comm").contains("Couldn't find PID field in ps output"));
    teu.ok("pause a");
    assert_eq!(teu.ok("top a").lines().count(), 4);
    teu.ok("rm -f a");
    teu.ok("create --name b --network none busybox true");
    assert!(teu.fails(1, "top b").contains("is not running"));
}

#[test]
fn the_restart_policy_changes_while_it_runs_and_while_it_waits() {
    let teu = Teu::with_busybox("update-policy");
    let count = |name: &str| {
        teu.ok(&format!("inspect -f '{{{{.RestartCount}}}} {{{{.State.Status}}}}' {name}"))
    };
    let script = "echo run; while ! test -e /end; do sleep 0.05; done; exit 3";
    teu.ok(&format!("run -d --name a --network none busybox sh -c '{script}'"));
    teu.ok("update --restart on-failure:2 a");
    teu.ok("exec a touch /end");
    until("two restarts", || (count("a") == "2 exited").then_some(()));
    assert_eq!(teu.ok("logs a"), "run\nrun\nrun");
    // As with docker: the start that it waits for still comes, and no other after it.
    let flags = "--restart always --restart-delay 2s --network none";
    teu.ok(&format!("run -d --name b {flags} busybox sh -c 'echo run; exit 1'"));
    until("it waits", || (count("b") == "1 restarting").then_some(()));
    teu.ok("update --restart no -m 64m --memory-swap 64m b");
    assert_eq!(teu.ok("inspect -f '{{.HostConfig.Memory}}' b"), "67108864");
    until("its last end", || (count("b") == "1 exited").then_some(()));
    assert_eq!(teu.ok("logs b"), "run\nrun");
    // From one that goes on to one that is stopped for good, and the delay stays as it was.
    let flags = "--restart on-failure --restart-delay 60s --network none";
    teu.ok(&format!("run -d --name c {flags} busybox false"));
    until("it waits", || (count("c") == "1 restarting").then_some(()));
    teu.ok("update --restart unless-stopped c");
    let policy = teu.ok("inspect -f '{{json .HostConfig.RestartPolicy}}' c");
    assert_eq!(policy, r#"{"MaximumRetryCount":0,"Name":"unless-stopped"}"#);
    assert_eq!(count("c"), "1 restarting");
    teu.ok("stop c");
    assert_eq!(count("c"), "1 exited");
}
