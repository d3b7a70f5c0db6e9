//! `events`: what any process of the state root does is told to all who listen.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use teu_testkit::Teu;
use teu_testkit::teu::until;

#[test]
fn a_life_is_told_in_dockers_words() {
    let teu = Teu::with_busybox("events");
    let id = teu.ok("create --name a --label tier=x --network none busybox sleep 99");
    teu.ok("start a");
    teu.ok("exec a true");
    teu.ok("kill a");
    teu.ok("wait a");
    teu.ok("rm a");
    let told = teu.ok("events --since 10m --until 0s --filter container=a --format '{{.Action}}'");
    let told: Vec<&str> = told.lines().filter(|line| !line.starts_with("exec_die")).collect();
    assert_eq!(
        told,
        ["create", "start", "exec_create: true", "exec_start: true", "kill", "die", "destroy"]
    );
    let line = teu.ok("events --since 10m --until 0s --filter event=die");
    assert!(
        line.contains(&format!(
            " container die {id} (exitCode=137, image=busybox, name=a, tier=x)"
        )),
        "{line}"
    );
    assert_eq!(line.split(' ').next().unwrap().len(), "2026-11-21T10:00:00.123456789Z".len());
    let json = teu.ok("events --since 10m --until 0s --filter event=kill --format json");
    for part in
        ["\"status\":\"kill\"", "\"from\":\"busybox\"", "\"signal\":\"9\"", "\"scope\":\"local\""]
    {
        assert!(json.contains(part), "{json}");
    }
    for (filter, count) in [
        ("type=image", 0),
        ("label=tier=x", 7),
        ("label=tier=y", 0),
        ("image=busybox", 7),
        ("event=create", 1),
        ("event=create --filter event=die", 2),
        ("volume=a", 0),
    ] {
        let lines = teu.ok(&format!("events --since 10m --until 0s --filter {filter}"));
        let lines = lines.lines().filter(|line| !line.contains(" exec_die")).count();
        assert_eq!(lines, count, "{filter}");
    }
    let told = teu.fails(1, "events --filter nonsense=1 --until 0s");
    assert!(told.contains("invalid filter 'nonsense'"), "{told}");
    teu.fails(125, "events --filter nonsense --until 0s");
    teu.fails(1, "events --since yesterday");
    teu.fails(1, "events --since 1m --until 2m");
}

#[test]
fn images_are_told_too() {
    let teu = Teu::with_busybox("events-image");
    teu.ok("tag busybox other:1");
    teu.ok("rmi other:1");
    teu.ok("rmi busybox");
    let told = teu.ok("events --since 10m --until 0s --filter type=image --format '{{.Action}} {{.Actor.Attributes.name}}'");
    let lines: Vec<&str> = told.lines().map(|line| line.split(':').next().unwrap()).collect();
    assert!(
        lines.ends_with(&["tag other", "untag sha256", "untag sha256", "delete sha256"]),
        "{told}"
    );
}

#[test]
fn listeners_hear_every_process_across_a_rotation() {
    let teu = Teu::with_busybox("events-follow");
    let mut command =
        teu.command(&["events", "--format", "{{.Action}} {{.Actor.Attributes.name}}"]);
    let mut listener = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut heard = BufReader::new(listener.stdout.take().unwrap()).lines().map(Result::unwrap);
    // Until it listens, what happens may pass unheard.
    let log = teu.root().join("events/log");
    until("it listens", || {
        teu.ok("create --name early --network none busybox true");
        teu.ok("rm early");
        let fds = std::process::Command::new("sh")
            .args(["-c", "ls -l /proc/[0-9]*/fd 2>/dev/null | grep -c inotify || true"])
            .output()
            .unwrap();
        (String::from_utf8_lossy(&fds.stdout).trim() != "0").then_some(())
    });
    teu.ok("create --name one --network none busybox true");
    // A file that is full moves aside with the next event.
    let full = "{\"no\": \"event\"}\n".repeat((9 << 20) / 16);
    let old = std::fs::read_to_string(&log).unwrap();
    std::fs::OpenOptions::new()
        .append(true)
        .open(&log)
        .and_then(|mut file| std::io::Write::write_all(&mut file, full.as_bytes()))
        .unwrap();
    teu.ok("create --name two --network none busybox true");
    teu.ok("rm two one");
    assert!(std::fs::metadata(&log).unwrap().len() < (1 << 20) && !old.is_empty());
    let after: Vec<String> = heard
        .by_ref()
        .skip_while(|line| line != "create one")
        .take_while(|line| line != "destroy one")
        .collect();
    assert_eq!(after, ["create one", "create two", "destroy two"]);
    // What was moved aside is still told to who asks for it.
    let past = teu.ok(
        "events --since 10m --until 0s --filter event=create --format '{{.Actor.Attributes.name}}'",
    );
    assert!(
        past.lines().any(|line| line == "one") && past.lines().any(|line| line == "two"),
        "{past}"
    );
    // A listener whose reader goes away ends.
    drop(heard);
    teu.ok("create --name three --network none busybox true");
    until("it has ended", || listener.try_wait().unwrap());
}
