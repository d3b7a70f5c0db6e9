//! Failures, as they are told, and the exit codes that scripts know.
//!
//! | code | after `run`, `create`, `exec` | after other verbs |
//! |---|---|---|
//! | 0–255 | the program's own; 128 + n after signal n | |
//! | 125 | teu could not do it | a flag that is not known |
//! | 126 | the program is there and cannot be run | |
//! | 127 | the program is not there | |
//! | 1 | no terminal where one was asked for | anything else |

use crate::flags::Place;
use crate::{VERBS, suggest, terminal};
use std::error::Error;
use teu_engine::EngineError;

/// Something to be told, and the status it ends with.
#[derive(Debug)]
pub struct Failure {
    message: String,
    hint: Option<String>,
    code: u8,
    /// Lines after the message: usage.
    after: Option<String>,
    /// Everything was told already.
    silent: bool,
    /// No failure: what was asked about unfinished words.
    place: Option<Place>,
}

/// As docker has it for what teu itself could not do.
pub const OWN_FAULT: u8 = 125;

impl Failure {
    /// With exit status 1.
    pub fn new(message: impl Into<String>) -> Failure {
        Failure {
            message: message.into(),
            hint: None,
            code: 1,
            after: None,
            silent: false,
            place: None,
        }
    }

    /// All was told; only the status is left.
    pub fn told(code: u8) -> Failure {
        Failure { code, silent: true, ..Failure::new("") }
    }

    /// The answer to a question about unfinished words: nothing else is done.
    pub fn place(place: Place) -> Failure {
        Failure { place: Some(place), ..Failure::told(0) }
    }

    /// That answer.
    pub fn into_place(self) -> Option<Place> {
        self.place
    }

    /// The command line cannot be understood.
    pub fn usage(verb: Option<&str>, message: impl Into<String>) -> Failure {
        let command = verb.map_or("teu".to_string(), |verb| format!("teu {verb}"));
        let after = format!("\nRun '{command} --help' for more information");
        Failure { code: OWN_FAULT, after: Some(after), ..Failure::new(message) }
    }

    /// Docker's words, and what may have been meant.
    pub fn unknown_flag(verb: Option<&str>, typed: &str, known: &[&str]) -> Failure {
        let name = typed.trim_start_matches('-');
        let message = if typed.starts_with("--") {
            format!("unknown flag: {typed}")
        } else {
            format!("unknown shorthand flag: '{name}' in {typed}")
        };
        let meant = suggest::nearest(name, known.iter().copied()).filter(|_| name.len() > 1);
        let failure = Failure::usage(verb, message);
        match meant {
            Some(meant) => failure.hint(format!("did you mean --{meant}?")),
            None => failure,
        }
    }

    /// Docker's words, and what may have been meant.
    pub fn unknown_verb(typed: &str) -> Failure {
        let failure =
            Failure { code: 1, ..Failure::usage(None, format!("unknown command: teu {typed}")) };
        if LATER.contains(&typed) {
            return failure.hint(format!("docker's `{typed}` is not there yet; it comes later"));
        }
        match suggest::nearest(typed, VERBS.iter().map(|(name, _, _)| *name)) {
            Some(meant) => failure.hint(format!("did you mean teu {meant}?")),
            None => failure,
        }
    }

    /// With this status.
    pub fn code(self, code: u8) -> Failure {
        Failure { code, ..self }
    }

    /// With this advice, unless there is better.
    pub fn hint(self, hint: impl Into<String>) -> Failure {
        Failure { hint: Some(self.hint.unwrap_or_else(|| hint.into())), ..self }
    }

    /// With its cause.
    pub fn because(self, cause: impl std::fmt::Display) -> Failure {
        Failure { message: format!("{}: {cause}", self.message), ..self }
    }

    /// Prints it, and returns the status.
    pub fn tell(&self) -> u8 {
        if !self.silent {
            let text = printable(&self.text());
            eprint!("{}", if terminal::stderr_has_colours() { coloured(&text) } else { text });
        }
        self.code
    }

    fn text(&self) -> String {
        let mut text = format!("teu: {}\n", self.message);
        if let Some(hint) = &self.hint {
            text += &format!("hint: {hint}\n");
        }
        if let Some(after) = &self.after {
            text += &format!("{after}\n");
        }
        text
    }
}

/// Who speaks is red, advice is cyan.
fn coloured(text: &str) -> String {
    let line = |line: &str| match (line.strip_prefix("teu: "), line.strip_prefix("hint: ")) {
        (Some(told), _) => format!("\x1b[1;31mteu:\x1b[0m {told}\n"),
        (_, Some(hint)) => format!("\x1b[36mhint:\x1b[0m {hint}\n"),
        _ => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

/// What was typed, or what a file or a registry said, never reaches the terminal as a command to it.
fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\n' | '\t' => shown.push(letter),
            letter if letter.is_control() => shown.extend(letter.escape_debug()),
            letter => shown.push(letter),
        }
    }
    shown
}

/// An error of the engine ends verbs with 1; `run`, `create` and `exec` choose their own.
impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Failure {
        Failure { hint: error.hint(), ..Failure::new(with_causes(&error)) }
    }
}

impl From<teu_engine::parts::MonitorError> for Failure {
    fn from(error: teu_engine::parts::MonitorError) -> Failure {
        Failure::new(with_causes(&error))
    }
}

/// As `run` and `create` end: 125, or what the program's own failure asks for.
pub fn of_run(error: EngineError) -> Failure {
    let code = error.exit_code();
    Failure::from(error).code(code)
}

fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        // A part whose text already ends with its cause would say it twice.
        let inner_text = inner.to_string();
        if !text.ends_with(&inner_text) {
            text += &format!(": {inner_text}");
        }
        cause = inner.source();
    }
    text
}

/// Does `work` for each name; prints the name where `echo` says so; tells each failure, and goes on.
pub fn for_each(
    names: &[String],
    echo: bool,
    mut work: impl FnMut(&str) -> Result<(), Failure>,
) -> Result<u8, Failure> {
    let mut status = 0;
    for name in names {
        match work(name) {
            Ok(()) if echo => crate::output::print(&format!("{name}\n")),
            Ok(()) => {}
            Err(failure) => {
                status = failure.tell();
            }
        }
    }
    Ok(status)
}

/// Docker's verbs that teu does not have yet.
const LATER: &[&str] = &[
    "build",
    "builder",
    "buildx",
    "checkpoint",
    "compose",
    "config",
    "container",
    "context",
    "history",
    "image",
    "login",
    "logout",
    "manifest",
    "network",
    "node",
    "plugin",
    "port",
    "push",
    "save",
    "search",
    "secret",
    "service",
    "stack",
    "swarm",
    "trust",
];

#[test]
fn what_a_user_reads() {
    let failure = Failure::unknown_flag(Some("run"), "--memroy", &["memory", "name"]);
    assert_eq!(
        failure.text(),
        "teu: unknown flag: --memroy\nhint: did you mean --memory?\n\nRun 'teu run --help' for more information\n"
    );
    assert_eq!(failure.code, 125);
    assert!(coloured(&failure.text()).starts_with("\x1b[1;31mteu:\x1b[0m unknown flag"));
    assert!(Failure::unknown_verb("rnu").text().contains("did you mean teu run?"));
    assert!(Failure::unknown_verb("build").text().contains("not there yet"));
    let error = EngineError::NoSuchContainer { given: "x".into() };
    assert_eq!(of_run(error).text(), "teu: No such container: x\n");
}
