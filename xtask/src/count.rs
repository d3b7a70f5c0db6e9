//! What a test program printed, and what all of them came to.
//!
//! A test that cannot run somewhere says `SKIPPED: needs …` (teu-testkit). One that is skipped in
//! one mode and passes in another was only in the wrong place; one that passes nowhere is a skip.

use std::collections::{BTreeMap, BTreeSet};

/// The outcome of one test in one mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Passed,
    Failed,
    Skipped,
}

/// One test program's run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// Test → outcome.
    pub tests: BTreeMap<String, Outcome>,
}

impl Run {
    /// From the output of libtest with `--show-output`. `exit_code` is none where the program was
    /// killed or never came to its end.
    pub fn parse(output: &str, exit_code: Option<i32>) -> Run {
        let mut tests = BTreeMap::new();
        let mut summary = None;
        for line in output.lines() {
            // What a test's child printed may stand before or behind.
            if let Some((name, outcome)) = test_line(line) {
                tests.insert(name.to_string(), outcome);
            } else if let Some(counts) = summary_line(line) {
                summary = Some(counts);
            }
        }
        for name in skipped_by_themselves(output) {
            tests.insert(name, Outcome::Skipped);
        }
        let mut run = Run { tests };
        run.reconcile(summary, exit_code);
        run
    }

    /// A thing that is no test program, as one test.
    pub fn of_one(name: &str, passed: bool) -> Run {
        let outcome = if passed { Outcome::Passed } else { Outcome::Failed };
        Run { tests: BTreeMap::from([(name.to_string(), outcome)]) }
    }

    /// How many tests ended so.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.tests.values().filter(|got| **got == outcome).count()
    }

    /// The last word is the summary's: a line that another's output tore apart is counted there.
    /// Without a summary, or with a bad exit that no test explains, the program itself has failed.
    fn reconcile(&mut self, summary: Option<[usize; 3]>, exit_code: Option<i32>) {
        let Some([passed, failed, ignored]) = summary else {
            self.tests.insert("(the program came to its end)".to_string(), Outcome::Failed);
            return;
        };
        let told = [
            (
                Outcome::Passed,
                passed + ignored,
                self.count(Outcome::Passed) + self.count(Outcome::Skipped),
            ),
            (Outcome::Failed, failed, self.count(Outcome::Failed)),
        ];
        for (outcome, summed, seen) in told {
            for number in seen..summed {
                self.tests.insert(format!("(unreadable line {number} {outcome:?})"), outcome);
            }
        }
        if exit_code != Some(0) && self.count(Outcome::Failed) == 0 {
            self.tests.insert("(the program exits with 0)".to_string(), Outcome::Failed);
        }
    }
}

/// `test name ... ok`, also where something stands before it.
fn test_line(line: &str) -> Option<(&str, Outcome)> {
    let start = line.find("test ")?;
    let (name, end) = line[start + 5..].split_once(" ... ")?;
    // `should_panic` tests carry a note.
    let name = name.split(" - should panic").next()?;
    if name.contains(' ') {
        return None;
    }
    let word = end.split([' ', ',']).next()?;
    let outcome = match word {
        "ok" => Outcome::Passed,
        "FAILED" => Outcome::Failed,
        "ignored" => Outcome::Skipped,
        _ => return None,
    };
    Some((name, outcome))
}

/// `test result: ok. 3 passed; 0 failed; 1 ignored; …` as passed, failed, ignored.
fn summary_line(line: &str) -> Option<[usize; 3]> {
    let (_, counts) = line.split_once("test result: ")?;
    let number = |word: &str| -> Option<usize> {
        let before = counts.split(word).next()?.trim_end();
        before.rsplit(' ').next()?.parse().ok()
    };
    Some([number("passed;")?, number("failed;")?, number("ignored;")?])
}

/// Names from the blocks `---- name stdout ----` in which a test says that it skips.
fn skipped_by_themselves(output: &str) -> BTreeSet<String> {
    let mut skipped = BTreeSet::new();
    let mut block = None;
    for line in output.lines() {
        if let Some(name) =
            line.strip_prefix("---- ").and_then(|line| line.strip_suffix(" stdout ----"))
        {
            block = Some(name);
        } else if line.starts_with("SKIPPED: ")
            && let Some(name) = block
        {
            skipped.insert(name.to_string());
        }
    }
    skipped
}

/// All runs of a session.
#[derive(Debug, Default)]
pub struct Tally {
    /// Mode → program → run.
    modes: BTreeMap<String, BTreeMap<String, Run>>,
}

impl Tally {
    /// Remembers a run, and prints its line.
    pub fn add(&mut self, mode: &str, program: &str, run: Run, seconds: f64) {
        println!(
            "  {mode:<6} {program:<28} {:>4} passed {:>3} failed {:>3} skipped  {seconds:>6.1} s",
            run.count(Outcome::Passed),
            run.count(Outcome::Failed),
            run.count(Outcome::Skipped),
        );
        self.modes.entry(mode.to_string()).or_default().insert(program.to_string(), run);
    }

    /// Passed, failed, skipped over all modes.
    pub fn total(&self) -> [usize; 3] {
        let runs = || self.modes.values().flat_map(BTreeMap::values);
        let sum = |outcome| runs().map(|run| run.count(outcome)).sum();
        [sum(Outcome::Passed), sum(Outcome::Failed), self.skipped_everywhere().len()]
    }

    /// Tests that passed in no mode and failed in none.
    pub fn skipped_everywhere(&self) -> BTreeSet<String> {
        let with = |skipped: bool| -> BTreeSet<String> {
            let runs = self.modes.values().flatten();
            let tests = runs.flat_map(|(program, run)| {
                run.tests.iter().map(move |(test, outcome)| (program, test, outcome))
            });
            tests
                .filter(|(_, _, outcome)| (**outcome == Outcome::Skipped) == skipped)
                .map(|(program, test, _)| format!("{program}: {test}"))
                .collect()
        };
        &with(true) - &with(false)
    }

    /// The names of all that failed, with their mode.
    pub fn failures(&self) -> Vec<String> {
        let mut names = Vec::new();
        for (mode, programs) in &self.modes {
            for (program, run) in programs {
                let failed = run.tests.iter().filter(|(_, outcome)| **outcome == Outcome::Failed);
                names.extend(failed.map(|(test, _)| format!("{mode}  {program}: {test}")));
            }
        }
        names
    }

    /// How many tests passed in each of `modes`, over the programs that ran in all of them; then,
    /// line by line, the tests that were skipped in some.
    pub fn compare(&self, modes: &[&str]) -> Vec<String> {
        let empty = BTreeMap::new();
        let runs: Vec<&BTreeMap<String, Run>> =
            modes.iter().map(|mode| self.modes.get(*mode).unwrap_or(&empty)).collect();
        let Some((first, others)) = runs.split_first() else { return Vec::new() };
        let everywhere =
            first.keys().filter(|program| others.iter().all(|runs| runs.contains_key(*program)));
        let programs: Vec<&String> = everywhere.collect();
        if programs.is_empty() {
            return Vec::new();
        }
        let passed = |runs: &BTreeMap<String, Run>| -> usize {
            programs.iter().map(|program| runs[*program].count(Outcome::Passed)).sum()
        };
        let numbers: Vec<String> = modes
            .iter()
            .zip(&runs)
            .map(|(mode, runs)| format!("{mode}: {}", passed(runs)))
            .collect();
        let mut lines = vec![format!("passed per mode: {}", numbers.join(", "))];
        for program in programs {
            let tests: BTreeSet<&String> =
                runs.iter().flat_map(|runs| runs[program].tests.keys()).collect();
            for test in tests {
                let outcomes: Vec<_> =
                    runs.iter().map(|runs| runs[program].tests.get(test)).collect();
                if outcomes.contains(&Some(&Outcome::Skipped)) {
                    let told = modes.iter().zip(outcomes).map(|(mode, outcome)| {
                        let word = outcome
                            .map_or("absent".to_string(), |o| format!("{o:?}").to_lowercase());
                        format!("{mode} {word}")
                    });
                    let told = told.collect::<Vec<_>>().join(", ");
                    lines.push(format!("  not in all modes: {program}: {test} ({told})"));
                }
            }
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "\
running 4 tests
test a::one ... ok
noise of a child test a::two ... FAILED
test three ... ignored, slow
test four - should panic ... ok
test five ... ok

successes:

---- five stdout ----
SKIPPED: needs Root

failures:

---- a::two stdout ----
SKIPPED in a text
panicked

test result: FAILED. 3 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.1s
";

    fn counts(run: &Run) -> [usize; 3] {
        [Outcome::Passed, Outcome::Failed, Outcome::Skipped].map(|outcome| run.count(outcome))
    }

    #[test]
    fn outputs() {
        let run = Run::parse(OUTPUT, Some(101));
        assert_eq!(counts(&run), [2, 1, 2]);
        assert_eq!(run.tests["a::two"], Outcome::Failed);
        assert_eq!(run.tests["five"], Outcome::Skipped);
    }

    #[test]
    fn torn_lines_are_counted_by_the_summary() {
        let torn = OUTPUT.replace("test a::one ... ok", "test a::one ...\nhello\nok");
        assert_eq!(counts(&Run::parse(&torn, Some(101))), [2, 1, 2]);
    }

    #[test]
    fn a_program_that_dies_has_failed() {
        let cut = OUTPUT.split("test result").next().unwrap();
        assert_eq!(Run::parse(cut, None).count(Outcome::Failed), 2);
        let good = "test x ... ok\ntest result: ok. 1 passed; 0 failed; 0 ignored;";
        assert_eq!(counts(&Run::parse(good, Some(0))), [1, 0, 0]);
        assert_eq!(counts(&Run::parse(good, None)), [1, 1, 0]);
        assert_eq!(counts(&Run::parse("", Some(0))), [0, 1, 0]);
    }

    #[test]
    fn a_skip_elsewhere_is_no_skip() {
        let mut tally = Tally::default();
        let run = |outcomes: &[(&str, Outcome)]| Run {
            tests: outcomes.iter().map(|(name, o)| (name.to_string(), *o)).collect(),
        };
        let (ok, skip) = (Outcome::Passed, Outcome::Skipped);
        tally.add("host", "p", run(&[("v1", ok), ("v2", skip), ("kvm", skip)]), 0.0);
        tally.add("6.12", "p", run(&[("v1", skip), ("v2", ok), ("kvm", skip)]), 0.0);
        assert_eq!(tally.total(), [2, 0, 1]);
        assert_eq!(tally.skipped_everywhere().into_iter().collect::<Vec<_>>(), ["p: kvm"]);
        let compared = tally.compare(&["host", "6.12"]);
        assert_eq!(compared[0], "passed per mode: host: 1, 6.12: 1");
        assert_eq!(compared.len(), 4);
        assert_eq!(tally.compare(&["host", "absent"]), [""; 0]);
    }
}
