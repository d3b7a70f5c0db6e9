//! Many rounds on one state root: a random verb, killed at a random one of its system calls, or a monitor
//! killed at a random moment; what the last round left is what the next one finds.
//!
//! `TEU_CRASH_ROUNDS` says how many (500), `TEU_CRASH_SECONDS` how long at most (180), `TEU_SEED` repeats a run.

use crate::bench::{Bench, Point, Victim};
use crate::leaks;
use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use teu_testkit::{Need, have};

/// After so many rounds all is removed, and nothing may be left.
const BATCH: u32 = 10;

/// No verb here takes as long, even when it is watched.
const HANGS: Duration = Duration::from_secs(50);

/// What the container `c1` must be before a verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    Nothing,
    Created,
    Runs,
    Paused,
    Ended,
    /// It runs, and has a file `/mark`.
    Marked,
}

/// A verb. `FILE` stands for a file on the host, `MARK` for the number of the round.
struct Step {
    before: Before,
    victim: Victim,
    verb: &'static str,
    /// Once it came through, this shows the mark.
    promise: Option<&'static str>,
}

const fn step(before: Before, verb: &'static str) -> Step {
    Step { before, victim: Victim::Command, verb, promise: None }
}

const fn with_monitor(before: Before, verb: &'static str) -> Step {
    Step { before, victim: Victim::All, verb, promise: None }
}

const fn promising(before: Before, verb: &'static str, promise: &'static str) -> Step {
    Step { before, victim: Victim::Command, verb, promise: Some(promise) }
}

const STEPS: &[Step] = &[
    step(Before::Nothing, "run --rm --network none box true"),
    with_monitor(Before::Nothing, "run --rm box true"),
    with_monitor(Before::Nothing, "run --name c1 box sleep 0.1"),
    step(Before::Nothing, "run -d --name c1 box sleep 100"),
    step(Before::Nothing, "create --name c1 box true"),
    step(Before::Created, "start c1"),
    step(Before::Created, "start -a c1"),
    step(Before::Created, "rename c1 c2"),
    step(Before::Created, "rm c1"),
    step(Before::Runs, "stop -t 1 c1"),
    step(Before::Runs, "kill c1"),
    step(Before::Runs, "restart -t 0 c1"),
    step(Before::Runs, "pause c1"),
    step(Before::Paused, "unpause c1"),
    step(Before::Paused, "rm -f c1"),
    step(Before::Runs, "exec c1 true"),
    step(Before::Runs, "exec -d c1 sleep 1"),
    step(Before::Runs, "update --cpus 0.5 c1"),
    step(Before::Runs, "rename c1 c3"),
    step(Before::Runs, "rm -f c1"),
    step(Before::Runs, "top c1"),
    step(Before::Runs, "stats --no-stream c1"),
    step(Before::Marked, "diff c1"),
    step(Before::Marked, "export -o FILE.out c1"),
    step(Before::Ended, "start c1"),
    step(Before::Ended, "logs c1"),
    step(Before::Ended, "rm -v c1"),
    step(Before::Ended, "container prune -f"),
    step(Before::Ended, "system prune -f"),
    promising(Before::Runs, "cp FILE c1:/mark", "exec c1 cat /mark"),
    promising(Before::Ended, "cp FILE c1:/mark", "cp c1:/mark -"),
    promising(Before::Marked, "commit c1 kept:MARK", "run --rm --network none kept:MARK cat /mark"),
    promising(Before::Marked, "cp c1:/mark FILE.out", "exec c1 cat /mark"),
    step(Before::Nothing, "volume create v1"),
    step(Before::Nothing, "volume rm -f v1"),
    promising(
        Before::Nothing,
        "run --rm --network none -v v1:/v -v FILE:/from box sh -c 'cat /from >/v/mark'",
        "run --rm --network none -v v1:/v box cat /v/mark",
    ),
    step(Before::Nothing, "tag box other"),
    step(Before::Nothing, "rmi -f other"),
];

#[test]
fn random_rounds() {
    if !have(Need::Root) || !have(Need::Program("strace")) {
        return;
    }
    let mut player = Player::new();
    let rounds = number("TEU_CRASH_ROUNDS", 500);
    let deadline = Instant::now() + Duration::from_secs(number("TEU_CRASH_SECONDS", 180).into());
    let steps: Vec<&Step> = STEPS.iter().filter(|step| player.knows(step)).collect();
    let mut done = 0;
    while done < rounds && Instant::now() < deadline {
        done += 1;
        let step = steps[player.below(steps.len())];
        player.round(step, done);
        if done % BATCH == 0 {
            player.sweep();
        }
    }
    player.sweep();
    println!(
        "random: {done} rounds of {} verbs, {} killed, {} monitors killed, {} promises kept",
        steps.len(),
        player.killed,
        player.monitors,
        player.kept
    );
    assert!(player.killed > done / 8, "hardly anything was killed");
}

struct Player {
    bench: Bench,
    random: u64,
    points: BTreeMap<&'static str, Vec<Point>>,
    /// What was done in this batch: told when something is wrong.
    story: Vec<String>,
    killed: u32,
    monitors: u32,
    kept: u32,
}

impl Player {
    fn new() -> Player {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let seed = std::env::var("TEU_SEED").ok().and_then(|text| text.parse().ok());
        let random = seed.unwrap_or(now.as_nanos() as u64);
        println!("TEU_SEED={random}");
        let bench = Bench::new("crash-random");
        bench.must(&["run", "--rm", "box", "true"]);
        let points = BTreeMap::new();
        Player { bench, random, points, story: Vec::new(), killed: 0, monitors: 0, kept: 0 }
    }

    fn below(&mut self, count: usize) -> usize {
        const FACTOR: u64 = 6_364_136_223_846_793_005;
        self.random = self.random.wrapping_mul(FACTOR).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) as usize % count.max(1)
    }

    /// Whether this teu has the verb.
    fn knows(&self, step: &Step) -> bool {
        let line = if step.verb.contains("v1:") { "volume create" } else { step.verb };
        let words: Vec<&str> = line.split(' ').collect();
        let has_two = matches!(words[0], "volume" | "container" | "system");
        let verb = &words[..if has_two { 2 } else { 1 }];
        let help = self.bench.teu(&[verb, &["--help"]].concat());
        let known =
            String::from_utf8_lossy(&help.stdout).contains(&format!("teu {}", verb.join(" ")));
        if !known {
            println!("random: there is no {} yet", verb.join(" "));
        }
        known
    }

    fn round(&mut self, step: &Step, number: u32) {
        self.before(step.before, number);
        let file = self.bench.root.join("mark");
        std::fs::write(&file, format!("mark {number}\n")).expect("a file of our own");
        let fill = |line: &str| -> Vec<String> {
            let words = teu_testkit::teu::words(line);
            let file = file.display().to_string();
            let filled = words.iter().map(|word| word.replace("FILE", &file));
            filled.map(|word| word.replace("MARK", &number.to_string())).collect()
        };
        let words = fill(step.verb);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let came_through = match self.points.get(step.verb) {
            // The first time it is watched, and must come through.
            None => {
                self.story.push(step.verb.to_string());
                let points = self.bench.points(&words, step.victim);
                self.points.insert(step.verb, points);
                true
            }
            Some(points) => {
                let points = points.clone();
                let point = &points[self.below(points.len())];
                self.story.push(format!("{} (killed at {point})", step.verb));
                let began = Instant::now();
                let killed = self.bench.killed(&words, step.victim, point);
                assert!(began.elapsed() < HANGS, "this hung:{}", self.told());
                self.killed += u32::from(killed);
                !killed
            }
        };
        self.must(&["ps", "-a"]);
        if let Some(promise) = step.promise.filter(|_| came_through) {
            if self.below(2) == 0 {
                self.kill_monitor();
            }
            if step.before != Before::Nothing && promise.starts_with("exec") {
                // A monitor's end may be the container's.
                self.bench.teu(&["start", "c1"]);
            }
            let words = fill(promise);
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let found = self.must(&words);
            assert!(found.contains(&format!("mark {number}")), "{found}{}", self.told());
            self.kept += 1;
        } else if self.below(6) == 0 {
            self.kill_monitor();
        }
    }

    fn before(&mut self, before: Before, number: u32) {
        if before == Before::Nothing && self.below(2) == 0 {
            // What is there stays, beside what will come; only its name must be free.
            self.bench.teu(&["rename", "c1", &format!("c1-{number}")]);
        }
        for name in ["c1", "c2", "c3"] {
            self.bench.teu(&["rm", "-f", name]);
        }
        match before {
            Before::Nothing => {}
            Before::Created => drop(self.must(&["create", "--name", "c1", "box", "true"])),
            Before::Ended => {
                self.must(&["run", "--name", "c1", "--network", "none", "box", "true"]);
            }
            Before::Runs | Before::Paused | Before::Marked => {
                let script = format!("echo mark {number} >/mark; exec sleep 100");
                self.must(&["run", "-d", "--name", "c1", "box", "sh", "-c", &script]);
                if before == Before::Paused {
                    self.must(&["pause", "c1"]);
                }
                if before == Before::Marked {
                    self.must(&["exec", "c1", "sh", "-c", "until test -s /mark; do :; done"]);
                }
            }
        }
    }

    /// The monitor of whatever runs is killed.
    fn kill_monitor(&mut self) {
        let ids = self.must(&["ps", "-q", "--no-trunc"]);
        let ids: Vec<&str> = ids.lines().collect();
        let Some(id) = ids.get(self.below(ids.len())) else { return };
        let mut command = std::process::Command::new("pkill");
        if command.args(["-KILL", "-f", id]).status().is_ok_and(|status| status.success()) {
            self.story.push("(a monitor was killed)".to_string());
            self.monitors += 1;
        }
        self.must(&["ps", "-a"]);
    }

    /// Everything is removed, and nothing may be left.
    fn sweep(&mut self) {
        for id in self.must(&["ps", "-aq", "--no-trunc"]).lines() {
            self.must(&["rm", "-f", "-v", id]);
        }
        self.bench.teu(&["volume", "rm", "-f", "v1"]);
        let images = self.must(&["images", "--format", "{{.Repository}}:{{.Tag}}", "kept"]);
        for image in images.lines() {
            self.must(&["rmi", "-f", image]);
        }
        // Some of what was killed only says what is unfinished when it is asked.
        self.bench.teu(&["fsck", "--repair"]);
        self.must(&["fsck"]);
        let left = leaks::left(self.bench.root());
        assert!(left.is_empty(), "this is left:\n{}{}", left.join("\n"), self.told());
        self.story.clear();
    }

    fn must(&self, words: &[&str]) -> String {
        let output = self.bench.teu(words);
        let told = String::from_utf8_lossy(&output.stderr);
        let words = words.join(" ");
        assert!(output.status.success(), "teu {words}: {} {told}{}", output.status, self.told());
        String::from_utf8_lossy(&output.stdout).trim().to_string()
    }

    fn told(&self) -> String {
        format!("\nsince the last sweep:\n  {}", self.story.join("\n  "))
    }
}

fn number(name: &str, otherwise: u32) -> u32 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}
