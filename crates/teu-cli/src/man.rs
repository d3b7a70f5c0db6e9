//! `teu man`: manual pages, from the same definitions as `--help`.

use crate::exit_code::Failure;
use crate::flags::{Arguments, Flag, Takes, Verb};
use crate::help::{self, Teach};
use crate::{Door, Outcome, VERBS, output};
use std::ffi::OsString;

pub const TEACH: Teach = Teach {
    name: "man",
    usage: "[COMMAND]",
    about: "Print the manual page of teu or of one of its commands",
    example: "teu man run | man -l -\n\
              teu man ps > /usr/local/share/man/man1/teu-ps.1",
};

const VERB: Verb<()> = Verb {
    teach: TEACH,
    flags: &[],
    later: "",
    arguments: Arguments::Between(0, 2),
    first_ends_flags: false,
};

pub fn main(door: &Door, words: Vec<OsString>) -> Outcome {
    let Some(((), words)) = VERB.parse(words)? else { return Ok(0) };
    let Some((verb, rest)) = words.split_first() else {
        output::print(&overview(door));
        return Ok(0);
    };
    let ask: OsString = format!("--{}=man", crate::flags::DESCRIBE).into();
    if let Some((_, main, _)) = VERBS.iter().find(|(name, _, _)| name == verb) {
        return main(door, rest.iter().map(OsString::from).chain([ask]).collect());
    }
    let words: Vec<OsString> = rest.iter().map(OsString::from).chain([ask]).collect();
    crate::group::answer(door, verb, &words).unwrap_or_else(|| Err(Failure::unknown_verb(verb)))
}

/// teu(1).
fn overview(door: &Door) -> String {
    let mut text = head("teu", "containers without a daemon, in docker's words");
    text +=
        ".SH SYNOPSIS\n.B teu\n[\\fB\\-\\-root\\fR \\fIDIR\\fR] \\fICOMMAND\\fR\n.SH COMMANDS\n";
    for (name, _, teach) in VERBS {
        text += &format!(".TP\n.B {}\n{}\n", plain(name), plain(teach.about));
    }
    for (name, about) in crate::group::all() {
        text += &format!(".TP\n.B {}\n{}\n", plain(name), plain(about));
    }
    text += ".SH OPTIONS\n";
    for line in
        help::overview(door.tools).lines().skip_while(|line| *line != "Global Options:").skip(1)
    {
        if let Some((flag, doc)) = line.trim().split_once("  ") {
            text += &format!(".TP\n.B {}\n{}\n", plain(flag.trim()), plain(doc.trim()));
        }
    }
    text
}

/// teu-GROUP(1).
pub fn of_group(name: &str, about: &str, verbs: &[(&str, &str)]) -> String {
    let mut text = head(&format!("teu-{name}"), about);
    text += &format!(".SH SYNOPSIS\n.B teu {name}\n\\fICOMMAND\\fR\n.SH COMMANDS\n");
    for (verb, about) in verbs {
        text += &format!(".TP\n.B {}\n{}\n", plain(verb), plain(about));
    }
    text + ".SH SEE ALSO\n.BR teu (1)\n"
}

/// teu-VERB(1).
pub fn of<T: Default>(verb: &Verb<T>) -> String {
    let teach = verb.teach;
    let page = format!("teu-{}", teach.name.replace(' ', "-"));
    let mut text = head(&page, teach.about);
    text += &format!(".SH SYNOPSIS\n.B teu {}\n{}\n", plain(teach.name), plain(teach.usage));
    let mut flags: Vec<&Flag<T>> = verb.all().collect();
    flags.sort_by_key(|flag| flag.long);
    if !flags.is_empty() {
        text += ".SH OPTIONS\n";
    }
    for flag in flags {
        let short = flag.short.map_or(String::new(), |short| format!("\\-{short}, "));
        let value = match flag.takes {
            Takes::Nothing => String::new(),
            Takes::Value(kind) => format!(" \\fI{}\\fR", plain(kind)),
        };
        text += &format!(
            ".TP\n\\fB{short}\\-\\-{}\\fR{value}\n{}\n",
            plain(flag.long),
            plain(flag.doc)
        );
    }
    text += ".SH EXAMPLES\n.nf\n";
    for line in teach.example.lines() {
        text += &format!("{}\n", plain(line.trim()));
    }
    text + ".fi\n.SH SEE ALSO\n.BR teu (1)\n"
}

fn head(page: &str, about: &str) -> String {
    format!(
        ".TH {} 1 \"\" \"teu {}\"\n.SH NAME\n{} \\- {}\n",
        plain(&page.to_uppercase()),
        env!("CARGO_PKG_VERSION"),
        plain(page),
        plain(about)
    )
}

/// Letters that roff would take for something else.
fn plain(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    let text: String = text
        .chars()
        .map(|letter| match letter {
            letter if letter.is_ascii() => letter.to_string(),
            letter => format!("\\[u{:04X}]", u32::from(letter)),
        })
        .collect();
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}

#[test]
fn pages_come_from_the_definitions() {
    let page = of(&crate::run::VERB);
    assert!(page.starts_with(".TH TEU\\-RUN 1"), "{page}");
    assert!(page.contains("\\fB\\-m, \\-\\-memory\\fR \\fIbytes\\fR"), "{page}");
    assert!(overview(&Door::default()).contains(".B ps\n"));
}
