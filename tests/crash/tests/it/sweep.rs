//! Each verb, killed at its system calls.

use crate::bench::{Bench, Victim, publish};
use crate::leaks;
use std::time::{SystemTime, UNIX_EPOCH};
use teu_testkit::{Need, Registry, RegistryOptions, have};

/// Beyond this many system calls a verb is held to have no end.
const CALLS_MAX: u32 = 5_000;
/// Points of each verb and victim in a sample.
const SAMPLE: u32 = 8;

/// What is done before the kill, and the verb, which must succeed when it is typed again.
struct Case {
    before: Vec<&'static str>,
    verb: String,
}

fn case(before: &[&'static str], verb: &str) -> Case {
    Case { before: before.to_vec(), verb: verb.to_string() }
}

#[test]
fn run() {
    sweep("run", Victim::Command, |_| case(&[], "run --rm box true"));
}

#[test]
fn run_and_its_monitor() {
    sweep("run-all", Victim::All, |_| case(&[], "run --rm box true"));
}

// Whoever traces a monitor waits for its end: what is detached is short.
#[test]
fn run_detached_and_its_monitor() {
    sweep("rund", Victim::All, |_| case(&[], "run -d box sleep 1"));
}

#[test]
fn create() {
    sweep("create", Victim::Command, |_| case(&[], "create box true"));
}

#[test]
fn start() {
    sweep("start", Victim::Command, |_| case(&["create --name c1 box sleep 60"], "start c1"));
}

#[test]
fn start_and_its_monitor() {
    sweep("start-all", Victim::All, |_| case(&["create --name c1 box sleep 1"], "start c1"));
}

#[test]
fn exec() {
    sweep("exec", Victim::Command, |_| case(&["run -d --name c1 box sleep 60"], "exec c1 true"));
}

#[test]
fn remove() {
    sweep("rm", Victim::Command, |_| case(&["run -d --name c1 box sleep 60"], "rm -f c1"));
}

#[test]
fn after_exit() {
    sweep("after", Victim::Command, |_| {
        case(&["run -d --name c1 box sleep 60", "(its end is seen by nobody)"], "after-exit (c1)")
    });
}

#[test]
fn pull() {
    if !have(Need::Program("docker-registry")) {
        return;
    }
    let registry = Registry::start(RegistryOptions::default());
    let name = publish(&registry);
    let gone = Box::leak(format!("rmi -f {name}").into_boxed_str());
    sweep("pull", Victim::Command, |_| case(&[gone], &format!("pull {name}")));
}

#[track_caller]
fn sweep(name: &str, victim: Victim, case: impl FnOnce(&Bench) -> Case) {
    if !have(Need::Root) || !have(Need::Program("strace")) {
        return;
    }
    let bench = Bench::new(&format!("crash-{name}"));
    let case = case(&bench);
    let mut points = 0;
    for n in counts(&bench, &case, victim) {
        points += 1;
        let killed = once(&bench, &case, victim, n);
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
    for words in &case.before {
        match words.strip_prefix('(') {
            Some(_) => bench.end_unseen("c1"),
            None => bench.prepare(&split(words)),
        }
    }
    let verb = match case.verb.contains("(c1)") {
        true => case.verb.replace("(c1)", &bench.must(&["ps", "-aq", "--no-trunc"])),
        false => case.verb.clone(),
    };
    let killed = bench.killed(&split(&verb), victim, n);
    let listed = bench.must(&["ps", "-aq"]);
    // What was to be removed may be gone: then the verb has come through.
    if !(case.verb.starts_with("rm ") && listed.is_empty()) {
        bench.must(&split(&verb));
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

fn split(words: &str) -> Vec<&str> {
    words.split(' ').collect()
}
