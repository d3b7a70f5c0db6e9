//! How a container ended, told right: by `why`, by `inspect`, and by `run` itself.
//!
//! `TEU_DEATHS` says how often each is tried; `cargo xtask long deaths` tries a hundred times.

use crate::bad_starts::{FAILURES, files};
use crate::boot::reboot;
use std::os::unix::fs::PermissionsExt;
use teu_testkit::Teu;
use teu_testkit::teu::{shell, until};

fn times() -> usize {
    std::env::var("TEU_DEATHS").ok().and_then(|text| text.parse().ok()).unwrap_or(2)
}

/// One way to end.
struct Death<'a> {
    /// What stands behind `run -d --name a --network none`.
    run: &'a str,
    /// How `why` begins.
    sentence: &'a str,
    /// What else it tells.
    told: &'a [&'a str],
    /// Exit code, whether memory ran out, the note: as `inspect` has them.
    state: &'a str,
}

impl Death<'_> {
    #[track_caller]
    fn check(&self, name: &str, end: impl Fn(&Teu)) {
        let teu = Teu::with_busybox(name);
        for round in 0..times() {
            teu.ok(&format!("run -d --name a --network none {}", self.run));
            end(&teu);
            teu.ok("wait a");
            self.is_told(&teu, round);
        }
    }

    #[track_caller]
    fn is_told(&self, teu: &Teu, round: usize) {
        let told = teu.ok("why a");
        assert!(told.starts_with(self.sentence), "{round}: {} begins:\n{told}", self.sentence);
        for part in self.told {
            assert!(told.contains(part), "{round}: {part} in:\n{told}");
        }
        assert_eq!(teu.ok("why"), told, "{round}: the last one without a name");
        assert_eq!(state(teu), format!("exited {}", self.state), "{round}");
        teu.ok("rm a");
    }
}

fn state(teu: &Teu) -> String {
    let fields = ["Status", "ExitCode", "OOMKilled", "Error"];
    let format: Vec<String> = fields.iter().map(|name| format!("{{{{.State.{name}}}}}")).collect();
    teu.ok(&format!("inspect -f '{}' a", format.join(" "))).trim_end().to_string()
}

fn by_itself(_: &Teu) {}

#[test]
fn of_its_own_with_0() {
    let sentence = "a ended by itself, with 0: all went well.";
    Death { run: "busybox true", sentence, told: &[], state: "0 false" }
        .check("death-0", by_itself);
}

#[test]
fn of_its_own_with_3() {
    let told = &["last words", "teu logs a"];
    let run = "busybox sh -c 'echo last words; exit 3'";
    Death { run, sentence: "a ended by itself, with 3.", told, state: "3 false" }
        .check("death-3", by_itself);
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
    let run = format!("run --name a --network none -v {}:/crash busybox /crash", crasher(&teu));
    let sentence = "a crashed: SIGSEGV, memory that it may not touch";
    for round in 0..times() {
        let told = teu.fails(139, &run);
        assert!(told.contains(sentence), "{told}");
        Death { run: "", sentence, told: &["signal"], state: "139 false" }.is_told(&teu, round);
    }
}

#[test]
fn an_abort_with_a_core() {
    // In a namespace of its own a first process does not die of its own SIGABRT.
    let run = "--pid host --ulimit core=-1:-1 -w / busybox sh -c 'kill -ABRT $$'";
    let pattern = std::fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap();
    let is_file = !pattern.starts_with(['|', '/', '@']);
    let sentence = match is_file {
        true => "a crashed: SIGABRT, it gave up by abort(), and left a core.",
        false => "a crashed: SIGABRT, it gave up by abort()",
    };
    Death { run, sentence, told: &["134"], state: "134 false" }.check("death-core", by_itself);
}

#[test]
fn an_abort_of_a_child() {
    let run = "--init busybox sh -c 'kill -ABRT $$'";
    let sentence = "a ended by itself with 134, as a program does whose child was ended by SIGABRT";
    Death { run, sentence, told: &[], state: "134 false" }.check("death-abort", by_itself);
}

#[test]
fn by_kill() {
    let kill = |teu: &Teu| drop(teu.ok("kill a"));
    let sentence = "a was ended by `teu kill`, which sent SIGKILL.";
    let told = &["SIGKILL by teu kill at"];
    Death { run: "busybox sleep 99", sentence, told, state: "137 false" }.check("death-kill", kill);
}

#[test]
fn by_stop_after_its_time() {
    let stop = |teu: &Teu| drop(teu.ok("stop -t 1 a"));
    let sentence = "a did not end within 1 second of SIGTERM, so `teu stop` killed it.";
    Death { run: "busybox sleep 99", sentence, told: &["--init"], state: "137 false" }
        .check("death-stop", stop);
}

#[test]
fn by_stop_which_it_obeyed() {
    let polite = |teu: &Teu| {
        until("its trap is set", || teu.ok("logs a").contains("ready").then_some(()));
        teu.ok("stop a");
    };
    let run = "busybox sh -c 'trap \"exit 5\" TERM; echo ready; while :; do sleep 0.05; done'";
    let sentence = "a ended with 5 after `teu stop` had sent SIGTERM.";
    Death { run, sentence, told: &[], state: "5 false" }.check("death-polite", polite);
}

#[test]
fn out_of_memory() {
    let teu = Teu::with_busybox("death-oom");
    let death = Death {
        run: "",
        sentence: "a was killed by the kernel: its memory limit of 16MiB was used up (tail held",
        // Of many kills in a row the kernel tells the victim only (ratelimit of mm/oom_kill.c).
        told: match times() > 10 {
            true => &["Killed process", "-m 32MiB"],
            false => &["memory: usage", "Killed process", "oom_score_adj", "-m 32MiB"],
        },
        state: "137 true",
    };
    for round in 0..times() {
        let told = teu.fails(137, "run --name a -m 16m --network none busybox tail /dev/zero");
        assert!(told.contains("its memory limit of 16MiB was used up"), "{told}");
        death.is_told(&teu, round);
    }
}

#[test]
fn a_child_out_of_memory() {
    let run = "-m 16m busybox sh -c 'tail /dev/zero; exit 7'";
    let sentence = "a ended with 7 after the kernel had killed one of its processes";
    let told = &["its memory limit of 16MiB was used up.", "-m 32MiB"];
    Death { run, sentence, told, state: "7 true" }.check("death-oom-child", by_itself);
}

#[test]
fn a_forbidden_call() {
    let teu = Teu::with_busybox("death-seccomp");
    let profile = teu.scratch().join("profile.json");
    let text = r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["sync"],"action":"SCMP_ACT_KILL_PROCESS"}]}"#;
    std::fs::write(&profile, text).unwrap();
    let option = format!("--security-opt seccomp={}", profile.display());
    let sentence =
        "a was killed by SIGSYS: it made a system call that its seccomp profile forbids.";
    for round in 0..times() {
        teu.fails(159, &format!("run --name a --network none {option} busybox sync"));
        let told = &["seccomp=unconfined"];
        Death { run: "", sentence, told, state: "159 false" }.is_told(&teu, round);
    }
}

#[test]
fn by_its_health_check() {
    let flags = "--health-cmd false --health-interval 50ms --health-retries 2";
    let run = format!("{flags} --health-on-failure kill busybox sleep 99");
    let sentence = "a was killed because its health check failed.";
    Death { run: &run, sentence, told: &["State.Health"], state: "137 false" }
        .check("death-health", by_itself);
}

#[test]
fn from_outside() {
    let kill = |teu: &Teu| drop(shell(&format!("kill -KILL {}", teu.pid("a"))));
    let sentence = "a was ended by SIGKILL from outside";
    Death { run: "busybox sleep 99", sentence, told: &["another user"], state: "137 false" }
        .check("death-outside", kill);
}

#[test]
fn the_machine_was_restarted() {
    let teu = Teu::with_busybox("death-reboot").with_own_etc();
    let sentence = "a ended because the machine was restarted.";
    let state = "255 false the machine was restarted";
    for round in 0..times() {
        teu.ok("run -d --name a --network none busybox sleep 99");
        reboot(&teu, &["a"], round);
        Death { run: "", sentence, told: &["teu boot"], state }.is_told(&teu, round);
    }
}

#[test]
fn the_fourteen_failed_starts() {
    let teu = Teu::with_busybox("death-start").elsewhere();
    let m = files(&teu);
    let here = teu.scratch().join("n");
    let n = here.display();
    teu.place().shell(&format!(
        "mkdir {n}; mount -t tmpfs -o noexec n {n}; cp /bin/busybox {n}/busybox
         mkdir -p {m}/lib64 {m}/bin; cp -L /lib64/ld-linux-x86-64.so.2 {m}/lib64; cp /bin/bash {m}/bin"
    ));
    let at = |flags: String, program: &str| format!("{flags} busybox {program}");
    let mut starts: Vec<(&str, String, i32, Vec<&str>)> = FAILURES
        .iter()
        .map(|(what, program, code, words)| {
            (*what, at(format!("-v {m}:/m"), program), *code, words.to_vec())
        })
        .collect();
    let noexec = at(format!("-v {n}:/n"), "/n/busybox");
    starts.push((
        "a mount that forbids programs",
        noexec,
        126,
        vec!["permission denied", "noexec"],
    ));
    starts.push(("unknown user", at("-u nobody-here".into(), "true"), 125, vec!["nobody-here"]));
    assert_eq!(starts.len(), 13);
    let library = at(format!("-v {m}/lib64:/lib64:ro -v {m}/bin:/m:ro"), "/m/bash");
    for round in 0..times() {
        for (what, words, code, parts) in &starts {
            teu.fails(*code, &format!("run --name a --network none {words}"));
            let told = teu.ok("why a");
            assert!(told.starts_with("a could not be started: "), "{round}, {what}: {told}");
            for part in parts {
                assert!(told.contains(part), "{round}, {what}: {part} in:\n{told}");
            }
            // docker records 128 for one that could not be made.
            let code = if *code == 125 { 128 } else { *code };
            let state = state(&teu);
            assert!(state.starts_with(&format!("created {code} false ")), "{what}: {state}");
            assert!(parts.iter().any(|part| state.contains(part)), "{what}: {state}");
            teu.ok("rm a");
        }
        teu.fails(127, &format!("run --name a --network none {library}"));
        let sentence = "a ended by itself, with 127: ";
        Death { run: "", sentence, told: &["libtinfo.so.6"], state: "127 false" }
            .is_told(&teu, round);
    }
}
