//! /etc/teu/config.toml: what the machine's owner decides once.
//!
//! ```toml
//! [registry]
//! insecure = ["10.0.0.5:5000"]                   # spoken to over plain HTTP; loopback always may be
//! [registry.mirrors]
//! "docker.io" = ["http://127.0.0.1:5000"]        # asked first, in this order
//! ```
//!
//! A key that is not known is an error with its line: a setting that does nothing is worse than none.

use crate::EngineError;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// The whole file; absent, all defaults.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How registries are reached.
    pub registry: RegistrySection,
}

/// `[registry]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RegistrySection {
    /// `HOST[:PORT]` of registries that speak plain HTTP.
    pub insecure: Vec<String>,
    /// Registry → base addresses asked before it.
    pub mirrors: BTreeMap<String, Vec<String>>,
}

impl Config {
    /// Reads `config.toml` in `directory`.
    pub fn load(directory: &Path) -> Result<Config, EngineError> {
        let path = directory.join("config.toml");
        match std::fs::read_to_string(&path) {
            Ok(text) => Config::parse(&text).map_err(|source| EngineError::Step {
                attempt: format!("understand the configuration {}", path.display()),
                source: source.into(),
                hint: Some("every key is described in docs/howto/configuration.md".into()),
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Config::default()),
            Err(source) => Err(EngineError::State { attempt: "read", path, source }),
        }
    }

    /// The text of the file.
    pub fn parse(text: &str) -> Result<Config, toml::de::Error> {
        toml::from_str(text)
    }
}

#[test]
fn an_unknown_key_is_named_with_its_line() {
    let error = Config::parse("[registry]\ninsecur = []\n").unwrap_err().to_string();
    assert!(error.contains("line 2") && error.contains("insecur"), "{error}");
    let config = Config::parse(
        "[registry]\ninsecure = ['a:1']\n[registry.mirrors]\n'docker.io' = ['http://x']\n",
    )
    .unwrap();
    assert_eq!(config.registry.insecure, ["a:1"]);
    assert_eq!(config.registry.mirrors["docker.io"], ["http://x"]);
}
