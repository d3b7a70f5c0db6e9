//! One more process in a container that runs: the same namespaces, rights and words.

mod support;

use serde_json::json;
use std::fs;
use std::io::Read;
use support::{Bundle, Sleeper, USUAL, piped, ready};
use teu_kernel::wait::Ended;
use teu_runtime::{NamespaceKind, Stage, exec};

#[test]
fn it_is_in_the_same_namespaces_with_the_same_rights() {
    if !ready() {
        return;
    }
    let sleeper = Sleeper::start(
        Bundle::new(&["sleep", "100"])
            .namespaces(&["mount", "pid", "network", "ipc", "uts", "cgroup", "time"]),
    );
    let script = "for n in mnt pid net ipc uts cgroup time; do \
        [ $(readlink /proc/1/ns/$n) = $(readlink /proc/self/ns/$n) ] || echo $n; done; \
        grep -E '^Cap(Inh|Eff|Bnd)' /proc/self/status; cat /proc/1/comm; ls /proc/self/fd | wc -l; \
        [ $PPID = 0 ] && echo outside; exit 5";
    let output = sleeper.exec(&["sh", "-c", script]);
    assert_eq!(output.ended, Ended::Exited(5));
    let caps = "CapInh:\t0000000000000000\nCapEff:\t00000000a80425fb\nCapBnd:\t00000000a80425fb\n";
    assert_eq!(output.text, format!("{caps}sleep\n4\noutside\n"));
}

#[test]
fn it_may_be_another_user_with_a_filter_and_another_directory() {
    if !ready() {
        return;
    }
    let sleeper = Sleeper::start(Bundle::new(&["sleep", "100"]));
    let script = "id -u; id -G; pwd; grep -E '^(CapEff|Seccomp:)' /proc/self/status; mkdir /tmp/x";
    let mut plan = sleeper.exec_plan(&["sh", "-c", script]);
    plan.process.uid = 1000;
    plan.process.gid = 1001;
    plan.process.groups = vec![1001, 9];
    plan.process.cwd = "/tmp".into();
    let filter = json!({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}]});
    let filter = serde_json::from_value(filter).unwrap();
    plan.process.seccomp = Some(teu_runtime::seccomp::Program::new(&filter).unwrap());
    let (stdio, reader) = piped();
    let output = support::finish(exec(&plan, sleeper.target(), stdio).unwrap(), reader);
    let want = "1000\n1001 9\n/tmp\nCapEff:\t0000000000000000\nSeccomp:\t2\n";
    assert!(output.text.starts_with(want), "{}", output.text);
    assert!(output.text.contains("Operation not permitted"), "{}", output.text);
}

#[test]
fn failures_are_told_in_runcs_words() {
    if !ready() {
        return;
    }
    let sleeper = Sleeper::start(Bundle::new(&["sleep", "100"]));
    let failure = |args: &[&str], cwd: &str| {
        let mut plan = sleeper.exec_plan(args);
        plan.process.cwd = cwd.into();
        let (stdio, _reader) = piped();
        exec(&plan, sleeper.target(), stdio).unwrap_err()
    };
    let missing = failure(&["nope"], "/");
    assert_eq!(missing.to_string(), "exec: \"nope\": executable file not found in $PATH");
    assert_eq!(missing.exit_code(), 127);
    let directory = failure(&["true"], "/nope");
    assert_eq!(directory.stage, Stage::WorkingDirectory);
    // An exec makes no directories.
    assert!(directory.to_string().contains("chdir to cwd (\"/nope\") set in config.json failed"));
}

#[test]
fn a_container_that_has_ended_cannot_be_entered() {
    if !ready() {
        return;
    }
    let bundle = Bundle::new(&["true"]);
    let (stdio, mut reader) = piped();
    let plan = bundle.plan();
    let running = support::start(&plan, support::fds(stdio)).unwrap();
    reader.read_to_string(&mut String::new()).unwrap();
    let pidfd = std::os::fd::AsFd::as_fd(&running.pidfd);
    teu_kernel::wait::wait(pidfd).unwrap();
    let target = teu_runtime::Target { pidfd, pid: running.pid, cgroup_v2: None };
    let process = plan.process.clone();
    let plan = teu_runtime::ExecPlan { id: "x".into(), namespaces: plan.namespaces(), process };
    let (stdio, _reader) = piped();
    let error = exec(&plan, target, stdio).unwrap_err();
    assert_eq!((error.stage, error.source.unwrap().0), (Stage::Join, teu_kernel::libc::ESRCH));
}

#[test]
fn a_container_without_a_mount_namespace_is_entered_by_its_root() {
    if !ready() {
        return;
    }
    let kinds: Vec<&str> = USUAL.into_iter().filter(|kind| *kind != "mount").collect();
    let mut bundle = Bundle::new(&["/bin/sleep", "100"]).namespaces(&kinds);
    bundle.spec["mounts"] = json!([]);
    bundle.spec["linux"].as_object_mut().unwrap().remove("maskedPaths");
    bundle.spec["linux"].as_object_mut().unwrap().remove("readonlyPaths");
    fs::write(bundle.root().join("marker"), "here\n").unwrap();
    let sleeper = Sleeper::start(bundle);
    assert!(!sleeper.plan.namespaces().contains(&NamespaceKind::Mount));
    assert_eq!(sleeper.exec(&["cat", "/marker"]).good(), "here\n");
}

#[test]
fn many_at_once_do_not_disturb_each_other() {
    if !ready() {
        return;
    }
    let sleeper = Sleeper::start(Bundle::new(&["sleep", "100"]));
    std::thread::scope(|scope| {
        for number in 0..8 {
            let sleeper = &sleeper;
            scope.spawn(move || {
                for turn in 0..5 {
                    let word = format!("{number}-{turn}");
                    assert_eq!(sleeper.exec(&["echo", &word]).good(), format!("{word}\n"));
                }
            });
        }
    });
}
