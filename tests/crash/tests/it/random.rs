//! Many rounds on one state root: a random verb, killed at a random one of its system calls, or a monitor
//! killed at a random moment; what the last round left is what the next one finds.
//!
//! ```text
//!  round ─► killed ─► `ps` ─► typed again where it promises something ─► fsck, repaired where it must be
//!    ▲                                                                 ─► nothing on the machine is nobody's
//!    └── ten of them ─► every promise of them is kept ─► all is removed ─► nothing is left
//! ```
//! `TEU_CRASH_ROUNDS` says how many (500, by four players with a root each), `TEU_CRASH_SECONDS` how long at
//! most, `TEU_SEED` repeats a run.

use crate::bench::{Bench, Point, Victim};
use crate::leaks;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use teu_testkit::{Need, have};

/// After so many rounds all is removed, and nothing may be left.
const BATCH: u32 = 10;

/// Each has a root of its own, and a share of the rounds; the test program runs two at a time.
const PLAYERS: u32 = 4;

/// No verb here takes as long, even when it is watched.
const HANGS: Duration = Duration::from_secs(50);

/// What the container `k1` must be before a verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    Nothing,
    Created,
    Runs,
    Paused,
    Ended,
    /// It runs, and has a file `/mark`.
    Marked,
    /// It runs, and ends soon.
    Ends,
}

/// A verb. `FILE` stands for a file on the host, `MARK` for the number of the round.
#[derive(Debug, PartialEq, Eq)]
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

// No name here is the beginning of an id: what is not there must not be found by it.
const STEPS: &[Step] = &[
    step(Before::Nothing, "run --rm --network none box true"),
    with_monitor(Before::Nothing, "run --rm box true"),
    with_monitor(Before::Nothing, "run --name k1 box sleep 0.1"),
    step(Before::Nothing, "run -d --name k1 box sleep 100"),
    step(Before::Nothing, "run -d --restart always --name k1 box true"),
    step(Before::Nothing, "create --name k1 box true"),
    step(Before::Created, "start k1"),
    step(Before::Created, "start -a k1"),
    step(Before::Created, "rename k1 k2"),
    step(Before::Created, "rm k1"),
    step(Before::Runs, "stop -t 1 k1"),
    step(Before::Runs, "kill k1"),
    step(Before::Runs, "restart -t 0 k1"),
    step(Before::Runs, "pause k1"),
    step(Before::Paused, "unpause k1"),
    step(Before::Paused, "rm -f k1"),
    step(Before::Ends, "attach k1"),
    step(Before::Ends, "wait k1"),
    step(Before::Ends, "logs -f k1"),
    step(Before::Runs, "exec k1 true"),
    step(Before::Runs, "exec -d k1 sleep 1"),
    step(Before::Runs, "update --cpus 0.5 k1"),
    step(Before::Runs, "update --restart unless-stopped k1"),
    step(Before::Runs, "rename k1 k3"),
    step(Before::Runs, "rm -f k1"),
    step(Before::Runs, "top k1"),
    step(Before::Runs, "stats --no-stream k1"),
    step(Before::Marked, "diff k1"),
    step(Before::Marked, "export -o FILE.out k1"),
    step(Before::Ended, "start k1"),
    step(Before::Ended, "logs k1"),
    step(Before::Ended, "rm -v k1"),
    step(Before::Ended, "container prune -f"),
    step(Before::Ended, "system prune -f"),
    step(Before::Ended, "system df"),
    step(Before::Runs, "fsck --repair"),
    step(Before::Ended, "boot"),
    promising(Before::Runs, "cp FILE k1:/mark", "cp k1:/mark -"),
    promising(Before::Created, "cp FILE k1:/mark", "cp k1:/mark -"),
    promising(Before::Marked, "commit k1 kept:MARK", "run --rm --network none kept:MARK cat /mark"),
    promising(Before::Marked, "cp k1:/mark FILE.out", "cp k1:/mark -"),
    promising(Before::Ended, "cp FILE k1:/mark", "cp k1:/mark -"),
    promising(
        Before::Nothing,
        "import FILE.tar kept:MARK",
        "run --rm kept:MARK /busybox cat /mark",
    ),
    promising(Before::Nothing, "volume import v-MARK FILE.tar", READ_VOLUME),
    promising(
        Before::Nothing,
        "run --rm --network none -v v-MARK:/v -v FILE:/from box sh -c 'cat /from >/v/mark'",
        READ_VOLUME,
    ),
    step(Before::Nothing, "volume create v1"),
    step(Before::Nothing, "volume rm -f v1"),
    step(Before::Nothing, "volume export v1 -o FILE.out"),
    step(Before::Nothing, "volume prune -f"),
    step(Before::Nothing, "image prune -f"),
    step(Before::Nothing, "tag box other"),
    step(Before::Nothing, "rmi -f other"),
];

const READ_VOLUME: &str = "run --rm --network none -v v-MARK:/v box cat /v/mark";

#[test]
fn random_rounds_1() {
    play(1);
}

#[test]
fn random_rounds_2() {
    play(2);
}

#[test]
fn random_rounds_3() {
    play(3);
}

#[test]
fn random_rounds_4() {
    play(4);
}

/// A player's share of the rounds.
fn play(number: u32) {
    if !have(Need::Root) || !have(Need::Program("strace")) {
        return;
    }
    let mut player = Player::new(number);
    let rounds = asked("TEU_CRASH_ROUNDS", 500).div_ceil(PLAYERS);
    let seconds = asked("TEU_CRASH_SECONDS", u32::MAX);
    let deadline = Instant::now() + Duration::from_secs(seconds.into());
    let mut done = 0;
    while done < rounds && Instant::now() < deadline {
        done += 1;
        let step = player.choose();
        player.round(step, done);
        if done % BATCH == 0 {
            player.sweep();
        }
    }
    player.sweep();
    println!(
        "random: player {number}: {done} rounds of {} verbs, {} killed, {} monitors killed, {} repaired, {} promises kept",
        STEPS.len(),
        player.killed,
        player.monitors,
        player.repaired,
        player.kept
    );
    assert!(player.killed > done / 3, "hardly anything was killed");
}

/// What was done and must stay until all is removed: the words that show it, and what they must show.
struct Promise {
    words: Vec<String>,
    mark: String,
    /// `container prune` may break it.
    is_of_container: bool,
}

/// The system calls of each verb: what one player has learned, all know.
static POINTS: Mutex<BTreeMap<&'static str, Vec<Point>>> = Mutex::new(BTreeMap::new());

struct Player {
    bench: Bench,
    random: u64,
    promises: Vec<Promise>,
    /// What was done in this batch: told when something is wrong.
    story: Vec<String>,
    killed: u32,
    monitors: u32,
    repaired: u32,
    kept: u32,
}

impl Player {
    fn new(number: u32) -> Player {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let seed = std::env::var("TEU_SEED").ok().and_then(|text| text.parse().ok());
        let seed: u64 = seed.unwrap_or(now.as_nanos() as u64);
        println!("TEU_SEED={seed}");
        let bench = Bench::new(&format!("crash-random-{number}"));
        let mut player = Player {
            bench,
            random: seed.wrapping_mul(2 * u64::from(number) + 1),
            promises: Vec::new(),
            story: Vec::new(),
            killed: 0,
            monitors: 0,
            repaired: 0,
            kept: 0,
        };
        player.below(1);
        player
    }

    fn below(&mut self, count: usize) -> usize {
        const FACTOR: u64 = 6_364_136_223_846_793_005;
        self.random = self.random.wrapping_mul(FACTOR).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) as usize % count.max(1)
    }

    /// Any step, those that promise something twice as often.
    fn choose(&mut self) -> &'static Step {
        let promising: Vec<&Step> = STEPS.iter().filter(|step| step.promise.is_some()).collect();
        match self.below(STEPS.len() + promising.len()) {
            at if at < STEPS.len() => &STEPS[at],
            at => promising[at - STEPS.len()],
        }
    }

    fn round(&mut self, step: &'static Step, number: u32) {
        self.before(step.before, number);
        let file = self.bench.root.join("mark");
        self.write(&file, number);
        let fill = |line: &str| -> Vec<String> {
            let words = teu_testkit::teu::words(line);
            let file = file.display().to_string();
            let filled = words.iter().map(|word| word.replace("FILE", &file));
            filled.map(|word| word.replace("MARK", &number.to_string())).collect()
        };
        let owned = fill(step.verb);
        let words: Vec<&str> = owned.iter().map(String::as_str).collect();
        if step.verb.starts_with("volume import") {
            self.must(&["volume", "create", words[2]]);
        }
        if step.verb.starts_with("volume export") {
            self.must(&["volume", "create", "v1"]);
        }
        if step.verb.contains("prune") {
            self.promises.retain(|promise| !promise.is_of_container);
        }
        let known = POINTS.lock().expect("nobody panics with it").get(step.verb).cloned();
        let came_through = match known {
            // The first time it is watched, and must come through; then as all others.
            None => {
                self.story.push(step.verb.to_string());
                match self.bench.watched(&words, step.victim) {
                    Ok(points) => {
                        POINTS.lock().expect("nobody panics with it").insert(step.verb, points);
                    }
                    // On a busy machine it had ended before.
                    Err(_) if step.before == Before::Ends => {}
                    Err(told) => panic!("{told}{}", self.told()),
                }
                true
            }
            Some(points) => {
                let point = &points[self.below(points.len())];
                self.story.push(format!("{} (killed at {point})", owned.join(" ")));
                let began = Instant::now();
                let killed = self.bench.killed(&words, step.victim, point);
                assert!(began.elapsed() < HANGS, "this hung:{}", self.told());
                self.killed += u32::from(killed);
                !killed
            }
        };
        self.must(&["ps", "-a"]);
        if let Some(promise) = step.promise {
            if !came_through {
                self.must(&words);
            }
            self.promise(fill(promise), number, step.before != Before::Nothing);
        }
        if self.below(6) == 0 {
            self.kill_monitor();
        }
        self.check();
    }

    /// It has come through: kept at once, and still when all is removed.
    fn promise(&mut self, mut words: Vec<String>, number: u32, is_of_container: bool) {
        let is_of_container = is_of_container && words[0] == "cp";
        if is_of_container {
            // Out of the way of what comes.
            let name = format!("kept-{number}");
            self.must(&["rename", "k1", &name]);
            words[1] = format!("{name}:/mark");
        }
        let promise = Promise { words, mark: format!("mark {number}\n"), is_of_container };
        self.keep(&promise);
        self.promises.push(promise);
    }

    fn keep(&mut self, promise: &Promise) {
        let words: Vec<&str> = promise.words.iter().map(String::as_str).collect();
        let output = self.bench.teu(&words);
        let (found, told) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(
            found.contains(&promise.mark),
            "teu {} shows no {:?} but {found} {told}{}",
            words.join(" "),
            promise.mark,
            self.told()
        );
        self.kept += 1;
    }

    /// All of it fits, perhaps after a repair, and nothing on the machine belongs to nobody.
    fn check(&mut self) {
        let output = self.bench.teu(&["fsck"]);
        if !output.status.success() {
            let told = String::from_utf8_lossy(&output.stdout).into_owned();
            self.story.push(format!("(fsck: {})", told.trim()));
            self.must(&["fsck", "--repair"]);
            self.must(&["fsck"]);
            self.repaired += 1;
        }
        let known = self.must(&["ps", "-aq", "--no-trunc"]);
        let known: Vec<String> = known.lines().map(str::to_string).collect();
        let strays = leaks::strays(&self.bench, &known);
        assert!(strays.is_empty(), "nobody's:\n{}{}", strays.join("\n"), self.told());
    }

    /// The files of a round: the mark, and a small image that has it.
    fn write(&self, file: &std::path::Path, number: u32) {
        std::fs::write(file, format!("mark {number}\n")).expect("a file of our own");
        let busybox = file.with_file_name("busybox");
        if !busybox.exists() {
            std::fs::copy("/bin/busybox", &busybox).expect("package busybox-static");
        }
        let made = std::process::Command::new("tar")
            .arg("-C")
            .arg(self.bench.root())
            .arg("-cf")
            .arg(file.with_extension("tar"))
            .args(["mark", "busybox"])
            .status();
        assert!(made.is_ok_and(|status| status.success()), "tar");
    }

    fn before(&mut self, before: Before, number: u32) {
        if before == Before::Nothing && self.below(2) == 0 {
            // What is there stays, beside what will come; only its name must be free.
            self.bench.teu(&["rename", "k1", &format!("k1-{number}")]);
        }
        self.bench.teu(&["rm", "-f", "k1", "k2", "k3"]);
        match before {
            Before::Nothing => {}
            Before::Created => drop(self.must(&["create", "--name", "k1", "box", "true"])),
            Before::Ended => {
                self.must(&["run", "--name", "k1", "--network", "none", "box", "true"]);
            }
            Before::Ends => {
                let words = ["run", "-d", "--name", "k1", "--network", "none", "box"];
                self.must(&[&words[..], &["sleep", "0.7"]].concat());
            }
            Before::Runs | Before::Paused | Before::Marked => {
                let script = format!("echo mark {number} >/mark; exec sleep 100");
                self.must(&["run", "-d", "--name", "k1", "box", "sh", "-c", &script]);
                if before == Before::Paused {
                    self.must(&["pause", "k1"]);
                }
                if before == Before::Marked {
                    self.must(&["exec", "k1", "sh", "-c", "until test -s /mark; do :; done"]);
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

    /// Every promise is kept; then everything is removed, and nothing may be left.
    fn sweep(&mut self) {
        for promise in std::mem::take(&mut self.promises) {
            self.keep(&promise);
        }
        let ids = self.must(&["ps", "-aq", "--no-trunc"]);
        if !ids.is_empty() {
            self.must(&[vec!["rm", "-f", "-v"], ids.lines().collect()].concat());
        }
        let volumes = self.must(&["volume", "ls", "-q"]);
        for volume in volumes.lines() {
            self.must(&["volume", "rm", "-f", volume]);
        }
        let images = self.must(&["images", "--format", "{{.Repository}}:{{.Tag}}", "kept"]);
        for image in images.lines() {
            self.must(&["rmi", "-f", image]);
        }
        self.check();
        let left = leaks::left(&self.bench);
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

fn asked(name: &str, otherwise: u32) -> u32 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}
