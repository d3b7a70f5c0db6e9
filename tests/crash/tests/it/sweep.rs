//! Each verb, killed at its system calls.

use crate::bench::{Bench, Victim};
use crate::leaks;
use std::time::{SystemTime, UNIX_EPOCH};
use teu_testkit::{Need, have};

/// Beyond this many system calls a verb is held to have no end.
const CALLS_MAX: u32 = 5_000;
/// Points of each verb and victim in a sample.
const SAMPLE: u32 = 8;

/// What is done before the kill, the verb, and what is done to have it succeed again.
struct Case {
    before: &'static [&'static [&'static str]],
    verb: &'static [&'static str],
    /// The same verb may have come through, and then has nothing more to do.
    again: &'static [&'static str],
}

const RUN: Case = Case {
    before: &[],
    verb: &["run", "--rm", "box", "true"],
    again: &["run", "--rm", "box", "true"],
};
const RUN_DETACHED: Case = Case {
    before: &[],
    verb: &["run", "-d", "box", "sleep", "1"],
    again: &["run", "-d", "box", "sleep", "60"],
};
const CREATE: Case =
    Case { before: &[], verb: &["create", "box", "true"], again: &["create", "box", "true"] };
const START: Case = Case {
    before: &[&["create", "--name", "c1", "box", "sleep", "60"]],
    verb: &["start", "c1"],
    again: &["start", "c1"],
};
/// Shorter: who traces the monitor waits for its end.
const START_SHORT: Case = Case {
    before: &[&["create", "--name", "c1", "box", "sleep", "1"]],
    verb: &["start", "c1"],
    again: &["start", "c1"],
};
const EXEC: Case = Case {
    before: &[&["run", "-d", "--name", "c1", "box", "sleep", "60"]],
    verb: &["exec", "c1", "true"],
    again: &["exec", "c1", "true"],
};
const REMOVE: Case = Case {
    before: &[&["run", "-d", "--name", "c1", "box", "sleep", "60"]],
    verb: &["rm", "-f", "c1"],
    again: &["rm", "-f", "c1"],
};

#[test]
fn run() {
    sweep("run", &RUN, Victim::Command);
}

#[test]
fn run_and_its_monitor() {
    sweep("run-all", &RUN, Victim::All);
}

#[test]
fn run_detached_and_its_monitor() {
    sweep("rund", &RUN_DETACHED, Victim::All);
}

#[test]
fn create() {
    sweep("create", &CREATE, Victim::Command);
}

#[test]
fn start() {
    sweep("start", &START, Victim::Command);
}

#[test]
fn start_and_its_monitor() {
    sweep("start-all", &START_SHORT, Victim::All);
}

#[test]
fn exec() {
    sweep("exec", &EXEC, Victim::Command);
}

#[test]
fn remove() {
    sweep("rm", &REMOVE, Victim::Command);
}

#[track_caller]
fn sweep(name: &str, case: &Case, victim: Victim) {
    if !have(Need::Root) || !have(Need::Program("strace")) {
        return;
    }
    let bench = Bench::new(&format!("crash-{name}"));
    let mut points = 0;
    for n in counts(&bench, case, victim) {
        points += 1;
        let killed = once(&bench, case, victim, n);
        if !killed {
            break;
        }
    }
    println!("{name}: killed at {points} system calls");
    assert!(points > 1, "the verb was never killed");
}

/// One kill and all that must hold after it. False when the verb came through unharmed.
#[track_caller]
fn once(bench: &Bench, case: &Case, victim: Victim, n: u32) -> bool {
    for words in case.before {
        bench.must(words);
    }
    let killed = bench.killed(case.verb, victim, n);
    bench.must(&["ps", "-a"]);
    let removed = case.verb[0] == "rm" && !bench.must(&["ps", "-aq"]).lines().any(|_| true);
    if !removed {
        bench.must(case.again);
    }
    for id in bench.must(&["ps", "-aq", "--no-trunc"]).lines() {
        bench.must(&["rm", "-f", id]);
    }
    let left = leaks::left(bench.root());
    assert!(left.is_empty(), "killed at system call {n}, this is left:\n{}", left.join("\n"));
    killed
}

/// Every count, or a sample of those the verb has.
fn counts(bench: &Bench, case: &Case, victim: Victim) -> Vec<u32> {
    if std::env::var_os("TEU_CRASH").is_some_and(|value| value == "all") {
        return (1..CALLS_MAX).collect();
    }
    let seed = std::env::var("TEU_SEED").ok().and_then(|text| text.parse().ok());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut state: u64 = seed.unwrap_or(now.as_nanos() as u64);
    println!("TEU_SEED={state}");
    let calls = length(bench, case, victim);
    let mut counts: Vec<u32> = (0..SAMPLE)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            1 + u32::try_from(state >> 33).unwrap_or(0) % calls
        })
        .collect();
    counts.sort_unstable();
    counts
}

/// How many system calls the verb has, by halving: it comes through where the count lies beyond.
fn length(bench: &Bench, case: &Case, victim: Victim) -> u32 {
    let (mut killed, mut through) = (1, CALLS_MAX);
    while through - killed > through / 8 {
        let middle = killed.midpoint(through);
        if once(bench, case, victim, middle) { killed = middle } else { through = middle }
    }
    killed
}
