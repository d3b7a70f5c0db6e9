//! Restart policies and the verb `restart`: what starts again, when, and what stays the same.

use std::time::Instant;
use teu_testkit::Teu;
use teu_testkit::teu::{shell, until};

/// Each run adds a line; the container ends with `code` then.
fn counting(code: u8) -> String {
    format!("sh -c 'cut -d\" \" -f1 /proc/uptime; exit {code}'")
}

fn count(teu: &Teu, name: &str) -> String {
    teu.ok(&format!("inspect -f '{{{{.RestartCount}}}} {{{{.State.Status}}}}' {name}"))
}

/// What is left of containers: records and groups that bear an id.
fn left(teu: &Teu) -> Vec<String> {
    let bears_id = |line: &String| {
        line.rsplit('/').next().is_some_and(|name| name.len() == 64) && !line.contains("/roots/")
    };
    teu.left().into_iter().filter(bears_id).collect()
}

#[test]
fn on_failure_starts_again_as_often_as_asked() {
    let teu = Teu::with_busybox("restart-failure");
    let run = "run -d --network none --restart";
    teu.ok(&format!("{run} on-failure:2 --name fails busybox {}", counting(3)));
    teu.ok(&format!("{run} on-failure:2 --name succeeds busybox {}", counting(0)));
    teu.ok(&format!("{run} no --name plain busybox {}", counting(3)));
    until("the last end", || (count(&teu, "fails") == "2 exited").then_some(()));
    assert_eq!(teu.ok("logs fails").lines().count(), 3);
    assert_eq!(teu.ok("inspect -f '{{.State.ExitCode}}' fails"), "3");
    for name in ["succeeds", "plain"] {
        until("it ended", || (count(&teu, name) == "0 exited").then_some(()));
        assert_eq!(teu.ok(&format!("logs {name}")).lines().count(), 1, "{name}");
    }
    let policy = teu.ok("inspect -f '{{json .HostConfig.RestartPolicy}}' fails");
    assert_eq!(policy, r#"{"MaximumRetryCount":2,"Name":"on-failure"}"#);
}

#[test]
fn always_goes_on_until_it_is_stopped() {
    let teu = Teu::with_busybox("restart-always");
    for policy in ["always", "unless-stopped"] {
        let flags = format!("--restart {policy} --restart-delay 50ms --network none");
        teu.ok(&format!("run -d --name a {flags} busybox {}", counting(0)));
        until("three restarts", || (teu.ok("logs a").lines().count() >= 4).then_some(()));
        assert!(teu.ok("ps --format '{{.Names}}'").contains('a'), "listed without -a");
        teu.ok("stop a");
        assert!(count(&teu, "a").ends_with("exited"));
        let lines = teu.ok("logs a");
        std::thread::sleep(std::time::Duration::from_millis(600));
        assert_eq!(teu.ok("logs a"), lines, "nothing runs any more");
        // Started by hand, it counts anew and goes on.
        teu.ok("start a");
        until("it goes on", || (teu.ok("logs a").lines().count() >= 7).then_some(()));
        teu.ok("rm -f a");
        assert_eq!(left(&teu), [""; 0]);
    }
}

#[test]
fn restarts_wait_twice_as_long_each_time() {
    let teu = Teu::with_busybox("restart-backoff");
    teu.ok(&format!(
        "run -d --name a --restart on-failure:5 --network none busybox {}",
        counting(1)
    ));
    until("five restarts", || (count(&teu, "a") == "5 exited").then_some(()));
    let log = teu.ok("logs a");
    let times: Vec<f64> = log.lines().map(|line| line.parse().unwrap()).collect();
    let gaps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for (gap, least) in gaps.iter().zip([0.1, 0.2, 0.4, 0.8, 1.6]) {
        assert!(*gap >= least && *gap < least + 5.0, "{gaps:?}");
    }
}

#[test]
fn one_that_waits_can_be_stopped_killed_and_removed() {
    let teu = Teu::with_busybox("restart-waits");
    let run = format!(
        "run -d --name a --restart always --restart-delay 60s --network none busybox {}",
        counting(4)
    );
    for verb in ["stop a", "kill a", "rm -f a"] {
        let id = teu.ok(&run);
        until("it waits", || count(&teu, "a").ends_with("restarting").then_some(()));
        assert!(teu.ok("ps --format '{{.Status}}'").starts_with("Restarting (4) "));
        assert_eq!(teu.ok("ps -q --no-trunc --filter status=restarting"), id);
        let life = teu.ok("inspect -f '{{.State.Running}} {{.State.Restarting}} {{.State.Pid}}' a");
        assert_eq!(life, "true true 0");
        let told = teu.fails(1, "rm a");
        assert!(told.contains("container is restarting"), "{told}");
        let told = teu.fails(1, "exec a true");
        assert!(told.contains("is restarting, wait until the container is running"), "{told}");
        let began = Instant::now();
        teu.ok(verb);
        assert!(began.elapsed().as_secs() < 30, "nothing is waited for");
        if verb != "rm -f a" {
            assert_eq!(teu.ok("inspect -f '{{.State.Status}} {{.State.ExitCode}}' a"), "exited 4");
            teu.ok("rm a");
        }
        assert_eq!(left(&teu), [""; 0], "{verb}");
    }
}

#[test]
fn a_restart_keeps_log_and_address() {
    let teu = Teu::with_busybox("restart-keeps");
    let script = "sh -c 'ip -4 -o addr show eth0 | grep -o \"inet [0-9.]*\"; sleep 0.2; exit 1'";
    teu.ok(&format!("run -d --name a --restart on-failure:3 busybox {script}"));
    let address = until("its address", || Some(teu.address("a")).filter(|a| !a.is_empty()));
    // Another container does not get the address meanwhile.
    teu.ok("run -d --name b busybox sleep 99");
    until("three restarts", || (count(&teu, "a") == "3 exited").then_some(()));
    assert_eq!(teu.ok("logs a"), vec![format!("inet {address}"); 4].join("\n"));
    // By hand as well: the same monitor, the same address, and the host reaches it.
    teu.ok("exec b sh -c 'echo hello >/file'");
    let (before, pid) = (teu.address("b"), teu.pid("b"));
    let parent = |pid: u32| shell(&format!("ps -o ppid= -p {pid}"));
    let monitor = parent(pid);
    assert_eq!(teu.ok("restart -t 0 b"), "b");
    assert_ne!(teu.pid("b"), pid);
    assert_eq!((teu.address("b"), parent(teu.pid("b"))), (before.clone(), monitor));
    assert_eq!(teu.ok("exec b cat /file"), "hello");
    shell(&format!("ping -c 1 -W 5 {before}"));
    assert_eq!(count(&teu, "b"), "0 running", "the verb is not counted");
}

#[test]
fn the_verb_restarts_what_runs_and_starts_what_does_not() {
    let teu = Teu::with_busybox("restart-verb");
    let idle = "echo ready; while :; do sleep 0.05; done";
    let script = format!("trap \"echo asked; exit 0\" TERM; {idle}");
    teu.ok(&format!("run -d --name a --network none busybox sh -c '{script}'"));
    until("it is ready", || teu.ok("logs a").contains("ready").then_some(()));
    teu.ok("restart a");
    until("the second one", || (teu.ok("logs a") == "ready\nasked\nready").then_some(()));
    teu.ok("stop a");
    teu.ok("restart a");
    until("the third one", || {
        (teu.ok("logs a") == "ready\nasked\nready\nasked\nready").then_some(())
    });
    // One that is removed when it ends is not when it restarts.
    let id = teu.ok("run -d --rm --name b --network none busybox sleep 99");
    teu.ok("restart -t 0 b");
    assert_eq!(teu.ok("ps -q --no-trunc --filter name=b"), id);
    teu.ok("rm -f a");
    teu.ok("stop -t 0 b");
    until("all is gone", || left(&teu).is_empty().then_some(()));
    let told = teu.fails(1, "restart nobody");
    assert!(told.contains("No such container: nobody"), "{told}");
}

#[test]
fn a_killed_monitor_does_not_end_the_policy() {
    let teu = Teu::with_busybox("restart-monitor");
    let script = "sh -c 'echo run; test -e /second && sleep 99; touch /second; exit 1'";
    teu.ok(&format!("run -d --name a --restart always --restart-delay 40s busybox {script}"));
    until("it waits", || count(&teu, "a").ends_with("restarting").then_some(()));
    let run = teu.run_dir();
    let find = format!("fuser {}/containers/*/monitor.json 2>/dev/null | tr -d ' '", run.display());
    let monitor = shell(&find);
    assert!(!monitor.is_empty(), "the monitor keeps the time");
    shell(&format!("kill -KILL {monitor}"));
    until("it runs again", || (count(&teu, "a") == "1 running").then_some(()));
    until("its output", || (teu.ok("logs a") == "run\nrun").then_some(()));
}

#[test]
fn in_the_foreground_the_first_end_is_told_and_it_goes_on() {
    let teu = Teu::with_busybox("restart-foreground");
    let done = teu
        .run("run --name a --restart on-failure:1 --network none busybox sh -c 'echo out; exit 5'");
    assert_eq!((done.code, done.stdout.as_str()), (5, "out"), "{done:?}");
    until("the restart", || (count(&teu, "a") == "1 exited").then_some(()));
    assert_eq!(teu.ok("logs a"), "out\nout");
    let told = teu.fails(125, "run --rm --restart always busybox true");
    assert!(told.contains("Conflicting options: --restart and --rm"), "{told}");
    let told = teu.fails(125, "create --restart always:3 busybox true");
    assert!(told.contains("maximum retry count cannot be used"), "{told}");
}
