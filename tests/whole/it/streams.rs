//! Bytes in and out: all of them, in order, whoever is slow.

use std::fs::File;
use std::io::{Read, Write};
use std::process::Stdio;
use std::time::{Duration, Instant};
use teu_testkit::Teu;
use teu_testkit::teu::{finish, shell, until};

const GIGABYTE: u64 = 1 << 30;

/// D5
#[test]
fn a_gigabyte_out() {
    let teu = Teu::with_busybox("gigabyte-out");
    let teu_words = format!("{} --root {}", Teu::binary().display(), teu.root().display());
    let dd = "dd if=/dev/zero bs=1M count=1024 2>/dev/null";
    let counted =
        shell(&format!("{teu_words} run --rm --network none busybox sh -c '{dd}' | wc -c"));
    assert_eq!(counted, GIGABYTE.to_string());
}

/// D5
#[test]
fn a_gigabyte_in() {
    let teu = Teu::with_busybox("gigabyte-in");
    let teu_words = format!("{} --root {}", Teu::binary().display(), teu.root().display());
    let counted = shell(&format!(
        "head -c {GIGABYTE} /dev/zero | {teu_words} run -i --rm --network none busybox wc -c"
    ));
    assert_eq!(counted, GIGABYTE.to_string());
}

/// Random bytes through the container and back: the same.
#[test]
fn through_and_back_unchanged() {
    let teu = Teu::with_busybox("through");
    let file = teu.scratch().join("random");
    let back = teu.scratch().join("back");
    shell(&format!("head -c 100M /dev/urandom >{}", file.display()));
    let mut command = teu.command(&["run", "-i", "--rm", "--network", "none", "busybox", "cat"]);
    command.stdin(File::open(&file).unwrap()).stdout(File::create(&back).unwrap());
    assert!(command.status().unwrap().success());
    shell(&format!("cmp {} {}", file.display(), back.display()));
    // The same by exec.
    teu.ok("run -d --name a --network none busybox sleep 99");
    let mut command = teu.command(&["exec", "-i", "a", "cat"]);
    command.stdin(File::open(&file).unwrap()).stdout(File::create(&back).unwrap());
    assert!(command.status().unwrap().success());
    shell(&format!("cmp {} {}", file.display(), back.display()));
}

#[test]
fn output_before_the_first_look_is_not_lost() {
    let teu = Teu::with_busybox("early");
    for _ in 0..20 {
        assert_eq!(teu.ok("run --rm --network none busybox echo early"), "early");
    }
    teu.ok("run -d --name a --network none busybox sh -c 'echo early; sleep 99'");
    until("the log has it", || (teu.ok("logs a") == "early").then_some(()));
}

#[test]
fn a_slow_reader_loses_nothing() {
    let teu = Teu::with_busybox("slow");
    let words = ["run", "--name", "a", "--network", "none", "busybox", "sh", "-c", "seq 1 300000"];
    let mut child = teu.command(&words).stdout(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(500));
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(text.lines().count(), 300_000);
    assert!(text.ends_with("300000\n"));
    assert_eq!(teu.ok("logs a --tail 1"), "300000");
}

#[test]
fn a_reader_that_goes_away_ends_the_command_only() {
    let teu = Teu::with_busybox("sigpipe");
    let line = format!(
        "{} --root {} run --name a --network none busybox sh -c 'seq 1 100000; sleep 99' | head -1",
        Teu::binary().display(),
        teu.root().display()
    );
    let mut child = std::process::Command::new("sh")
        .args(["-c", &line])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    until("all is in the log", || (teu.run("logs --tail 1 a").stdout == "100000").then_some(()));
    assert!(teu.ok("ps --format '{{.Status}}'").starts_with("Up "));
    teu.ok("rm -f a");
    child.wait().unwrap();
}

#[test]
fn standard_input_ends_where_it_ends() {
    let teu = Teu::with_busybox("stdin");
    // Without -i there is none.
    let words = ["run", "--rm", "--network", "none", "busybox", "cat"];
    let mut command = teu.command(&words);
    command.stdin(File::open("/dev/zero").unwrap());
    let done = finish(&mut command, &[]);
    assert_eq!((done.code, done.stdout.as_str()), (0, ""));
    // With -i the end of ours is the end of its.
    let words = ["run", "-i", "--rm", "--network", "none", "busybox", "sh", "-c", "cat; echo end"];
    let mut child =
        teu.command(&words).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"some\n").unwrap();
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "some\nend\n");
    assert!(child.wait().unwrap().success());
}

#[test]
fn attached_streams_are_those_asked_for() {
    let teu = Teu::with_busybox("a-flag");
    let both = "busybox sh -c 'echo out; echo err >&2'";
    let done = teu.run(&format!("run --rm --network none -a stdout {both}"));
    assert_eq!((done.stdout.as_str(), done.stderr.as_str()), ("out", ""), "{done:?}");
    let done = teu.run(&format!("run --rm --network none -a stderr {both}"));
    assert_eq!((done.stdout.as_str(), done.stderr.as_str()), ("", "err"), "{done:?}");
}

#[test]
fn many_watch_at_once() {
    let teu = Teu::with_busybox("many");
    teu.ok("run -d -i --name a --network none busybox sh -c 'read x; seq 1 1000'");
    let attach = || {
        let mut command = teu.command(&["attach", "--no-stdin", "a"]);
        command.stdout(Stdio::piped()).spawn().unwrap()
    };
    let watchers: Vec<_> = (0..5).map(|_| attach()).collect();
    std::thread::sleep(Duration::from_millis(300));
    let mut writer = teu.command(&["attach", "a"]);
    let mut writer = writer.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    writer.stdin.as_mut().unwrap().write_all(b"go\n").unwrap();
    for mut watcher in watchers {
        let mut text = String::new();
        watcher.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text.lines().count(), 1000);
        assert!(watcher.wait().unwrap().success());
    }
    drop(writer.stdin.take());
    writer.wait().unwrap();
}

#[test]
fn signals_go_to_the_process() {
    let teu = Teu::with_busybox("sig-proxy");
    let script = "trap \"echo term; exit 9\" TERM; trap \"echo usr\" USR1; echo ready; while :; do sleep 0.05; done";
    let run = |flags: &str, name: &str| {
        let line = format!("run --name {name} --network none {flags} busybox sh -c '{script}'");
        let words = teu_testkit::teu::words(&line);
        let mut child = teu.command(&words).stdout(Stdio::piped()).spawn().unwrap();
        // What the command itself passes on: before, its death would end the start that it is at.
        let mut first = [0; 6];
        child.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
        assert_eq!(&first, b"ready\n");
        child
    };
    let mut child = run("", "a");
    let command = shell(&format!("ps -o pid= --ppid {}", child.id()));
    shell(&format!("kill -USR1 {command}"));
    until("the program heard it", || teu.ok("logs a").contains("usr").then_some(()));
    shell(&format!("kill -TERM {command}"));
    assert_eq!(child.wait().unwrap().code(), Some(9));
    // Without the proxy the command dies and the container does not.
    let mut child = run("--sig-proxy=false", "b");
    let command = shell(&format!("ps -o pid= --ppid {}", child.id()));
    shell(&format!("kill -TERM {command}"));
    assert_ne!(child.wait().unwrap().code(), Some(9));
    assert!(teu.ok("ps --filter name=b --format '{{.Status}}'").starts_with("Up "));
}

#[test]
fn a_quiet_run_is_quick() {
    let teu = Teu::with_busybox("quick");
    teu.ok("run --rm --network none busybox true");
    let began = Instant::now();
    for _ in 0..10 {
        teu.ok("run --rm --network none busybox true");
    }
    // Not a benchmark: only that nothing waits for a timeout.
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}
