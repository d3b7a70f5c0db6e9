//! Unfinished words: what may stand at their end.

use super::{Arguments, DESCRIBE, Flag, Takes, Verb};
use std::ffi::OsString;

/// What is being typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// One of these flags, with their dashes.
    Flag(Vec<String>),
    /// The value of a flag, which is kept there as `--flag=` where it is typed so.
    Value(&'static str, String),
    /// An argument after these.
    Argument(Vec<String>),
    /// A word of the program in the container, or one too many.
    Nothing,
}

/// The word that asks for the place of a last word.
pub fn question(typed: &str) -> OsString {
    format!("--{DESCRIBE}=place:{typed}").into()
}

/// The last word, where the words are such a question.
pub(super) fn asked(words: &[OsString]) -> Option<String> {
    let last = words.last()?.to_str()?.strip_prefix("--")?.strip_prefix(DESCRIBE)?;
    last.strip_prefix("=place:").map(str::to_string)
}

impl<T: Default> Verb<T> {
    /// Where a word stands that follows `words` and begins with `typed`. Nothing is wrong here: the words are
    /// not finished.
    pub(super) fn place(&self, words: &[OsString], typed: &str) -> Place {
        let mut arguments = Vec::new();
        let mut waits: Option<&'static str> = None;
        let mut flags_end = false;
        for word in words.iter().map(|word| word.to_string_lossy()) {
            if waits.take().is_some() {
                continue;
            }
            if flags_end || word == "-" || !word.starts_with('-') {
                arguments.push(word.into_owned());
                flags_end |= self.first_ends_flags;
            } else if word == "--" {
                flags_end = true;
            } else {
                waits = self.wants_value(&word);
            }
        }
        if let Some(flag) = waits {
            return Place::Value(flag, String::new());
        }
        if let Some((long, _)) = typed.strip_prefix("--").and_then(|typed| typed.split_once('=')) {
            let known = self.all().find(|flag| flag.long == long);
            return known.map_or(Place::Nothing, |flag| {
                Place::Value(flag.long, format!("--{}=", flag.long))
            });
        }
        if typed.starts_with('-') && !flags_end {
            return Place::Flag(self.spelled_flags());
        }
        let full = match self.arguments {
            Arguments::AtLeast(_) => false,
            Arguments::Exactly(count) | Arguments::Between(_, count) => arguments.len() >= count,
        };
        if full || (self.first_ends_flags && !arguments.is_empty()) {
            return Place::Nothing;
        }
        Place::Argument(arguments)
    }

    /// The flag of `word` whose value is the next word.
    fn wants_value(&self, word: &str) -> Option<&'static str> {
        let takes = |flag: &&Flag<T>| matches!(flag.takes, Takes::Value(_));
        if let Some(long) = word.strip_prefix("--") {
            return self.all().find(|flag| flag.long == long).filter(takes).map(|flag| flag.long);
        }
        let mut letters = word.chars().skip(1);
        while let Some(letter) = letters.next() {
            let flag = self.all().find(|flag| flag.short == Some(letter))?;
            if takes(&flag) {
                return letters.next().is_none().then_some(flag.long);
            }
        }
        None
    }

    fn spelled_flags(&self) -> Vec<String> {
        let long = self.all().map(|flag| format!("--{}", flag.long));
        let short = self.all().filter_map(|flag| Some(format!("-{}", flag.short?)));
        long.chain(short).chain(["--help".to_string()]).collect()
    }
}

#[test]
fn places() {
    let at = |words: &str, typed: &str| {
        let words: Vec<OsString> = words.split_ascii_whitespace().map(OsString::from).collect();
        crate::run::VERB.place(&words, typed)
    };
    assert_eq!(at("-it --name", "x"), Place::Value("name", String::new()));
    assert_eq!(at("-itv", ""), Place::Value("volume", String::new()));
    assert_eq!(at("-it", "--pull=al"), Place::Value("pull", "--pull=".into()));
    assert_eq!(at("-it --name web -v/x:/x", "bu"), Place::Argument(Vec::new()));
    assert_eq!(at("busybox", "-"), Place::Nothing);
    let Place::Flag(flags) = at("--rm", "--") else { panic!("flags") };
    assert!(flags.contains(&"--network".to_string()) && flags.contains(&"-i".to_string()));
    assert_eq!(asked(&[question("")]), Some(String::new()));
}
