//! Rounds in which everybody has a turn, so that what else the machine does meets all alike.

use crate::Result;
use std::time::{Duration, Instant};

/// One who takes part.
pub struct Contestant<'a> {
    name: String,
    before: Box<dyn FnMut() -> Result<()> + 'a>,
    turn: Box<dyn FnMut() -> Result<()> + 'a>,
    times: Vec<Duration>,
}

impl<'a> Contestant<'a> {
    pub fn new(name: &str, turn: impl FnMut() -> Result<()> + 'a) -> Contestant<'a> {
        Contestant {
            name: name.to_string(),
            before: Box::new(|| Ok(())),
            turn: Box::new(turn),
            times: Vec::new(),
        }
    }

    /// What is done before each turn does not count.
    pub fn after(self, before: impl FnMut() -> Result<()> + 'a) -> Contestant<'a> {
        Contestant { before: Box::new(before), ..self }
    }
}

/// Gives everybody `rounds` turns after two that do not count, and prints a table. The first is the
/// one the others are compared with.
pub fn compare(what: &str, rounds: usize, mut contestants: Vec<Contestant<'_>>) -> Result<()> {
    // Where a round is dear, one does not count.
    let idle = rounds.min(2);
    for round in 0..rounds + idle {
        for one in &mut contestants {
            (one.before)().map_err(|error| format!("{what}, {}: {error}", one.name))?;
            let began = Instant::now();
            (one.turn)().map_err(|error| format!("{what}, {}: {error}", one.name))?;
            if round >= idle {
                one.times.push(began.elapsed());
            }
        }
    }
    println!("{what}, {rounds} rounds:\n");
    println!("| | min ms | median ms | min ÷ teu's | median ÷ teu's |");
    println!("|---|---|---|---|---|");
    let mut first = None;
    for one in &mut contestants {
        one.times.sort();
        let (min, median) = (ms(one.times[0]), ms(one.times[one.times.len() / 2]));
        let (base_min, base_median) = *first.get_or_insert((min, median));
        println!(
            "| {} | {min:.1} | {median:.1} | {:.2} | {:.2} |",
            one.name,
            min / base_min,
            median / base_median
        );
    }
    println!();
    Ok(())
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
