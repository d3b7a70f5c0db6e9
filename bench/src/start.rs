//! How long it takes: a container, another process in one, fifty at once, one beside many.

use crate::Result;
use crate::measure::{Contestant, compare};
use crate::world::{IMAGE, World, run};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

const ROUNDS: usize = 30;
/// At once.
const PARALLEL: usize = 50;
/// Beside a start.
const CROWD: usize = 500;

/// `run --rm busybox true` with what everybody does by default.
pub fn bridge(world: &World) -> Result<()> {
    let words = ["run", "--rm", IMAGE, "true"];
    let mut all = vec![Contestant::new("teu", || run(&mut world.teu.command(&words)).map(drop))];
    if let Some(docker) = &world.docker {
        let turn = move || run(&mut docker.command(&words)).map(drop);
        all.push(Contestant::new("docker", turn));
    }
    all.push(Contestant::new("floor", || world.floor.run(true)));
    compare("`run --rm busybox true`, bridge", ROUNDS, all)
}

/// The same without a network.
pub fn no_network(world: &World) -> Result<()> {
    let words = ["run", "--rm", "--network", "none", IMAGE, "true"];
    let mut all = vec![Contestant::new("teu", || run(&mut world.teu.command(&words)).map(drop))];
    if let Some(docker) = &world.docker {
        let turn = move || run(&mut docker.command(&words)).map(drop);
        all.push(Contestant::new("docker", turn));
    }
    if let Some(podman) = &world.podman {
        let turn = move || run(&mut podman.run(&["--rm", IMAGE, "true"])).map(drop);
        all.push(Contestant::new("podman", turn));
    }
    all.push(Contestant::new("floor", || world.floor.run(false)));
    compare("`run --rm --network none busybox true`", ROUNDS, all)
}

/// The image in the binary.
pub fn hello(world: &World) -> Result<()> {
    let words = ["run", "--rm", "teu/hello"];
    let turn = || run(&mut world.teu.command(&words)).map(drop);
    compare("`run --rm teu/hello`", ROUNDS, vec![Contestant::new("teu", turn)])
}

/// One more process in a container that runs.
pub fn exec(world: &World) -> Result<()> {
    let sleep = ["run", "-d", IMAGE, "sleep", "100000"];
    let ours = run(&mut world.teu.command(&sleep))?;
    let words = ["exec", &ours, "true"];
    let mut all = vec![Contestant::new("teu", || run(&mut world.teu.command(&words)).map(drop))];
    let mut theirs = None;
    if let Some(docker) = &world.docker {
        let id = run(&mut docker.command(&sleep))?;
        theirs = Some(id.clone());
        let turn = move || run(&mut docker.command(&["exec", &id, "true"])).map(drop);
        all.push(Contestant::new("docker", turn));
    }
    if let Some(podman) = &world.podman {
        let id = run(&mut podman.run(&["-d", IMAGE, "sleep", "100000"]))?;
        let turn = move || run(&mut podman.command(&["exec", &id, "true"])).map(drop);
        all.push(Contestant::new("podman", turn));
    }
    compare("`exec CONTAINER true`", ROUNDS, all)?;
    if let Some(podman) = &world.podman {
        run(&mut podman.command(&["rm", "--all", "--force", "--time", "0"]))?;
    }
    if let (Some(docker), Some(id)) = (&world.docker, theirs) {
        run(&mut docker.command(&["rm", "-f", &id]))?;
    }
    world.teu.remove(&[ours])
}

/// Fifty commands at once, until the last one has ended.
pub fn parallel(world: &World) -> Result<()> {
    let words = ["run", "--rm", IMAGE, "true"];
    let mut all = vec![Contestant::new("teu", || at_once(|| world.teu.command(&words)))];
    if let Some(docker) = &world.docker {
        all.push(Contestant::new("docker", move || at_once(|| docker.command(&words))));
    }
    compare(&format!("{PARALLEL} times `run --rm busybox true` at once"), 3, all)
}

fn at_once(command: impl Fn() -> Command) -> Result<()> {
    let spawn = |_| command().stdin(Stdio::null()).stdout(Stdio::null()).spawn();
    let children: Vec<Child> = (0..PARALLEL).map(spawn).collect::<std::io::Result<_>>()?;
    let mut failed = 0;
    for mut child in children {
        failed += usize::from(!child.wait()?.success());
    }
    if failed == 0 { Ok(()) } else { Err(format!("{failed} of {PARALLEL} failed").into()) }
}

/// A start beside 500 running containers against one beside none.
pub fn crowd(world: &World) -> Result<()> {
    let words = ["run", "--rm", IMAGE, "true"];
    let alone = series(world, &words)?;
    let began = Instant::now();
    let mut ids = Vec::with_capacity(CROWD);
    for _ in 0..CROWD {
        ids.push(run(&mut world.teu.command(&["run", "-d", IMAGE, "sleep", "100000"]))?);
    }
    let each = began.elapsed().as_secs_f64() * 1e3 / CROWD as f64;
    let beside = series(world, &words);
    let began = Instant::now();
    world.teu.remove(&ids)?;
    let removed = began.elapsed().as_secs_f64() * 1e3 / CROWD as f64;
    let (beside, again) = (beside?, series(world, &words)?);
    println!("`run --rm busybox true` beside others, {ROUNDS} rounds each:\n");
    println!("| containers running | min ms | median ms |\n|---|---|---|");
    for (count, (min, median)) in [(0, alone), (CROWD, beside), (0, again)] {
        println!("| {count} | {min:.1} | {median:.1} |");
    }
    println!(
        "\nratio {:.2} (min) and {:.2} (median); a start cost {each:.1} ms on the way up, a removal {removed:.1} ms\n",
        beside.0 / alone.0.min(again.0),
        beside.1 / alone.1.min(again.1)
    );
    Ok(())
}

fn series(world: &World, words: &[&str]) -> Result<(f64, f64)> {
    let mut times = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let began = Instant::now();
        run(&mut world.teu.command(words))?;
        times.push(began.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    Ok((times[0], times[ROUNDS / 2]))
}
