//! Load: many at once, many after another, much output. A small sample here; all of it with
//! `cargo xtask long load` (`TEU_LOAD=all`).

use crate::bench::Bench;
use crate::leaks;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use teu_testkit::teu::until;
use teu_testkit::{Need, have};

/// Files below /run of containers that were removed: 32 of them, a directory and three files each.
const REMEMBERED: usize = 32 * 4 + 2;

fn is_whole() -> bool {
    std::env::var_os("TEU_LOAD").is_some_and(|value| value == "all")
}

#[test]
fn load_many_at_once() {
    if !have(Need::Root) {
        return;
    }
    let count = if is_whole() { 300 } else { 30 };
    let bench = Bench::new("load-many");
    let began = Instant::now();
    std::thread::scope(|scope| {
        for part in 0..4 {
            let bench = &bench;
            scope.spawn(move || {
                for _ in (part..count).step_by(4) {
                    bench.must(&["run", "-d", "box", "sleep", "100000"]);
                }
            });
        }
    });
    let up = began.elapsed();
    let ids = bench.must(&["ps", "-q", "--no-trunc"]);
    let ids: Vec<&str> = ids.lines().collect();
    assert_eq!(ids.len(), count);
    // The second time: the first finds the program cold.
    let timed = |words: &[&str]| {
        bench.must(words);
        let began = Instant::now();
        bench.must(words);
        began.elapsed()
    };
    let exec = timed(&["exec", ids[count / 2], "true"]);
    let ps = timed(&["ps"]);
    let stats = timed(&["stats", "--no-stream"]);
    let monitors: u64 = ids.iter().map(|id| private_kib(id)).sum();
    println!(
        "load: {count} at once: up in {up:.1?}, one exec {exec:.1?}, ps {ps:.1?}, stats {stats:.1?}, \
         {} KiB private a monitor",
        monitors / count as u64
    );
    assert!(exec < Duration::from_secs(5), "an exec beside {count} took {exec:?}");
    for some in ids.chunks(50) {
        bench.must(&[&["rm", "-f"], some].concat());
    }
    let left = leaks::left(&bench);
    assert!(left.is_empty(), "this is left:\n{}", left.join("\n"));
}

#[test]
fn load_cycles_leave_nothing() {
    if !have(Need::Root) {
        return;
    }
    let cycles = if is_whole() { 5_000 } else { 50 };
    let bench = Bench::new("load-cycles");
    let cycle = || {
        bench.must(&["create", "--name", "c1", "box", "true"]);
        bench.must(&["start", "-a", "c1"]);
        bench.must(&["rm", "c1"]);
    };
    // The first makes what stays: the network, the image's root.
    cycle();
    let before = (files(bench.root()) + files(&bench.run), mounts(&bench));
    let began = Instant::now();
    (0..cycles).for_each(|_| cycle());
    let took = began.elapsed();
    let left = leaks::left(&bench);
    assert!(left.is_empty(), "this is left:\n{}", left.join("\n"));
    let after = (files(bench.root()) + files(&bench.run), mounts(&bench));
    println!(
        "load: {cycles} cycles in {took:.0?}; files {} then {}, mounts {} then {}",
        before.0, after.0, before.1, after.1
    );
    // The log of events grows in lines, not in files; a few containers that went are remembered.
    assert!(after.0 <= before.0 + REMEMBERED, "files: {} became {}", before.0, after.0);
    assert_eq!(after.1, before.1, "mounts");
}

#[test]
fn load_output_blocks_nobody() {
    if !have(Need::Root) {
        return;
    }
    let seconds = if is_whole() { 60 } else { 5 };
    let bench = Bench::new("load-output");
    // As fast as it goes; limited by nothing but the log.
    let options =
        ["run", "-d", "--log-opt", "max-size=50m", "--log-opt", "max-file=2", "--network", "none"];
    let known =
        bench.teu(&["run", "--log-opt", "max-size=1m", "--rm", "box", "true"]).status.success();
    let options = if known { &options[..] } else { &["run", "-d", "--network", "none"][..] };
    let loud =
        bench.must(&[options, &["box", "sh", "-c", "while :; do cat /bin/busybox; done"]].concat());
    let quiet = bench.must(&["run", "-d", "box", "sleep", "100000"]);
    let (began, written_before) = (Instant::now(), written(&loud));
    let mut worst = Duration::ZERO;
    let mut memory = Vec::new();
    let deadline = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < deadline {
        let began = Instant::now();
        bench.must(&["exec", &quiet, "true"]);
        worst = worst.max(began.elapsed());
        memory.push(private_kib(&loud));
        std::thread::sleep(Duration::from_millis(200));
    }
    let (first, last) = (memory[memory.len() / 4], memory[memory.len() - 1]);
    let rate = (written(&loud) - written_before) as f64 / 1e6 / began.elapsed().as_secs_f64();
    println!(
        "load: {seconds} s of output, {rate:.0} MB/s written: worst exec beside it {worst:.1?}, \
         its monitor {first} then {last} KiB"
    );
    assert!(worst < Duration::from_secs(10), "an exec waited {worst:?}");
    assert!(last < first + 4096, "the monitor grew from {first} to {last} KiB");
    bench.must(&["rm", "-f", &loud, &quiet]);
    until("nothing is left", || leaks::left(&bench).is_empty().then_some(()));
}

/// The monitor's process, whose command line names the container.
fn monitor_of(id: &str) -> String {
    let output = Command::new("pgrep").args(["-f", id]).stdin(Stdio::null()).output();
    String::from_utf8_lossy(&output.expect("procps").stdout).into_owned()
}

/// The bytes that a monitor has written so far.
fn written(id: &str) -> u64 {
    let of = |pid: &str| -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{pid}/io")).unwrap_or_default();
        let count = text.lines().find_map(|line| line.strip_prefix("wchar: "));
        count.and_then(|count| count.parse().ok()).unwrap_or(0)
    };
    monitor_of(id).lines().map(of).sum()
}

/// Memory that only a monitor has.
fn private_kib(id: &str) -> u64 {
    let pids = monitor_of(id);
    let of = |pid: &str| -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
        let lines = text.lines().filter(|line| line.starts_with("Private_"));
        lines.filter_map(|line| line.split_ascii_whitespace().nth(1)?.parse::<u64>().ok()).sum()
    };
    pids.lines().map(of).sum()
}

fn files(root: &Path) -> usize {
    let output = Command::new("find").arg(root).output().expect("find");
    output.stdout.iter().filter(|byte| **byte == b'\n').count()
}

/// Mounts of this process's namespace that are this root's.
fn mounts(bench: &Bench) -> usize {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let run = bench.run.to_string_lossy();
    mounts.lines().filter(|line| line.contains(&*run)).count()
}
