//! Chooses the door by the name it was called by and by its first word. Nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> =
        std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect();
    let name = arguments.first().map_or("", |name| name.rsplit('/').next().unwrap_or(name));
    ExitCode::from(match name {
        teu_monitor::MONITOR_NAME => teu_monitor::stay(&arguments),
        "hello" => teu_hello::main(),
        _ => teu_cli::main(std::env::args_os().skip(1).collect(), teu_tools::TOOLS),
    })
}
