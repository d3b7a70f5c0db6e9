//! `--filter name=value`, as every list has it: one key's values mean any of them, several keys all.

use crate::exit_code::Failure;
use crate::pattern::Pattern;
use std::collections::BTreeMap;

/// What was typed, by key.
#[derive(Debug, Default)]
pub struct Filters(Vec<(String, String)>);

impl Filters {
    /// One more. Nothing at all is no filter, as with docker.
    pub fn add(&mut self, text: &str) -> Result<(), String> {
        if text.is_empty() {
            return Ok(());
        }
        let (name, value) =
            text.split_once('=').ok_or("bad format of filter (expected name=value)")?;
        // `label!=x` is the key `label!`.
        self.0.push((name.trim().to_ascii_lowercase(), value.trim().to_string()));
        Ok(())
    }

    /// Refuses keys that a verb does not know, in docker's words.
    pub fn check(&self, known: &[&str]) -> Result<(), Failure> {
        match self.0.iter().find(|(key, _)| !known.contains(&key.as_str())) {
            Some((key, _)) => Err(Failure::new(format!("invalid filter '{key}'"))),
            None => Ok(()),
        }
    }

    /// Refuses values of `key` that are not among `known`.
    pub fn check_values(&self, key: &str, known: &[&str]) -> Result<(), Failure> {
        match self.values(key).find(|value| !known.contains(value)) {
            Some(value) => Err(Failure::new(format!("invalid filter '{key}={value}'"))),
            None => Ok(()),
        }
    }

    /// All values of `key`.
    pub fn values(&self, key: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(own, _)| own == key).map(|(_, value)| value.as_str())
    }

    /// As typed, for a question.
    pub fn shown(&self) -> Vec<String> {
        self.0.iter().map(|(key, value)| format!("{key}={value}")).collect()
    }

    /// Whether `key` was given.
    pub fn has(&self, key: &str) -> bool {
        self.values(key).next().is_some()
    }

    /// No value of `key`, or one that fits.
    pub fn any(&self, key: &str, fits: impl Fn(&str) -> bool) -> bool {
        !self.has(key) || self.values(key).any(fits)
    }

    /// A text that a regular expression, or the text itself, is found in.
    pub fn matches(&self, key: &str, text: &str) -> bool {
        self.any(key, |value| {
            value == text || Pattern::parse(value).is_some_and(|pattern| pattern.fits(text))
        })
    }

    /// A switch: `true`, `1`, `false`, `0`.
    pub fn switch(&self, key: &str) -> Result<Option<bool>, Failure> {
        let mut answers = Vec::new();
        for value in self.values(key) {
            answers.push(match value {
                "1" | "true" => true,
                "0" | "false" => false,
                _ => return Err(Failure::new(format!("invalid filter '{key}={value}'"))),
            });
        }
        // Both mean either.
        Ok(answers.first().copied().filter(|first| answers.iter().all(|answer| answer == first)))
    }

    /// All labels that were asked for, and none that were asked away.
    pub fn labels(&self, labels: &BTreeMap<String, String>) -> bool {
        let has = |wanted: &str| match wanted.split_once('=') {
            Some((name, value)) => labels.get(name).is_some_and(|own| own == value),
            None => labels.contains_key(wanted),
        };
        self.values("label").all(has) && !self.values("label!").any(has)
    }
}

#[test]
fn as_docker_reads_them() {
    let mut filters = Filters::default();
    for text in ["name=^web", "name=db", "label=a=1", "label=b", "label!=c", ""] {
        filters.add(text).unwrap();
    }
    assert!(filters.add("x").is_err());
    assert!(filters.matches("name", "web-1") && filters.matches("name", "mydb"));
    assert!(!filters.matches("name", "other") && filters.matches("id", "any"));
    let labels = |pairs: &[(&str, &str)]| {
        filters.labels(&pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect())
    };
    assert!(labels(&[("a", "1"), ("b", "")]));
    assert!(!labels(&[("a", "2"), ("b", "")]) && !labels(&[("a", "1"), ("b", ""), ("c", "")]));
    assert!(
        filters.check(&["name", "label", "label!"]).is_ok() && filters.check(&["name"]).is_err()
    );
}
