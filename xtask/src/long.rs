//! `cargo xtask long WHAT`: what takes too long for every change. Its figures are committed by hand.

use crate::{Result, build, cargo, guest, power};

/// The sweeps there are.
pub const SWEEPS: [&str; 6] = ["crash", "deaths", "load", "power", "together", "v1"];

/// Runs one.
pub fn run(what: &str) -> Result<()> {
    match what {
        // Every system call of every verb, instead of a sample, and ten times the random rounds.
        "crash" => {
            let teu = build::teu()?;
            let words = ["test", "--package", "teu-crash", "--test", "it", "--", "--nocapture"];
            let mut crash = cargo();
            crash.args(words).args(["--skip", "load_"]).env("TEU_BIN", teu).env("TEU_CRASH", "all");
            crate::run(crash.env("TEU_CRASH_ROUNDS", "5000").env("TEU_CRASH_SECONDS", "7200"))
        }
        // 300 containers, 5,000 cycles, a minute of output.
        "load" => {
            let teu = build::teu()?;
            let words = ["test", "--package", "teu-crash", "--test", "it", "--", "load_"];
            let mut load = cargo();
            load.args(words).args(["--nocapture", "--test-threads=1"]).env("TEU_BIN", teu);
            crate::run(load.env("TEU_LOAD", "all"))
        }
        // A guest whose power goes.
        "power" => {
            let times = std::env::var("TEU_POWER").ok().and_then(|text| text.parse().ok());
            power::cut(times.unwrap_or(30))
        }
        // Each cause of an end told right a hundred times.
        "deaths" => {
            let teu = build::teu()?;
            let words = ["test", "--package", "teu-whole", "--test", "it", "deaths::"];
            crate::run(cargo().args(words).env("TEU_BIN", teu).env("TEU_DEATHS", "100"))
        }
        // Two commands at the same moment on the same container, two hundred times each pair.
        "together" => {
            let teu = build::teu()?;
            let words = ["test", "--package", "teu-whole", "--test", "it", "two_at_once::"];
            crate::run(cargo().args(words).env("TEU_BIN", teu).env("TEU_ROUNDS", "200"))
        }
        // Pure v1, its trees laid out in each way.
        "v1" => guest::run_v1(),
        other => Err(format!("there is no sweep `{other}`; there are: {}", SWEEPS.join(" "))),
    }
}
