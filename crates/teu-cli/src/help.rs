//! Help that teaches: what a verb does, an example that can be pasted, its flags.

use crate::flags::{Flag, Takes, Verb};
use crate::{Failure, Outcome, VERBS, output};
use std::ffi::OsString;

/// What is said of a verb.
#[derive(Clone, Copy, Debug)]
pub struct Teach {
    /// Its name.
    pub name: &'static str,
    /// What follows the name.
    pub usage: &'static str,
    /// One sentence without a full stop.
    pub about: &'static str,
    /// Command lines, each with what it does after a `#`.
    pub example: &'static str,
}

/// `teu --help`.
pub fn overview(tools: &[crate::Tool]) -> String {
    let mut text = String::from(
        "Usage:  teu [--root DIR] COMMAND\n\n\
         Containers without a daemon, in docker's words.\n\n\
         Example:\n  \
         teu run --rm teu/hello                # what a container is, told from inside one\n  \
         teu run -it debian bash               # a shell in Debian\n\n\
         Commands:\n",
    );
    for (name, _, teach) in VERBS {
        text += &format!("  {name:<9} {}\n", teach.about);
    }
    if !tools.is_empty() {
        text += "\nThe Kernel's Facilities:\n";
    }
    for (name, about, _) in tools {
        text += &format!("  {name:<9} {about}\n");
    }
    text += "\nManagement Commands:\n";
    for (name, about) in crate::group::all() {
        text += &format!("  {name:<9} {about}\n");
    }
    text += "\nGlobal Options:\n      \
             --root DIR      Where images and containers are kept (TEU_ROOT, default /var/lib/teu)\n      \
             --config DIR    Where config.toml is (TEU_CONFIG, default /etc/teu)\n  \
             -v, --version   Print the version\n      \
             --help          Print this\n\n\
             Run 'teu COMMAND --help' for more information on a command.\n";
    text
}

/// `teu VERB --help`.
pub fn of<T: Default>(verb: &Verb<T>) -> String {
    let teach = verb.teach;
    let mut text =
        format!("Usage:  teu {} {}\n\n{}\n\nExample:\n", teach.name, teach.usage, teach.about);
    for line in teach.example.lines() {
        text += &format!("  {}\n", line.trim());
    }
    let mut flags: Vec<&Flag<T>> = verb.all().collect();
    flags.sort_by_key(|flag| flag.long);
    if flags.is_empty() {
        return text;
    }
    text += "\nOptions:\n";
    let heads: Vec<String> = flags.iter().map(|flag| head(flag)).collect();
    let width = heads.iter().map(String::len).max().unwrap_or(0);
    for (flag, head) in flags.iter().zip(heads) {
        text += &format!("  {head:<width$}   {}\n", flag.doc);
    }
    text
}

fn head<T>(flag: &Flag<T>) -> String {
    let short = flag.short.map_or("    ".to_string(), |short| format!("-{short}, "));
    match flag.takes {
        Takes::Nothing => format!("{short}--{}", flag.long),
        Takes::Value(kind) => format!("{short}--{} {kind}", flag.long),
    }
}

/// `teu help [VERB]`.
pub fn main(door: &crate::Door, words: Vec<OsString>) -> Outcome {
    let Some(verb) = words.first() else {
        output::print(&overview(door.tools));
        return Ok(0);
    };
    let verb = verb.to_string_lossy();
    if let Some((_, _, main)) = door.tools.iter().find(|(name, _, _)| *name == verb) {
        return Ok(main(vec!["--help".into()]));
    }
    match VERBS.iter().find(|(name, _, _)| *name == verb) {
        Some((_, main, _)) => main(&crate::Door::default(), vec!["--help".into()]),
        None => crate::group::answer(&crate::Door::default(), &verb, &words[1..])
            .unwrap_or_else(|| Err(Failure::unknown_verb(&verb))),
    }
}

#[test]
fn every_verb_has_an_example_of_its_own() {
    for (name, _, teach) in VERBS {
        assert_eq!(*name, teach.name);
        let own = format!("teu {name}");
        assert!(teach.example.lines().any(|line| line.contains(&own)), "{name}");
        assert!(overview(&[]).contains(teach.about));
    }
    let text = of(&crate::run::VERB);
    assert!(text.contains("-m, --memory bytes") && text.contains("Example:"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 120), "{text}");
}
