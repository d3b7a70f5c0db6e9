//! `logs`, and docker's json-file format below it.

use std::fs;
use std::io::Read;
use std::os::unix::net::UnixDatagram;
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
        ("--log-driver gelf", "the log driver gelf is not there yet"),
        ("--log-driver syslog --log-opt syslog-format=x", "Invalid syslog format"),
        (
            "--log-driver syslog --log-opt syslog-address=unixgram:///no/such",
            "failed to initialize logging driver: Unix syslog delivery error: no /no/such",
        ),
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

/// A socket of datagrams, and what came there.
struct Listener(UnixDatagram);

impl Listener {
    fn new(path: &std::path::Path) -> Listener {
        let socket = UnixDatagram::bind(path).unwrap();
        socket.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
        Listener(socket)
    }

    #[track_caller]
    fn next(&self) -> String {
        let mut buffer = vec![0; 70_000];
        let count = self.0.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..count]).into_owned()
    }
}

#[test]
fn a_syslog_gets_each_line() {
    let teu = Teu::with_busybox("log-syslog");
    let path = teu.scratch().join("log");
    let listener = Listener::new(&path);
    let run = format!(
        "run --network none --log-driver syslog --log-opt syslog-address=unixgram://{}",
        path.display()
    );
    let id =
        teu.ok(&format!("{run} -d --name a busybox sh -c 'echo out; echo err >&2; printf end'"));
    teu.ok("wait a");
    let lines: Vec<String> = (0..3).map(|_| listener.next()).collect();
    let find = |priority: &str, text: &str| {
        let fits = |line: &&String| line.starts_with(priority) && line.ends_with(text);
        assert!(lines.iter().any(|line| fits(&line)), "{priority} {text}: {lines:?}");
    };
    find("<30>", "]: out");
    find("<27>", "]: err");
    find("<30>", "]: end");
    assert!(lines[0].contains(&format!(" {}[", &id[..12])), "the id is the tag: {lines:?}");
    assert_eq!(teu.run("logs a").stdout, "out\nend", "read back from the files beside it");
    teu.ok(&format!(
        "{run} --name b --log-opt syslog-format=rfc5424 --log-opt tag={{{{.Name}}}}/x --log-opt syslog-facility=local1 --log-opt cache-disabled=true busybox echo two"
    ));
    let line = listener.next();
    assert!(line.starts_with("<142>1 20") && line.ends_with(" b/x - two"), "{line}");
    let told = teu.fails(1, "logs b");
    assert!(told.contains("configured logging driver does not support reading"), "{told}");
    // One that nobody listens at: the container does not wait.
    drop(listener);
    teu.ok(&format!("{run} --name c busybox seq 1 5000"));
    assert_eq!(teu.ok("logs --tail 1 c"), "5000");
    fs::remove_file(&path).unwrap();
    let told = teu.fails(1, "start c");
    assert!(told.contains("failed to initialize logging driver"), "{told}");
}

#[test]
fn the_journal_gets_each_line_with_its_fields() {
    let teu = Teu::with_busybox("log-journal").elsewhere();
    let directory = teu.scratch().join("journal");
    fs::create_dir(&directory).unwrap();
    let here = directory.display();
    teu.place().shell(&format!(
        "mkdir -p /run/systemd/journal && mount --bind {here} /run/systemd/journal"
    ));
    let run = "run --network none --log-driver journald --label com.example/tier=gold";
    let told = teu.fails(125, &format!("{run} busybox true"));
    assert!(told.contains("journald is not enabled on this host"), "{told}");
    let listener = Listener::new(&directory.join("socket"));
    let flags = "--log-opt labels=com.example/tier --log-opt tag={{.ImageName}}";
    let id = teu.ok(&format!("{run} -d --name a {flags} busybox sh -c 'echo hello; echo bad >&2'"));
    let entries = [listener.next(), listener.next()];
    let entry = entries.iter().find(|entry| entry.starts_with("MESSAGE=hello\n")).unwrap();
    for field in [
        "PRIORITY=6",
        &format!("CONTAINER_ID={}", &id[..12]),
        &format!("CONTAINER_ID_FULL={id}"),
        "CONTAINER_NAME=a",
        "CONTAINER_TAG=busybox",
        "SYSLOG_IDENTIFIER=busybox",
        "IMAGE_NAME=busybox",
        "COM_EXAMPLE_TIER=gold",
    ] {
        assert!(entry.contains(&format!("\n{field}\n")), "{field} in:\n{entry}");
    }
    assert!(entries.iter().any(|entry| entry.starts_with("MESSAGE=bad\nPRIORITY=3\n")));
    teu.ok("wait a");
    assert_eq!(teu.run("logs a").stdout, "hello");
    assert_eq!(teu.ok("inspect -f '{{.HostConfig.LogConfig.Type}}' a"), "journald");
    // Where this host has none, its directory was made for this test.
    fs::remove_dir("/run/systemd/journal").and_then(|()| fs::remove_dir("/run/systemd")).ok();
}

#[test]
fn follow_goes_on_across_rotation_and_restart() {
    let teu = Teu::with_busybox("follow-on");
    // The first process writes 1 to 2000, the second the next 2000; each file holds a few hundred.
    let script = "n=$(cat /n 2>/dev/null || echo 0); i=0; while [ $i -lt 2000 ]; do i=$((i+1)); echo $((n+i)); [ $((i%50)) = 0 ] && sleep 0.02; done; echo $((n+i)) >/n; exec sleep 99";
    let rotate = "--log-opt max-size=20k --log-opt max-file=3";
    teu.ok(&format!("run -d --name a --network none {rotate} busybox sh -c '{script}'"));
    until("some lines", || teu.ok("logs --tail 1 a").parse::<u32>().ok().filter(|n| *n > 100));
    let since = teu.ok("inspect -f '{{.State.StartedAt}}' a");
    let words = ["logs", "-f", "--tail", "10", "--since", &since, "a"];
    let mut all = teu.command(&words).stdout(Stdio::piped()).spawn().unwrap();
    let begun = std::time::Instant::now();
    let soon = teu_testkit::teu::shell("date -u -d '+2 sec' +%FT%TZ");
    let mut short = teu.command(&["logs", "-f", "--until", &soon, "a"]);
    let short = short.stdout(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
    assert!(short.status.success() && !short.stdout.is_empty(), "it ends by itself");
    assert!(begun.elapsed().as_secs() < 20);
    until("the first half", || (teu.ok("logs --tail 1 a") == "2000").then_some(()));
    teu.ok("restart -t 0 a");
    until("the second half", || (teu.ok("logs --tail 1 a") == "4000").then_some(()));
    teu.ok("kill a");
    let mut text = String::new();
    all.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert!(all.wait().unwrap().success(), "it ends with the container");
    let numbers: Vec<u32> = text.lines().map(|line| line.parse().unwrap()).collect();
    assert!(numbers[0] > 90 && numbers[0] < 2000, "the last ten lines first: {}", numbers[0]);
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "each line once, in order");
    assert_eq!(numbers.last(), Some(&4000));
}
