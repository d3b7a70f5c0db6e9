//! Two commands at the same moment on the same container: one wins, the other gets docker's answer.

use std::process::{Child, Stdio};
use teu_testkit::Teu;

const ROUNDS: usize = 100;

/// Of those that wait for an end each time; `cargo xtask long together` sets it.
fn few_rounds() -> usize {
    std::env::var("TEU_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(8)
}

fn both(teu: &Teu, first: &str, second: &str) -> [(i32, String); 2] {
    let start = |line: &str| -> Child {
        let words: Vec<&str> = line.split(' ').collect();
        let mut command = teu.command(&words);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let children = [start(first), start(second)];
    children.map(|child| {
        let output = child.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code().unwrap_or(-1), told)
    })
}

#[test]
fn start_and_start_make_one_process() {
    let teu = Teu::with_busybox("start-start");
    teu.ok("create --name a --network none busybox sleep 99");
    for round in 0..ROUNDS {
        let done = both(&teu, "start a", "start a");
        assert!(done.iter().all(|(code, told)| *code == 0 && told.is_empty()), "{round}: {done:?}");
        assert_eq!(teu.ok("ps -q").lines().count(), 1, "{round}");
        teu.ok("kill a");
        teu.ok("wait a");
    }
    teu.ok("rm a");
    assert_eq!(teu.ok("fsck"), "nothing is wrong");
}

#[test]
fn rm_and_start_leave_it_running_or_gone() {
    let teu = Teu::with_busybox("rm-start");
    for round in 0..ROUNDS {
        teu.ok("create --name a --network none busybox sleep 99");
        let [(removed, why_not), (started, told)] = both(&teu, "rm a", "start a");
        let left = teu.ok("ps -q").lines().count();
        match (removed, started) {
            (0, 1) => {
                assert!(told.contains("No such container: a"), "{round}: {told}");
                assert_eq!(left, 0, "{round}");
            }
            (1, 0) => {
                assert!(
                    why_not.contains("cannot remove container \"/a\": container is running"),
                    "{round}: {why_not}"
                );
                assert_eq!(left, 1, "{round}");
                teu.ok("rm -f a");
            }
            other => panic!("{round}: {other:?}: {why_not} {told}"),
        }
    }
    assert_eq!(teu.ok("ps -aq"), "");
    assert_eq!(teu.ok("fsck"), "nothing is wrong");
}

#[test]
fn a_name_has_one_winner() {
    let teu = Teu::with_busybox("name-name");
    for round in 0..ROUNDS {
        let line = "create --name a --network none busybox true";
        let done = both(&teu, line, line);
        let winners = done.iter().filter(|(code, _)| *code == 0).count();
        assert_eq!(winners, 1, "{round}: {done:?}");
        assert!(
            done.iter().any(|(code, told)| *code != 0 && told.contains("is already in use")),
            "{round}: {done:?}"
        );
        let done = both(&teu, "rm a", "rm a");
        assert!(done.iter().any(|(code, _)| *code == 0), "{round}: {done:?}");
        assert!(
            done.iter().all(|(code, told)| *code == 0 || told.contains("No such container: a")),
            "{round}: {done:?}"
        );
    }
    assert_eq!(teu.ok("ps -aq"), "");
}

fn status(teu: &Teu) -> String {
    teu.ok("inspect -f '{{.State.Status}}' a")
}

/// Runs `first` and `second` at once, each time on a new container; both must end with 0. `check` gets the
/// status in which that left it.
fn few(name: &str, run: &str, first: &str, second: &str, check: impl Fn(&Teu, usize, &str)) {
    let teu = Teu::with_busybox(name);
    for round in 0..few_rounds() {
        teu.ok(&format!("run -d --name a --network none {run}"));
        let done = both(&teu, first, second);
        assert!(done.iter().all(|(code, told)| *code == 0 && told.is_empty()), "{round}: {done:?}");
        let status = status(&teu);
        let lives = teu.ok("ps -q").lines().count();
        assert_eq!(lives, usize::from(status == "running"), "{round}: {status}");
        check(&teu, round, &status);
        teu.ok("rm -f a");
    }
    assert_eq!(teu.ok("fsck"), "nothing is wrong");
}

/// Ends by itself soon after its start, about when the verbs come.
const SHORT: &str = "busybox sh -c 'sleep 0.05; exit 3'";
const OBEYS: &str = "--init busybox sleep 99";

#[test]
fn stop_and_restart_leave_it_running_or_stopped() {
    few("stop-restart", OBEYS, "stop a", "restart a", |_, round, status| {
        assert!(["running", "exited"].contains(&status), "{round}: {status}");
    });
}

#[test]
fn restart_and_restart_leave_one_process() {
    few("restart-restart", OBEYS, "restart a", "restart a", |_, round, status| {
        assert_eq!(status, "running", "{round}");
    });
}

#[test]
fn stop_and_stop_are_one_stop() {
    few("stop-stop", OBEYS, "stop a", "stop a", |teu, round, status| {
        assert_eq!(status, "exited", "{round}");
        let code = teu.ok("inspect -f '{{.State.ExitCode}}' a");
        assert_eq!(code, "143", "{round}: by the first signal");
    });
}

#[test]
fn a_stop_ends_what_a_policy_would_start_again() {
    let run = format!("--restart always --restart-delay 20ms {SHORT}");
    few("stop-policy", &run, "stop -t 0 a", "inspect a", |teu, round, status| {
        assert_eq!(status, "exited", "{round}");
        std::thread::sleep(std::time::Duration::from_millis(150));
        assert_eq!(teu.ok("ps -q"), "", "{round}: and it stays so");
    });
}

#[test]
fn stop_and_its_own_end() {
    few("stop-exit", SHORT, "stop -t 0 a", "wait a", |teu, round, status| {
        assert_eq!(status, "exited", "{round}");
        let code = teu.ok("inspect -f '{{.State.ExitCode}}' a");
        assert!(["3", "137"].contains(&code.as_str()), "{round}: {code}");
    });
}

#[test]
fn restart_and_its_own_end() {
    let teu = Teu::with_busybox("restart-exit");
    for round in 0..few_rounds() {
        teu.ok(&format!("run -d --name a --network none {SHORT}"));
        let done = both(&teu, "restart -t 0 a", "wait a");
        assert!(done.iter().all(|(code, told)| *code == 0 && told.is_empty()), "{round}: {done:?}");
        // What it restarted ends by itself.
        assert_eq!(teu.ok("wait a"), "3", "{round}");
        assert_eq!(teu.ok("ps -q"), "", "{round}");
        teu.ok("rm a");
    }
    assert_eq!(teu.ok("fsck"), "nothing is wrong");
}

#[test]
fn kill_and_its_own_end() {
    let teu = Teu::with_busybox("kill-exit");
    for round in 0..few_rounds() {
        let id = teu.ok(&format!("run -d --name a --network none {SHORT}"));
        let [(killed, told), (waited, _)] = both(&teu, "kill a", "wait a");
        assert_eq!(waited, 0, "{round}");
        let too_late = format!("cannot kill container: a: container {id} is not running");
        assert!(killed == 0 || killed == 1 && told.contains(&too_late), "{round}: {told}");
        assert_eq!(status(&teu), "exited", "{round}");
        teu.ok("rm a");
    }
}

#[test]
fn rm_by_force_and_restart_leave_nothing() {
    let teu = Teu::with_busybox("rm-restart");
    for round in 0..few_rounds() {
        teu.ok(&format!("run -d --name a --network none {OBEYS}"));
        let [(removed, why_not), (restarted, told)] = both(&teu, "rm -f a", "restart a");
        assert_eq!(removed, 0, "{round}: {why_not}");
        let gone = told.contains("No such container: a");
        assert!(restarted == 0 || restarted == 1 && gone, "{round}: {told}");
        assert_eq!(teu.ok("ps -aq"), "", "{round}");
    }
    assert_eq!(teu.ok("fsck"), "nothing is wrong");
}

#[test]
fn start_and_stop_leave_it_running_or_stopped() {
    let teu = Teu::with_busybox("start-stop");
    teu.ok(&format!("create --name a --network none {OBEYS}"));
    for round in 0..few_rounds() {
        let done = both(&teu, "start a", "stop a");
        assert!(done.iter().all(|(code, told)| *code == 0 && told.is_empty()), "{round}: {done:?}");
        let status = status(&teu);
        assert!(["running", "exited", "created"].contains(&status.as_str()), "{round}: {status}");
        teu.ok("stop -t 0 a");
    }
    assert_eq!(teu.ok("fsck"), "nothing is wrong");
}
