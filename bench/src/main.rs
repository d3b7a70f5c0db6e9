//! teu beside docker, podman and a floor, in one run on one image: `cargo run --release -p teu-bench`.
//!
//! ```text
//!  world.rs    a directory of its own, the image, who takes part
//!  teu.rs docker.rs podman.rs floor.rs    the contestants
//!  measure.rs  rounds in which everybody has a turn; the shortest and the middle
//!  start.rs memory.rs life.rs    what is measured
//! ```
//! `README.md` has the figures and says how they come about.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "its output is what it is for")]

mod docker;
mod floor;
mod life;
mod measure;
mod memory;
mod podman;
mod start;
mod teu;
mod world;

use std::process::{Command, ExitCode};
use world::World;

/// What goes wrong is told and ends the run.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// What can be measured, and how.
type Measure = (&'static str, fn(&World) -> Result<()>);

const MEASURES: &[Measure] = &[
    ("run", start::bridge),
    ("run-none", start::no_network),
    ("run-hello", start::hello),
    ("exec", start::exec),
    ("parallel", start::parallel),
    ("idle", memory::idle),
    ("tenth", memory::tenth),
    ("crowd", start::crowd),
    ("many", life::many),
    ("start-stop", life::start_stop),
    ("rm", life::remove),
    ("logs", life::logs),
    ("cp", life::copy),
    ("commit", life::commit),
];

fn main() -> ExitCode {
    let names: Vec<String> = std::env::args().skip(1).collect();
    if let Some(unknown) = names.iter().find(|name| !MEASURES.iter().any(|(one, _)| one == name)) {
        let known: Vec<&str> = MEASURES.iter().map(|(name, _)| *name).collect();
        eprintln!("`{unknown}` is not measured; there are: {}", known.join(" "));
        return ExitCode::from(2);
    }
    let measured =
        if std::env::var_os(INSIDE).is_some() { measure_all(&names) } else { enter(&names) };
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("teu-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Set in the run that measures.
const INSIDE: &str = "TEU_BENCH_INSIDE";

/// Everything runs as on a machine with an init: with a `/run` in memory, here an own one. And before
/// what else the machine has to do, all contestants alike.
fn enter(names: &[String]) -> Result<()> {
    const SCRIPT: &str =
        "mount --make-rprivate / && mount -t tmpfs tmpfs /run && exec \"$0\" \"$@\"";
    let status = Command::new("nice")
        .args(["-n", "-20", "unshare", "--mount", "sh", "-c", SCRIPT])
        .arg(std::env::current_exe()?)
        .args(names)
        .env(INSIDE, "1")
        .status()?;
    if status.success() { Ok(()) } else { Err("the measuring process failed".into()) }
}

fn measure_all(names: &[String]) -> Result<()> {
    let world = World::new()?;
    println!("{}\n", world.machine());
    for (name, measure) in MEASURES {
        if names.is_empty() || names.iter().any(|one| one == name) {
            measure(&world)?;
        }
    }
    Ok(())
}
