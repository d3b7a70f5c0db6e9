//! How a container ended, told right: by `why`, by `run` itself, and after the container has gone.
//!
//! `TEU_DEATHS` says how often each is tried; `cargo xtask long deaths` tries a hundred times.

use std::os::unix::fs::PermissionsExt;
use teu_testkit::Teu;
use teu_testkit::teu::{shell, until};

fn times() -> usize {
    std::env::var("TEU_DEATHS").ok().and_then(|text| text.parse().ok()).unwrap_or(2)
}

/// Each time: `run` with these words behind `run -d --name a --network none`, then `end`, then `why`.
#[track_caller]
fn check(name: &str, words: &str, end: impl Fn(&Teu), expected: &[&str]) {
    let teu = Teu::with_busybox(name);
    for _ in 0..times() {
        teu.ok(&format!("run -d --name a --network none {words}"));
        end(&teu);
        teu.ok("wait a");
        let told = teu.ok("why a");
        for part in expected {
            assert!(told.contains(part), "{part} in:\n{told}");
        }
        assert_eq!(teu.ok("why"), told, "the last one without a name");
        teu.ok("rm a");
    }
}

fn by_itself(_: &Teu) {}

#[test]
fn of_its_own() {
    check("death-0", "busybox true", by_itself, &["a ended by itself, with 0: all went well."]);
    let words = "busybox sh -c 'echo last words; exit 3'";
    check("death-3", words, by_itself, &["a ended by itself, with 3.", "last words", "teu logs a"]);
}

/// A program that writes to address 0, as its first and only instructions.
fn crasher(teu: &Teu) -> String {
    let code = [0x31, 0xc0, 0x89, 0x00];
    let word = |value: u64| value.to_le_bytes();
    let mut elf = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0\x01\0\0\0".to_vec();
    elf.extend(word(0x40_0078));
    elf.extend(word(64));
    elf.extend(word(0));
    elf.extend(b"\0\0\0\0\x40\0\x38\0\x01\0\0\0\0\0\0\0\x01\0\0\0\x05\0\0\0");
    for value in [0, 0x40_0000, 0x40_0000, 124, 124, 0x1000] {
        elf.extend(word(value));
    }
    elf.extend(code);
    let path = teu.scratch().join("crash");
    std::fs::write(&path, elf).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

#[test]
#[cfg(target_arch = "x86_64")]
fn a_crash() {
    let teu = Teu::with_busybox("death-crash");
    let program = crasher(&teu);
    for _ in 0..times() {
        let run = format!("run --name a --network none -v {program}:/crash busybox /crash");
        let told = teu.fails(139, &run);
        assert!(told.contains("a crashed: SIGSEGV, memory that it may not touch"), "{told}");
        let told = teu.ok("why a");
        assert!(told.starts_with("a crashed: SIGSEGV"), "{told}");
        teu.ok("rm a");
    }
}

#[test]
fn an_abort() {
    let words = "--init busybox sh -c 'kill -ABRT $$'";
    check("death-abort", words, by_itself, &["with 134", "SIGABRT"]);
}

#[test]
fn by_a_verb() {
    let kill = |teu: &Teu| drop(teu.ok("kill a"));
    let expected = ["a was ended by `teu kill`, which sent SIGKILL.", "SIGKILL by teu kill at"];
    check("death-kill", "busybox sleep 99", kill, &expected);
    let stop = |teu: &Teu| drop(teu.ok("stop -t 1 a"));
    let expected = ["a did not end within 1 second of SIGTERM, so `teu stop` killed it.", "--init"];
    check("death-stop", "busybox sleep 99", stop, &expected);
    let polite = |teu: &Teu| {
        until("its trap is set", || teu.ok("logs a").contains("ready").then_some(()));
        teu.ok("stop a");
    };
    let words = "busybox sh -c 'trap \"exit 5\" TERM; echo ready; while :; do sleep 0.05; done'";
    let expected = ["a ended with 5 after `teu stop` had sent SIGTERM."];
    check("death-polite", words, polite, &expected);
}

#[test]
fn out_of_memory() {
    let teu = Teu::with_busybox("death-oom");
    for _ in 0..times() {
        let told = teu.fails(137, "run --name a -m 16m --network none busybox tail /dev/zero");
        assert!(told.contains("its memory limit of 16MiB was used up (tail held"), "{told}");
        let told = teu.ok("why a");
        for part in [
            "a was killed by the kernel",
            "memory: usage",
            "Killed process",
            "oom_score_adj",
            "-m 32MiB",
        ] {
            assert!(told.contains(part), "{part} in:\n{told}");
        }
        teu.ok("rm a");
    }
    let words = "-m 16m busybox sh -c 'tail /dev/zero; exit 7'";
    let expected = ["a ended with 7 after the kernel had killed one of its processes (tail held"];
    check("death-oom-child", words, by_itself, &expected);
}

#[test]
fn a_forbidden_call() {
    let teu = Teu::with_busybox("death-seccomp");
    let profile = teu.scratch().join("profile.json");
    let text = r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["sync"],"action":"SCMP_ACT_KILL_PROCESS"}]}"#;
    std::fs::write(&profile, text).unwrap();
    for _ in 0..times() {
        let option = format!("--security-opt seccomp={}", profile.display());
        teu.fails(159, &format!("run --name a --network none {option} busybox sync"));
        let told = teu.ok("why a");
        assert!(told.starts_with("a was killed by SIGSYS: it made a system call that"), "{told}");
        teu.ok("rm a");
    }
}

#[test]
fn from_outside() {
    let kill = |teu: &Teu| drop(shell(&format!("kill -KILL {}", teu.pid("a"))));
    let expected = ["a was ended by SIGKILL from outside"];
    check("death-outside", "busybox sleep 99", kill, &expected);
}

/// The processes of a container and its monitor end, and the boot has another name.
fn reboot(teu: &Teu, names: &[&str]) {
    let pids: Vec<u32> = names.iter().map(|name| teu.pid(name)).collect();
    for pid in pids {
        let monitor = shell(&format!("ps -o ppid= -p {pid}"));
        shell(&format!("kill -KILL {monitor} {pid}"));
    }
    let file = teu.scratch().join("boot_id");
    std::fs::write(&file, "11111111-2222-3333-4444-555555555555\n").unwrap();
    teu.place().shell(&format!("mount --bind {} /proc/sys/kernel/random/boot_id", file.display()));
}

#[test]
fn the_machine_was_restarted() {
    let teu = Teu::with_busybox("death-reboot").with_own_etc();
    teu.ok("run -d --name a --network none busybox sleep 99");
    reboot(&teu, &["a"]);
    let told = teu.ok("why a");
    assert!(told.starts_with("a ended because the machine was restarted."), "{told}");
    assert!(told.contains("teu boot"), "{told}");
}

#[test]
fn boot_starts_what_should_run() {
    let teu = Teu::with_busybox("boot").with_own_etc();
    let run = |name: &str, policy: &str| {
        teu.ok(&format!("run -d --name {name} --restart {policy} --network none busybox sleep 99"));
    };
    run("always", "always");
    run("unless", "unless-stopped");
    run("plain", "no");
    run("stopped-always", "always");
    run("stopped-unless", "unless-stopped");
    teu.ok("create --name never --restart always --network none busybox sleep 99");
    teu.ok("stop -t 0 stopped-always stopped-unless");
    reboot(&teu, &["always", "unless", "plain"]);
    assert_eq!(teu.ok("boot"), "always\nunless\nstopped-always", "in the order of their making");
    let mut names: Vec<String> =
        teu.ok("ps --format '{{.Names}}'").lines().map(String::from).collect();
    names.sort();
    assert_eq!(names, ["always", "stopped-always", "unless"]);
    assert_eq!(teu.ok("boot"), "", "nothing more to do");
    let unit = teu.ok("boot --systemd-unit");
    assert!(unit.contains("[Service]\nType=oneshot") && unit.contains(" boot\n"), "{unit}");
}

#[test]
fn a_removed_one_is_remembered_for_a_while() {
    let teu = Teu::with_busybox("remembered");
    teu.fails(4, "run --rm --name a --network none busybox sh -c 'echo bye; exit 4'");
    assert_eq!(teu.ok("ps -aq"), "");
    let told = teu.ok("why a");
    assert!(told.starts_with("a ended by itself, with 4."), "{told}");
    assert!(told.contains("bye") && told.contains("removed"), "{told}");
    assert_eq!(teu.ok("logs a"), "bye");
    teu.ok("run -d --name b --network none busybox sh -c 'echo here; sleep 99'");
    until("it wrote", || (teu.ok("logs b") == "here").then_some(()));
    teu.ok("rm -f b");
    assert!(teu.ok("why b").starts_with("b was ended by `teu rm`"));
    assert_eq!(teu.ok("logs b"), "here");
    teu.fails(1, "why nobody");
    teu.fails(1, "logs nobody");
    // Not for ever, and not all.
    for n in 0..40 {
        teu.ok(&format!("run --rm --name c{n} --network none busybox true"));
    }
    let kept = std::fs::read_dir(teu.run_dir().join("ended")).unwrap().count();
    assert!((30..=33).contains(&kept), "{kept}");
}

#[test]
fn a_failed_start_is_told() {
    let teu = Teu::with_busybox("death-start");
    teu.fails(127, "run --name a --network none busybox no-such-program");
    let told = teu.ok("why a");
    assert!(told.starts_with("a could not be started: "), "{told}");
    assert!(told.contains("no-such-program"), "{told}");
}
