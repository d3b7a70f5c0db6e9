//! The chores of the house: `cargo xtask test` and its parts.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a door: it talks to people")]

mod build;
mod count;
mod guest;
mod guest_image;
mod long;
mod packages;
mod power;
mod suite;
mod test;
mod tidy;

use std::path::PathBuf;
use std::process::{Command, ExitCode};

/// The first failure ends a chore; it is told once, here.
type Result<T> = std::result::Result<T, String>;

const HELP: &str = "\
cargo xtask CHORE

  test                  everything, as CI runs it (root; installs the Debian packages it needs)
  test PART... teu-X... some of it: lint unit kernel whole guests; of these packages only
  long crash            SIGKILL at every system call of every verb, instead of a sample
  long load             300 containers, 5,000 cycles, a minute of output as fast as it comes
  long power            30 power cuts in a guest during a load (TEU_POWER says how many)
  long deaths           each cause of an end told right, a hundred times
  long v1               the tests of groups in a guest on pure cgroup v1, in each layout
  tidy                  the rules of the house that no compiler knows
  guest 6.1|6.12        a shell in the guest, with the test programs below /tests
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["test", parts @ ..] => test::run(parts),
        ["long", what] => long::run(what),
        ["tidy"] => tidy::run(),
        ["guest", version] => guest::shell(version),
        [] | ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            Ok(())
        }
        [other, ..] => Err(format!("there is no chore `{other}`\n\n{HELP}")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The checkout's top.
fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent().map(PathBuf::from).unwrap_or(here)
}

/// Runs a program to its end; its output goes where ours goes.
fn run(command: &mut Command) -> Result<()> {
    let shown = shown(command);
    let status = command.status().map_err(|error| format!("`{shown}`: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{shown}` failed: {status}")) }
}

/// Runs a program and returns what it printed.
fn output(command: &mut Command) -> Result<String> {
    let shown = shown(command);
    let output = command.output().map_err(|error| format!("`{shown}`: {error}"))?;
    if !output.status.success() {
        let told = String::from_utf8_lossy(&output.stderr);
        return Err(format!("`{shown}` failed: {}\n{told}", output.status));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The cargo that runs us.
fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
