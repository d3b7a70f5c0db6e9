//! What is on the machine, seen by plain commands (`tests/leaks.sh`) that know nothing of teu.

use crate::TempDir;
use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

const SCRIPT: &str = include_str!("../../../tests/leaks.sh");

/// Links, addresses, rules, mounts, namespaces, control groups, files, processes: a line for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine(Vec<String>);

impl Machine {
    /// Looks.
    pub fn snapshot() -> Machine {
        let directory = TempDir::new("machine");
        let file = directory.join("snapshot");
        let status = Command::new("sh")
            .args(["-c", SCRIPT, "leaks.sh", "snapshot"])
            .arg(&file)
            .status()
            .expect("a shell");
        assert!(status.success(), "tests/leaks.sh: {status}");
        let text = fs::read(&file).expect("the script writes it");
        Machine(String::from_utf8_lossy(&text).lines().map(String::from).collect())
    }

    /// Only the lines in which one of `words` occurs: several tests share a machine.
    pub fn about(&self, words: &[&str]) -> Vec<&str> {
        let lines = self.0.iter().map(String::as_str);
        lines.filter(|line| words.iter().any(|word| line.contains(word))).collect()
    }

    /// The lines that `before` has not: what came since. Equal lines are counted.
    pub fn since(&self, before: &Machine) -> Vec<&str> {
        let mut known: BTreeMap<&str, usize> = BTreeMap::new();
        for line in &before.0 {
            *known.entry(line).or_default() += 1;
        }
        let came = self.0.iter().map(String::as_str).filter(|line| match known.get_mut(line) {
            Some(count) if *count > 0 => {
                *count -= 1;
                false
            }
            _ => true,
        });
        came.collect()
    }
}
