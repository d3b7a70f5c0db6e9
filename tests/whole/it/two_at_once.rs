//! Two commands at the same moment on the same container: one wins, the other gets docker's answer.

use std::process::{Child, Stdio};
use teu_testkit::Teu;

const ROUNDS: usize = 100;

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
