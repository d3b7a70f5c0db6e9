//! `cargo xtask long WHAT`: what takes too long for every change. Its figures are committed by hand.

use crate::{Result, build, cargo};

/// The sweeps there are.
pub const SWEEPS: [&str; 1] = ["crash"];

/// Runs one.
pub fn run(what: &str) -> Result<()> {
    match what {
        // Every system call of every verb, instead of a sample.
        "crash" => {
            let teu = build::teu()?;
            let words = ["test", "--package", "teu-crash", "--test", "it", "--", "--nocapture"];
            crate::run(cargo().args(words).env("TEU_BIN", teu).env("TEU_CRASH", "all"))
        }
        other => Err(format!("there is no sweep `{other}`; there are: {}", SWEEPS.join(" "))),
    }
}
