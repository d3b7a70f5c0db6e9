//! Runs one test program on this machine.

use crate::Result;
use crate::build::TestProgram;
use crate::count::Run;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Two at a time: the machines this is made for have two cores, and a test of a container is
/// several processes.
pub const THREADS: &str = "--test-threads=2";
/// These wait for a daemon most of the time.
const OF_DAEMONS: (&str, &str) = ("same-as-docker/", "--test-threads=4");
/// A program that takes longer hangs.
const PROGRAM_MAX: Duration = Duration::from_secs(900);

/// Runs the program; its output lies in `logs` afterwards, and is shown where a test failed.
pub fn run(program: &TestProgram, environment: &[(&str, &Path)], logs: &Path) -> Result<Run> {
    let log = logs.join(format!("{}.log", program.name.replace('/', "-")));
    let file = File::create(&log).map_err(|error| format!("`{}`: {error}", log.display()))?;
    let again = file.try_clone().map_err(|error| error.to_string())?;
    let mut command = Command::new(&program.path);
    let threads = if program.name.contains(OF_DAEMONS.0) { OF_DAEMONS.1 } else { THREADS };
    command
        .args([threads, "--show-output"])
        .current_dir(&program.directory)
        .env("TEU_TEST_NEEDS", "all")
        .env("RUST_BACKTRACE", "0")
        .env("CARGO_MANIFEST_DIR", &program.directory)
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .stdout(file)
        .stderr(again)
        // Its own group, so that a hanging one ends with all its children.
        .process_group(0);
    let child = command.spawn().map_err(|error| format!("{}: {error}", program.name))?;
    let status = wait(child)?;
    let output = fs::read(&log).map_err(|error| format!("`{}`: {error}", log.display()))?;
    let output = String::from_utf8_lossy(&output);
    let run = Run::parse(&output, status.and_then(|status| status.code()));
    if run.count(crate::count::Outcome::Failed) > 0 {
        println!("{}\n{}", program.name, failures_of(&output));
    }
    Ok(run)
}

/// None where it had to be killed.
fn wait(mut child: Child) -> Result<Option<ExitStatus>> {
    let deadline = Instant::now() + PROGRAM_MAX;
    loop {
        if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
            return Ok(Some(status));
        }
        if Instant::now() > deadline {
            // The group has the child's id: `process_group(0)`.
            let group = format!("-{}", child.id());
            crate::run(Command::new("kill").args(["-KILL", "--", &group]))?;
            child.wait().map_err(|error| error.to_string())?;
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// What libtest says of the failures; the end of the output where it does not come to that.
pub fn failures_of(output: &str) -> String {
    const LINES_MAX: usize = 400;
    let told = output.find("\nfailures:\n").map_or(output, |start| &output[start..]);
    let lines: Vec<&str> = told.lines().collect();
    let from = lines.len().saturating_sub(LINES_MAX);
    lines[from..].join("\n")
}
