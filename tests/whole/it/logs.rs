//! `logs`, and docker's json-file format below it.

use std::fs;
use std::io::Read;
use std::process::Stdio;
use teu_testkit::Teu;
use teu_testkit::teu::until;

#[test]
fn both_streams_go_where_they_came_from() {
    let teu = Teu::with_busybox("logs");
    teu.ok("run --name a --network none busybox sh -c 'echo out; echo err >&2; printf no-end'");
    let done = teu.run("logs a");
    assert_eq!((done.stdout.as_str(), done.stderr.as_str()), ("out\nno-end", "err"), "{done:?}");
}

#[test]
fn the_file_is_dockers_json() {
    let teu = Teu::with_busybox("json");
    teu.ok("run --name a --network none busybox sh -c 'printf \"a \\\"quoted\\\" \\\\\\\\ \\\\t <&> \\\\001\\\\n\"'");
    let path = teu.ok("inspect -f '{{.LogPath}}' a");
    let text = fs::read_to_string(path).unwrap();
    for line in text.lines() {
        let entry: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(entry["log"].is_string() && entry["stream"] == "stdout", "{line}");
        let time = entry["time"].as_str().unwrap();
        assert!(time.ends_with('Z') && time.as_bytes()[10] == b'T', "{time}");
    }
    assert_eq!(teu.ok("inspect -f '{{.HostConfig.LogConfig.Type}}' a"), "json-file");
}

#[test]
fn tail_since_until_and_timestamps() {
    let teu = Teu::with_busybox("tail");
    teu.ok("run --name a --network none busybox sh -c 'seq 1 100; sleep 1.2; echo late'");
    assert_eq!(teu.ok("logs --tail 2 a"), "100\nlate");
    assert_eq!(teu.ok("logs -n 0 a"), "");
    assert_eq!(teu.ok("logs --tail all a").lines().count(), 101);
    let stamped = teu.ok("logs -t --tail 2 a");
    let (first, last) = stamped.split_once('\n').unwrap();
    let (time, text) = last.split_once(' ').unwrap();
    assert_eq!(text, "late");
    assert_eq!(teu.ok(&format!("logs --since {time} a")), "late");
    let (time, _) = first.split_once(' ').unwrap();
    assert!(!teu.ok(&format!("logs --until {time} a")).contains("late"));
    assert_eq!(teu.ok("logs --since 1h a").lines().count(), 101);
    let told = teu.fails(1, "logs nobody");
    assert!(told.contains("No such container: nobody"), "{told}");
}

#[test]
fn follow_ends_with_the_container() {
    let teu = Teu::with_busybox("follow");
    teu.ok("run -d --name a --network none busybox sh -c 'for i in 1 2 3; do echo $i; sleep 0.2; done'");
    let mut child = teu.command(&["logs", "-f", "a"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "1\n2\n3\n");
    assert!(child.wait().unwrap().success());
}

#[test]
fn logs_are_rotated_at_ten_megabytes() {
    let teu = Teu::with_busybox("rotate");
    // 60 MB of text in 100-byte lines.
    let script = "yes $(printf %099d 7) | head -c 60000000";
    teu.ok(&format!("run -d --name a --network none busybox sh -c '{script}'"));
    assert_eq!(teu.ok("wait a"), "0");
    let path = teu.ok("inspect -f '{{.LogPath}}' a");
    let directory = std::path::Path::new(&path).parent().unwrap();
    let stem = std::path::Path::new(&path).file_name().unwrap().to_str().unwrap().to_string();
    let files: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_name().to_str().unwrap().starts_with(&stem))
        .filter(|entry| entry.metadata().unwrap().is_file())
        .collect();
    assert_eq!(files.len(), 3, "{files:?}");
    let size: u64 = files.iter().map(|file| file.metadata().unwrap().len()).sum();
    assert!(size <= 31_000_000, "{size}");
    let last = teu.ok("logs --tail 1 a");
    assert!(last.ends_with('7'), "{last}");
}

#[test]
fn a_restart_continues_the_log() {
    let teu = Teu::with_busybox("log-again");
    teu.ok("run --name a --network none busybox echo x");
    teu.ok("start -a a");
    assert_eq!(teu.ok("logs a"), "x\nx");
}

#[test]
fn a_line_without_end_is_shown_when_it_is_there() {
    let teu = Teu::with_busybox("partial");
    teu.ok("run -d --name a --network none busybox sh -c 'printf prompt; sleep 99'");
    // docker shows a partial line once its buffer or the container ends; the log must have it then.
    teu.ok("stop -t 0 a");
    until("the rest", || (teu.ok("logs a") == "prompt").then_some(()));
}

#[test]
fn drivers_and_their_options() {
    let teu = Teu::with_busybox("log-driver");
    let run = "run --network none";
    teu.ok(&format!(
        "{run} --name a --log-opt max-size=20k --log-opt max-file=2 busybox seq 1 5000"
    ));
    assert_eq!(teu.ok("logs --tail 1 a"), "5000");
    let kept = teu.ok("logs a").lines().count();
    assert!(kept > 50 && kept < 1000, "two files of 20 kB hold some of it: {kept}");
    let config = teu.ok("inspect -f '{{json .HostConfig.LogConfig}}' a");
    assert_eq!(config, r#"{"Config":{"max-file":"2","max-size":"20k"},"Type":"json-file"}"#);
    assert_eq!(teu.ok(&format!("{run} --name b --log-driver none busybox echo shown")), "shown");
    let told = teu.fails(1, "logs b");
    assert!(told.contains("configured logging driver does not support reading"), "{told}");
    teu.ok(&format!("{run} --name c --log-driver local busybox echo kept"));
    assert_eq!(teu.ok("logs c"), "kept");
    for (flags, why) in [
        ("--log-opt max-sise=1m", "unknown log opt 'max-sise' for json-file log driver"),
        ("--log-driver paper", "no log driver named 'paper' is registered"),
        ("--log-driver syslog", "the log driver syslog is not there yet"),
    ] {
        let told = teu.fails(125, &format!("{run} {flags} busybox true"));
        assert!(told.contains(why), "{told}");
    }
}

#[test]
fn details_are_labels_variables_and_a_tag() {
    let teu = Teu::with_busybox("log-details");
    let words =
        "--label tier='a b' --label other=x -e ONE=1 --log-opt labels=tier --log-opt env=ONE,TWO";
    teu.ok(&format!(
        "run --name a --network none {words} --log-opt tag={{{{.Name}}}} busybox echo hello"
    ));
    assert_eq!(teu.ok("logs --details a"), "ONE=1,tag=a,tier=a+b hello");
    assert_eq!(teu.ok("logs a"), "hello");
    teu.ok("run --name b --network none busybox echo plain");
    assert_eq!(teu.run("logs --details b").stdout, " plain");
}
