//! teu in a container of teu.

use std::fs;
use std::process::Command;
use teu_testkit::teu::run_plain;
use teu_testkit::{Teu, images};

/// A container in which teu can be called, with the image `busybox` in the state root inside.
fn with_an_inner_teu(name: &str, volume: &str) -> Teu {
    let teu = Teu::with_busybox(name);
    teu.ok(&format!(
        "run -d --privileged --network none --name outer {volume} -v {}:/bin/teu:ro \
         -v {}:/busybox.tar:ro busybox sleep 999",
        Teu::binary().display(),
        images::busybox().tar.display()
    ));
    teu.ok("exec outer teu import /busybox.tar busybox");
    teu
}

/// The numbers of the process that calls itself `sleep SECONDS` in each of its PID namespaces.
fn numbers_of(seconds: &str) -> Vec<String> {
    let pid = run_plain(Command::new("pgrep").args(["-xf", &format!("sleep {seconds}")]));
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("NSpid:")).unwrap();
    line.split_whitespace().map(String::from).collect()
}

/// N6
#[test]
fn a_container_in_a_container_has_three_numbers() {
    let teu = with_an_inner_teu("nested", "-v inner:/var/lib/teu");
    let seconds = format!("60606{}", std::process::id());
    teu.ok(&format!("exec outer teu run -d --network none --name x busybox sleep {seconds}"));
    let inner = teu.ok("exec outer teu inspect -f '{{.State.Pid}}' x");
    let numbers = numbers_of(&seconds);
    assert_eq!(numbers.len(), 3, "{numbers:?}");
    assert_eq!(numbers[1..], [inner.as_str(), "1"]);
    assert_eq!(teu.ok("exec outer teu exec x hostname").len(), 12);
    // On a volume everything is as outside.
    let driver = |who: &str| teu.ok(&format!("{who} info -f '{{{{.Driver}}}}'"));
    assert_eq!(driver("exec outer teu"), driver(""));
    assert_eq!(teu.ok("exec outer teu fsck"), "nothing is wrong");
    // It ends with the outer one.
    teu.ok("rm -f outer");
    let left = Command::new("pgrep").args(["-xf", &format!("sleep {seconds}")]).output().unwrap();
    assert!(left.stdout.is_empty());
    teu.ok("volume rm inner");
}

/// N6: without a volume the state root lies on an overlay, over which no other can be laid.
#[test]
fn without_a_volume_another_driver_is_chosen_and_told() {
    let teu = with_an_inner_teu("nested-vfs", "");
    let inner = |line: &str| teu.ok(&format!("exec outer teu {line}"));
    let script = "echo new >/new; rm /bin/vi; mkdir /var/d; chmod 700 /home; echo x >>/etc/passwd; echo x >>/etc/hosts";
    let words = [
        "exec",
        "outer",
        "teu",
        "run",
        "--name",
        "x",
        "--network",
        "none",
        "-v",
        "/bin/teu:/deep/teu",
    ];
    let done = teu.run_words(&[&words[..], &["busybox", "sh", "-c", script]].concat());
    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.stderr.contains("storage driver vfs"), "{done:?}");
    assert_eq!(inner("info -f '{{.Driver}}'"), "vfs");
    assert!(inner("info").contains("NOTE: the state root's file system"));
    assert_eq!(inner("inspect -f '{{.Driver}}' x"), "vfs");
    // All the same things can be done with it.
    let changes = "C /bin\nD /bin/vi\nC /etc\nC /etc/passwd\nC /home\nA /new\nC /var\nA /var/d";
    assert_eq!(inner("diff x"), changes);
    assert_eq!(inner("commit x mine").len(), 71);
    let run = "run --rm --network none";
    assert_eq!(
        inner(&format!(
            "{run} mine sh -c 'cat /new; ls -d /bin/vi /var/d /deep 2>/dev/null; stat -c %a /home'"
        )),
        "new\n/var/d\n700"
    );
    assert_eq!(inner(&format!("{run} busybox ls /bin/vi")), "/bin/vi");
    inner("create --name y --network none busybox true");
    assert_eq!(inner("diff y"), "");
    inner("start -a y");
    assert_eq!(inner("diff y"), "");
    inner("cp x:/new /copied");
    assert_eq!(teu.ok("exec outer cat /copied"), "new");
    // The second start tells nothing more, and finds what was written.
    let again = teu.run("exec outer teu start -a x");
    assert!(!again.stderr.contains("vfs"), "{again:?}");
    inner("rm -f x y");
    assert_eq!(inner("fsck"), "nothing is wrong");
}
