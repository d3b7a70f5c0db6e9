//! `cargo xtask test`: everything, in parts, and one line at the end.

use crate::build::{self, Part, TestProgram};
use crate::count::{Run, Tally};
use crate::{Result, cargo, guest, packages, root, suite, tidy};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const PARTS: [&str; 5] = ["lint", "unit", "kernel", "whole", "guests"];
/// What this machine's runs are called beside the guests' kernel versions.
pub const HOST: &str = "host";

/// Runs the named parts, or all; of the named packages, or all.
pub fn run(words: &[&str]) -> Result<()> {
    let (only, parts): (Vec<&str>, Vec<&str>) =
        words.iter().partition(|word| word.starts_with("teu"));
    if let Some(unknown) = parts.iter().find(|part| !PARTS.contains(part)) {
        return Err(format!("there is no part `{unknown}`; there are: {}", PARTS.join(" ")));
    }
    let wants = |part: &str| parts.is_empty() || parts.contains(&part);
    let only_lint = parts == ["lint"];
    let started = Instant::now();
    if !only_lint {
        require_root()?;
        packages::install_missing()?;
    }
    let mut tally = Tally::default();
    if wants("lint") {
        lint(&mut tally);
    }
    if !only_lint && let Err(error) = run_programs(&only, &wants, &mut tally) {
        println!("{error}");
        tally.add(HOST, "xtask", Run::of_one("(it came to its end)", false), 0.0);
    }
    conclude(&tally, started.elapsed())
}

fn run_programs(only: &[&str], wants: &dyn Fn(&str) -> bool, tally: &mut Tally) -> Result<()> {
    let built = build::test_programs(only)?;
    for (name, part) in [("unit", Part::Unit), ("kernel", Part::Kernel), ("whole", Part::Whole)] {
        if wants(name) {
            run_part(part, &built.programs, tally)?;
        }
    }
    if wants("guests") {
        heading("guests");
        guest::run_all(&built, tally)?;
    }
    Ok(())
}

/// The last line is for machines too.
fn conclude(tally: &Tally, time: Duration) -> Result<()> {
    println!();
    for line in tally.compare(&[&[HOST][..], &guest::VERSIONS[..]].concat()) {
        println!("{line}");
    }
    for name in tally.skipped_everywhere() {
        println!("SKIPPED {name}");
    }
    for name in tally.failures() {
        println!("FAILED  {name}");
    }
    let [passed, failed, skipped] = tally.total();
    println!("in {} min {} s", time.as_secs() / 60, time.as_secs() % 60);
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    match (failed, skipped) {
        (0, 0) => Ok(()),
        (0, _) => Err("a skipped test is one that nobody ran".to_string()),
        _ => Err("there are failures".to_string()),
    }
}

fn heading(name: &str) {
    println!("\n{name}");
}

fn require_root() -> Result<()> {
    // The owner of our own /proc directory is who we are.
    let me = fs::metadata("/proc/self").map_err(|error| format!("/proc: {error}"))?;
    if me.uid() == 0 {
        Ok(())
    } else {
        Err("the tests make mounts, namespaces and cgroups: run them as root \
             (`cargo xtask test lint` needs no rights)"
            .to_string())
    }
}

/// Format, clippy, and our own rules, each as one test.
fn lint(tally: &mut Tally) {
    heading("lint");
    let mut check = |name: &str, check: &dyn Fn() -> Result<()>| {
        let started = Instant::now();
        let passed = match check() {
            Ok(()) => true,
            Err(error) => {
                println!("{error}");
                false
            }
        };
        tally.add(HOST, name, Run::of_one(name, passed), started.elapsed().as_secs_f64());
    };
    check("fmt", &|| run_cargo(&["fmt", "--all", "--check"]));
    check("clippy", &|| {
        run_cargo(&["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"])
    });
    check("tidy", &tidy::run);
}

fn run_cargo(words: &[&str]) -> Result<()> {
    crate::run(cargo().args(words))
}

fn run_part(part: Part, programs: &[TestProgram], tally: &mut Tally) -> Result<()> {
    let programs: Vec<&TestProgram> =
        programs.iter().filter(|program| program.part == part).collect();
    if programs.is_empty() {
        return Ok(());
    }
    let teu = if part == Part::Whole { Some(build::teu()?) } else { None };
    heading(match part {
        Part::Unit => "unit",
        Part::Kernel => "kernel",
        Part::Whole => "whole program",
    });
    let logs = logs(HOST)?;
    let mut environment: Vec<(&str, &Path)> = Vec::new();
    environment.extend(teu.as_deref().map(|teu| ("TEU_BIN", teu)));
    let before = logs.join("machine-before");
    if part == Part::Whole {
        crate::run(leaks("snapshot", &before).current_dir(root()))?;
    }
    for program in programs {
        let started = Instant::now();
        let run = suite::run(program, &environment, &logs)?;
        tally.add(HOST, &program.name, run, started.elapsed().as_secs_f64());
    }
    if part == Part::Whole {
        let started = Instant::now();
        let clean = crate::run(leaks("compare", &before).current_dir(root())).is_ok();
        let name = "the machine is as it was before";
        let time = started.elapsed().as_secs_f64();
        tally.add(HOST, "tests/leaks.sh", Run::of_one(name, clean), time);
    }
    Ok(())
}

/// Shows what is there now and was not before, or the other way round.
fn leaks(verb: &str, file: &Path) -> Command {
    let mut command = Command::new("tests/leaks.sh");
    command.arg(verb).arg(file);
    command
}

/// Where the output of each program of a mode is kept.
pub fn logs(mode: &str) -> Result<PathBuf> {
    let directory = scratch().join("logs").join(mode);
    fs::create_dir_all(&directory)
        .map_err(|error| format!("`{}`: {error}", directory.display()))?;
    Ok(directory)
}

/// What a session leaves for people to read; may be removed at any time.
pub fn scratch() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    target.unwrap_or_else(|| root().join("target")).join("teu-test")
}
