//! `cargo xtask long WHAT`: what takes too long for every change. Its figures are committed by hand.

use crate::{Result, build, cargo};

/// The sweeps there are.
pub const SWEEPS: [&str; 2] = ["crash", "deaths"];

/// Runs one.
pub fn run(what: &str) -> Result<()> {
    match what {
        // Every system call of every verb, instead of a sample.
        "crash" => {
            let teu = build::teu()?;
            let words = ["test", "--package", "teu-crash", "--test", "it", "--", "--nocapture"];
            crate::run(cargo().args(words).env("TEU_BIN", teu).env("TEU_CRASH", "all"))
        }
        // Each cause of an end told right a hundred times.
        "deaths" => {
            let teu = build::teu()?;
            let words = ["test", "--package", "teu-whole", "--test", "it", "deaths::"];
            crate::run(cargo().args(words).env("TEU_BIN", teu).env("TEU_DEATHS", "100"))
        }
        other => Err(format!("there is no sweep `{other}`; there are: {}", SWEEPS.join(" "))),
    }
}
