//! `teu why`: how a container ended, and what to change.

use crate::flags::{Arguments, Flag, Takes, Verb};
use crate::help::Teach;
use crate::{Door, Outcome, output};
use serde_json::json;
use std::ffi::OsString;
use teu_engine::Why;

pub const TEACH: Teach = Teach {
    name: "why",
    usage: "[OPTIONS] [CONTAINER]",
    about: "Tell why a container ended: the last one, or the one that is named",
    example: "teu why\n\
              teu why web        # also a while after it was removed",
};

/// As typed.
#[derive(Debug, Default)]
pub struct WhyFlags {
    format: String,
}

const FLAGS: &[Flag<WhyFlags>] = &[Flag {
    long: "format",
    short: Some('f'),
    takes: Takes::Value("string"),
    doc: "json: the same for programs",
    set: |typed, value| match value {
        "" | "json" => {
            typed.format = value.to_string();
            Ok(())
        }
        _ => Err("it must be json".to_string()),
    },
}];

const VERB: Verb<WhyFlags> = Verb {
    teach: TEACH,
    flags: &[FLAGS],
    later: "",
    arguments: Arguments::Between(0, 1),
    first_ends_flags: false,
};

pub fn main(door: &Door, words: Vec<OsString>) -> Outcome {
    let Some((flags, names)) = VERB.parse(words)? else { return Ok(0) };
    let why = door.engine()?.why(names.first().map(String::as_str))?;
    let text = if flags.format == "json" { as_json(&why) } else { as_text(&why) };
    output::print(&text);
    Ok(0)
}

fn as_json(why: &Why) -> String {
    let facts: serde_json::Map<_, _> =
        why.facts.iter().map(|(name, value)| ((*name).to_string(), value.clone().into())).collect();
    let value = json!({
        "Id": why.id, "Sentence": why.sentence, "Facts": facts, "Kernel": why.kernel, "Log": why.log,
        "Advice": why.advice,
    });
    format!("{value}\n")
}

fn as_text(why: &Why) -> String {
    let mut text = format!("{}\n\n", why.sentence);
    for (name, value) in &why.facts {
        text += &format!("  {name:<14} {value}\n");
    }
    for (head, lines) in [
        ("the kernel said", &why.kernel),
        ("its last lines", &why.log),
        ("what to do", &why.advice),
    ] {
        if !lines.is_empty() {
            text += &format!("\n{head}:\n");
            text.extend(lines.iter().map(|line| format!("  {}\n", line.escape_debug())));
        }
    }
    text
}
