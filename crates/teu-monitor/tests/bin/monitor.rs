//! What the tests start as a monitor, and as the command that a monitor starts after a container's end.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;
use teu_monitor::{MONITOR_NAME, Target};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.first().map(String::as_str) {
        Some(MONITOR_NAME) => ExitCode::from(teu_monitor::stay(&arguments)),
        Some("after-exit") => after_exit(Path::new(&arguments[1])),
        _ => ExitCode::from(2),
    }
}

/// Releases, and leaves a file that says so.
fn after_exit(run_dir: &Path) -> ExitCode {
    let mut link = teu_monitor::connect(run_dir).expect("the monitor waits for this command");
    let told = link
        .watch_exit(Target::Container, true)
        .and_then(|()| link.wait(Some(Duration::from_secs(5))));
    let how = match &told {
        Ok(Some(exited)) => format!("{} {}", exited.exit.code, exited.release),
        other => format!("{other:?}"),
    };
    std::fs::write(run_dir.join("after"), how).expect("the run directory can be written");
    link.released().expect("the monitor is told");
    ExitCode::SUCCESS
}
