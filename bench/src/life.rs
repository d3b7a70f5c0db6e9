//! What is done with containers that are there: looked at, stopped, removed, read, copied, committed.
//!
//! `TEU_BENCH_COUNT` (300) containers, `TEU_BENCH_MB` (1000) of a log and of a file, `TEU_BENCH_ROUNDS` (30)
//! scale it to the machine and the evening; the figures say with what they were made.

use crate::Result;
use crate::measure::{Contestant, compare};
use crate::world::{IMAGE, World, run};
use std::process::{Command, Stdio};

/// One who takes part: `docker`, `podman` or `teu`, and how each says `run`.
struct Side<'a> {
    name: &'static str,
    world: &'a World,
}

impl Side<'_> {
    fn command(&self, words: &[&str]) -> Command {
        match (self.name, &self.world.docker, &self.world.podman) {
            ("docker", Some(docker), _) => docker.command(words),
            ("podman", _, Some(podman)) => podman.command(words),
            _ => self.world.teu.command(words),
        }
    }

    /// `run --network none words…`
    fn run(&self, words: &[&str]) -> Result<String> {
        match (self.name, &self.world.podman) {
            ("podman", Some(podman)) => run(&mut podman.run(words)),
            _ => run(&mut self.command(&[&["run", "--network", "none"], words].concat())),
        }
    }

    fn must(&self, words: &[&str]) -> Result<String> {
        run(&mut self.command(words))
    }

    /// So many of them, eight at a time.
    fn crowd(&self, count: usize) -> Result<Vec<String>> {
        let mut ids = Vec::with_capacity(count);
        while ids.len() < count {
            let some = (count - ids.len()).min(8);
            let made = std::thread::scope(|scope| {
                let one = || self.run(&["-d", IMAGE, "sleep", "100000"]).map_err(|e| e.to_string());
                let threads: Vec<_> = (0..some).map(|_| scope.spawn(one)).collect();
                threads.into_iter().map(|thread| thread.join()).collect::<Vec<_>>()
            });
            for id in made {
                ids.push(id.map_err(|_| "a thread panicked")??);
            }
        }
        Ok(ids)
    }

    fn remove(&self, ids: &[String]) -> Result<()> {
        // podman waits ten seconds for a process that ignores SIGTERM.
        let at_once: &[&str] = if self.name == "podman" { &["-t", "0"] } else { &[] };
        for some in ids.chunks(100) {
            run(self.command(&["rm", "-f"]).args(at_once).args(some))?;
        }
        Ok(())
    }
}

fn sides(world: &World) -> Vec<Side<'_>> {
    let names =
        [("teu", true), ("docker", world.docker.is_some()), ("podman", world.podman.is_some())];
    names.iter().filter(|(_, is_there)| *is_there).map(|(name, _)| Side { name, world }).collect()
}

fn number(name: &str, otherwise: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

fn rounds() -> usize {
    number("TEU_BENCH_ROUNDS", 30)
}

/// Each side's `turn`, after its `before`, which does not count.
fn each(
    what: &str,
    rounds: usize,
    sides: &[Side<'_>],
    before: impl Fn(usize, &Side<'_>) -> Result<()>,
    turn: impl Fn(usize, &Side<'_>) -> Result<()>,
) -> Result<()> {
    let (before, turn) = (&before, &turn);
    let all = sides.iter().enumerate();
    let all = all.map(|(at, side)| {
        Contestant::new(side.name, move || turn(at, side)).after(move || before(at, side))
    });
    compare(what, rounds, all.collect())
}

fn nothing(_: usize, _: &Side<'_>) -> Result<()> {
    Ok(())
}

/// `ps`, `stats --no-stream` and `exec` beside many.
pub fn many(world: &World) -> Result<()> {
    let count = number("TEU_BENCH_COUNT", 300);
    let sides = sides(world);
    let ids = sides.iter().map(|side| side.crowd(count)).collect::<Result<Vec<_>>>()?;
    let ps = |_: usize, side: &Side<'_>| side.must(&["ps"]).map(drop);
    each(&format!("`ps` with {count} containers"), rounds(), &sides, nothing, ps)?;
    let exec = |at: usize, side: &Side<'_>| side.must(&["exec", &ids[at][0], "true"]).map(drop);
    each(&format!("`exec` beside {count}"), rounds(), &sides, nothing, exec)?;
    let some = count.min(100);
    let stats = |at: usize, side: &Side<'_>| {
        run(side.command(&["stats", "--no-stream"]).args(&ids[at][..some])).map(drop)
    };
    each(&format!("`stats --no-stream` of {some}"), rounds().min(5), &sides, nothing, stats)?;
    for (side, ids) in sides.iter().zip(&ids) {
        side.remove(ids)?;
    }
    Ok(())
}

/// `start` and `stop` of a process that obeys SIGTERM.
pub fn start_stop(world: &World) -> Result<()> {
    const OBEYS: &str = "trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done";
    let sides = sides(world);
    let make = |side: &Side<'_>| side.run(&["-d", IMAGE, "sh", "-c", OBEYS]);
    let ids = sides.iter().map(make).collect::<Result<Vec<_>>>()?;
    std::thread::sleep(std::time::Duration::from_millis(500));
    let stop = |at: usize, side: &Side<'_>| side.must(&["stop", &ids[at]]).map(drop);
    let start = |at: usize, side: &Side<'_>| side.must(&["start", &ids[at]]).map(drop);
    let started = |at: usize, side: &Side<'_>| {
        start(at, side)?;
        // The shell has to have set its trap.
        std::thread::sleep(std::time::Duration::from_millis(200));
        Ok(())
    };
    each("`start`", rounds(), &sides, stop, start)?;
    each("`stop` of a process that obeys SIGTERM", rounds(), &sides, started, stop)?;
    sides.iter().zip(&ids).try_for_each(|(side, id)| side.remove(std::slice::from_ref(id)))
}

/// `rm -f` of a hundred.
pub fn remove(world: &World) -> Result<()> {
    let count = number("TEU_BENCH_COUNT", 100).min(100);
    let sides = sides(world);
    let crowds = std::cell::RefCell::new(vec![Vec::new(); sides.len()]);
    let before = |at: usize, side: &Side<'_>| {
        crowds.borrow_mut()[at] = side.crowd(count)?;
        Ok(())
    };
    let turn = |at: usize, side: &Side<'_>| side.remove(&crowds.borrow()[at]);
    each(&format!("`rm -f` of {count}"), 1, &sides, before, turn)
}

/// `logs --tail 100` of a large log.
pub fn logs(world: &World) -> Result<()> {
    let megabytes = number("TEU_BENCH_MB", 1000);
    let sides = sides(world);
    // A hundred bytes a line.
    let script = format!("head -c {megabytes}000000 /dev/zero | tr '\\000' x | fold -w 99");
    let make = |side: &Side<'_>| -> Result<String> {
        let id = side.run(&["-d", IMAGE, "sh", "-c", &script])?;
        side.must(&["wait", &id])?;
        Ok(id)
    };
    let ids = sides.iter().map(make).collect::<Result<Vec<_>>>()?;
    let turn =
        |at: usize, side: &Side<'_>| side.must(&["logs", "--tail", "100", &ids[at]]).map(drop);
    each(&format!("`logs --tail 100` of {megabytes} MB"), rounds(), &sides, nothing, turn)?;
    sides.iter().zip(&ids).try_for_each(|(side, id)| side.remove(std::slice::from_ref(id)))
}

/// `cp` of a large file, in and out.
pub fn copy(world: &World) -> Result<()> {
    let megabytes = number("TEU_BENCH_MB", 1000);
    let file = world.directory().join("to-copy");
    run(Command::new("sh")
        .args(["-c", "head -c $1000000 /dev/urandom >$0"])
        .arg(&file)
        .arg(megabytes.to_string()))?;
    let sides = sides(world);
    let make = |side: &Side<'_>| side.run(&["-d", IMAGE, "sleep", "100000"]);
    let ids = sides.iter().map(make).collect::<Result<Vec<_>>>()?;
    let (here, back) = (file.display().to_string(), world.directory().join("copied"));
    let into = |at: usize, side: &Side<'_>| {
        side.must(&["cp", &here, &format!("{}:/copied", ids[at])]).map(drop)
    };
    let gone = |at: usize, side: &Side<'_>| {
        side.must(&["exec", &ids[at], "sh", "-c", "true >/copied"]).map(drop)
    };
    each(&format!("`cp` of {megabytes} MB in"), rounds().min(5), &sides, gone, into)?;
    let full = |at: usize, side: &Side<'_>| {
        std::fs::remove_file(&back).unwrap_or(());
        into(at, side)
    };
    let out = |at: usize, side: &Side<'_>| {
        let from = format!("{}:/copied", ids[at]);
        side.must(&["cp", &from, &back.display().to_string()]).map(drop)
    };
    each(&format!("`cp` of {megabytes} MB out"), rounds().min(5), &sides, full, out)?;
    std::fs::remove_file(&file)?;
    std::fs::remove_file(&back)?;
    sides.iter().zip(&ids).try_for_each(|(side, id)| side.remove(std::slice::from_ref(id)))
}

/// `commit` of ten thousand small files.
pub fn commit(world: &World) -> Result<()> {
    const FILES: &str =
        "mkdir /files; i=0; while test $i -lt 10000; do echo $i >/files/$i; i=$((i+1)); done";
    let sides = sides(world);
    let make = |side: &Side<'_>| -> Result<String> {
        let id = side.run(&["-d", IMAGE, "sh", "-c", FILES])?;
        side.must(&["wait", &id])?;
        Ok(id)
    };
    let ids = sides.iter().map(make).collect::<Result<Vec<_>>>()?;
    let before = |_: usize, side: &Side<'_>| {
        // The first time there is none.
        let mut remove = side.command(&["rmi", "-f", "bench/commit"]);
        remove.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
        Ok(())
    };
    let turn =
        |at: usize, side: &Side<'_>| side.must(&["commit", &ids[at], "bench/commit"]).map(drop);
    each("`commit` of 10,000 small files", rounds().min(10), &sides, before, turn)?;
    sides.iter().zip(&ids).try_for_each(|(side, id)| side.remove(std::slice::from_ref(id)))
}
