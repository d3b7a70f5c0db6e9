//! Every flag of `docker VERB --help` stands in [`TABLE`](crate::flag_table::TABLE), and is what is said there.

use crate::behaviours;
use crate::docker;
use crate::flag_table::{ALIASES, INSPECTS, LATER, TABLE};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use teu_testkit::{Need, Teu, have};

/// What becomes of one of docker's flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The same; the test that shows it: `scene / behaviour`, or `file::function` of tests/whole.
    Same(&'static str),
    /// Not the same: the decision.
    Different(&'static str),
    /// Exit code 125 and the flag's name.
    Refused,
}

/// How `--help` shows a flag.
#[derive(Debug, PartialEq, Eq)]
struct Shown {
    short: Option<char>,
    takes_value: bool,
}

#[test]
fn every_flag_of_docker_has_its_fate() {
    if !have(Need::Program("docker")) {
        return;
    }
    let mut faults = Vec::new();
    for (verb, fates) in TABLE {
        let theirs = help(docker::PROGRAM.as_ref(), verb);
        let ours = help(Teu::binary(), verb);
        assert!(!theirs.is_empty() || fates.is_empty(), "docker {verb} --help says nothing");
        for flag in theirs.keys().filter(|flag| *flag != "help") {
            if !fates.iter().any(|(name, _)| name == flag) {
                faults.push(format!("{verb} --{flag} is missing from flag_table.rs"));
            }
        }
        for (flag, fate) in *fates {
            let known = theirs.get(*flag);
            if known.is_none() {
                faults.push(format!("{verb} --{flag}: docker has no such flag"));
            }
            let fault = match fate {
                Fate::Same(test) => proof(test).or_else(|| taken(known, ours.get(*flag))),
                Fate::Different(why) => {
                    (why.len() < 10).then(|| "the decision says nothing".to_string())
                }
                Fate::Refused => refused(verb, flag, known),
            };
            faults.extend(fault.map(|fault| format!("{verb} --{flag}: {fault}")));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_verb_of_dockers_groups_is_there() {
    if !have(Need::Program("docker")) {
        return;
    }
    let (docker, teu) = (Path::new(docker::PROGRAM), Teu::binary());
    let mut faults = Vec::new();
    for group in ["container", "image", "system", "volume"] {
        for verb in verbs(docker, group) {
            let name = format!("{group} {verb}");
            if let Some((_, alone)) = ALIASES.iter().find(|(alias, _)| *alias == name) {
                if !TABLE.iter().any(|(verb, _)| verb == alone) {
                    faults.push(format!("{alone}, which {name} is, has no flags in the table"));
                }
                for program in [docker, teu] {
                    if help(program, &name) != help(program, alone) {
                        faults.push(format!("{name} is not {alone} with {}", program.display()));
                    }
                }
            } else if INSPECTS.contains(&name.as_str()) {
                let (theirs, ours) = (help(docker, &name), help(teu, &name));
                let missing = theirs.keys().filter(|flag| ours.get(*flag) != theirs.get(*flag));
                faults.extend(missing.map(|flag| format!("{name} --{flag} is missing")));
            } else if !LATER.contains(&name.as_str())
                && !TABLE.iter().any(|(verb, _)| **verb == name)
            {
                faults.push(format!("{name} is missing from flag_table.rs"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The verbs that `GROUP --help` lists.
fn verbs(program: &Path, group: &str) -> Vec<String> {
    let output = Command::new(program).args([group, "--help"]).output().expect("a program");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let listed = text.split_once("Commands:").map_or("", |(_, listed)| listed);
    let listed = listed.lines().filter_map(|line| line.strip_prefix("  "));
    listed.filter_map(|line| line.split(' ').next()).map(String::from).collect()
}

/// What is wrong with the test that is to show it.
fn proof(test: &str) -> Option<String> {
    let found = match (test.split_once(" / "), test.split_once("::")) {
        (Some((scene, line)), _) => behaviours::ALL
            .iter()
            .copied()
            .flatten()
            .any(|each| each.name == scene && each.lines.iter().any(|each| each.name == line)),
        (None, Some((file, function))) => {
            let whole = Path::new(env!("CARGO_MANIFEST_DIR")).join("../whole/it");
            let text = std::fs::read_to_string(whole.join(format!("{file}.rs")));
            text.is_ok_and(|text| text.contains(&format!("fn {function}(")))
        }
        (None, None) => false,
    };
    (!found).then(|| format!("there is no test `{test}`"))
}

fn taken(theirs: Option<&Shown>, ours: Option<&Shown>) -> Option<String> {
    match ours {
        None => Some("teu does not take it".to_string()),
        Some(ours) if Some(ours) != theirs => Some(format!("docker: {theirs:?}, teu: {ours:?}")),
        Some(_) => None,
    }
}

fn refused(verb: &str, flag: &str, known: Option<&Shown>) -> Option<String> {
    let value = if known.is_some_and(|known| known.takes_value) { "=1" } else { "" };
    // One that is taken all the same may wait for ever.
    let output = Command::new("timeout")
        .arg("5")
        .arg(Teu::binary())
        .args(verb.split(' '))
        .arg(format!("--{flag}{value}"))
        // Should it be taken, it finds nothing.
        .env("TEU_ROOT", "/dev/null/teu")
        .output()
        .expect("teu can be run");
    let told = String::from_utf8_lossy(&output.stderr);
    let is_refused = output.status.code() == Some(125) && told.contains(&format!("--{flag}"));
    (!is_refused).then(|| format!("not refused by name with 125, but {}: {told}", output.status))
}

/// The flags that `VERB --help` lists.
fn help(program: &Path, verb: &str) -> BTreeMap<String, Shown> {
    let output =
        Command::new(program).args(verb.split(' ')).arg("--help").output().expect("a program");
    let text = String::from_utf8_lossy(&output.stdout);
    // Before them may stand an example, with flags of its own.
    let listed = text.split_once("Options:").map_or("", |(_, listed)| listed);
    listed.lines().filter_map(shown).collect()
}

/// `  -a, --attach list     Attach to STDIN, STDOUT or STDERR`
fn shown(line: &str) -> Option<(String, Shown)> {
    let head = line.trim_start().split("  ").next()?;
    let mut words = head.split_ascii_whitespace();
    let first = words.next().filter(|word| word.starts_with('-'))?;
    let (short, long) = match first.strip_suffix(',') {
        Some(letter) => (letter.chars().nth(1), words.next()?),
        None => (None, first),
    };
    let long = long.strip_prefix("--")?.to_string();
    Some((long, Shown { short, takes_value: words.next().is_some() }))
}

#[test]
fn lines_of_help() {
    let line = |line| shown(line).map(|(long, shown)| (long, shown.short, shown.takes_value));
    let of = |long: &str, short, takes_value| Some((long.to_string(), short, takes_value));
    assert_eq!(line("  -a, --attach list     Attach to STDIN"), of("attach", Some('a'), true));
    assert_eq!(line("      --rm              Remove it"), of("rm", None, false));
    assert_eq!(line("                        and more words"), None);
}
