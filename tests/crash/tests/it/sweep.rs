//! Each verb, killed at its system calls.

use crate::bench::{Bench, Point, Victim, publish};
use crate::leaks;
use std::time::{SystemTime, UNIX_EPOCH};
use teu_testkit::{Need, Registry, RegistryOptions, have};

/// Points of each verb and victim in a sample.
const SAMPLE: usize = 12;

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
fn export() {
    sweep("export", Victim::Command, |_| {
        case(&["run -d --name c1 box sleep 60"], "export -o /dev/null c1")
    });
}

#[test]
fn commit() {
    sweep("commit", Victim::Command, |_| {
        case(&["run -d --name c1 box sleep 60", "exec c1 busybox mkdir -p /new"], "commit c1 mine")
    });
}

#[test]
fn copy_in() {
    sweep("cp-in", Victim::Command, |_| {
        case(&["create --name c1 box true"], "cp /etc/passwd c1:/bin/x")
    });
}

#[test]
fn copy_out() {
    sweep("cp-out", Victim::Command, |_| {
        case(
            &["run -d --name c1 -v data:/d box sleep 60"],
            "cp c1:/bin/busybox /dev/shm/teu-crash-cp",
        )
    });
    std::fs::remove_file("/dev/shm/teu-crash-cp").unwrap_or(());
}

#[test]
fn volume_create() {
    sweep("volume-create", Victim::Command, |_| case(&["volume rm -f data"], "volume create data"));
}

#[test]
fn volume_remove() {
    sweep("volume-rm", Victim::Command, |_| case(&["volume create data"], "volume rm -f data"));
}

#[test]
fn run_with_volumes() {
    sweep("run-volumes", Victim::Command, |_| {
        case(&["volume rm -f data"], "run --rm -v data:/bin -v /other box true")
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
    // The first time is not like the others: the image's root is made.
    once(&bench, &case, |verb| drop(bench.must(verb)));
    let points = once(&bench, &case, |verb| bench.points(verb, victim));
    let chosen = sample(&points);
    let mut killed = 0;
    for point in &chosen {
        println!("{name}: at {point}");
        killed += u32::from(once(&bench, &case, |verb| bench.killed(verb, victim, point)));
    }
    println!("{name}: killed at {killed} of {} of its {} system calls", chosen.len(), points.len());
    assert!(killed > 0, "the verb was never killed");
}

/// The verb, done in one way or another, and all that must hold after it. What the way has told.
#[track_caller]
fn once<T>(bench: &Bench, case: &Case, way: impl FnOnce(&[&str]) -> T) -> T {
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
    let told = way(&split(&verb));
    let listed = bench.must(&["ps", "-aq"]);
    // What was to be removed may be gone: then the verb has come through.
    if !(case.verb.starts_with("rm ") && listed.is_empty()) {
        bench.must(&split(&verb));
    }
    for id in bench.must(&["ps", "-aq", "--no-trunc"]).lines() {
        bench.must(&["rm", "-f", id]);
    }
    let left = leaks::left(bench);
    assert!(left.is_empty(), "this is left:\n{}", left.join("\n"));
    told
}

/// All, or so many as a printed seed chooses.
fn sample(points: &[Point]) -> Vec<Point> {
    if std::env::var_os("TEU_CRASH").is_some_and(|value| value == "all") {
        return points.to_vec();
    }
    let seed = std::env::var("TEU_SEED").ok().and_then(|text| text.parse().ok());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut state: u64 = seed.unwrap_or(now.as_nanos() as u64);
    println!("TEU_SEED={state}");
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % points.len().max(1)
    };
    let mut chosen: Vec<usize> = (0..SAMPLE).map(|_| next()).collect();
    chosen.sort_unstable();
    chosen.dedup();
    chosen.into_iter().filter_map(|at| points.get(at).cloned()).collect()
}

fn split(words: &str) -> Vec<&str> {
    words.split(' ').collect()
}
