//! What an image was built for.

use serde::{Deserialize, Serialize};
use std::fmt;

/// `os/architecture[/variant]` in Go's words, as every image index spells them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Platform {
    /// `linux`, always, for what teu runs.
    pub os: String,
    /// `amd64`, `arm64`, …
    pub architecture: String,
    /// `v7`, `v8`, …
    pub variant: Option<String>,
}

/// A text that names no platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not a platform; one looks like linux/amd64 or linux/arm/v7")]
pub struct BadPlatform {
    /// What was given.
    pub given: String,
}

impl Platform {
    /// The machine this program was built for.
    pub fn here() -> Platform {
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        Platform { os: "linux".into(), architecture: architecture.into(), variant: None }
    }

    /// From `linux/amd64`, `linux/arm/v7`, or an architecture alone.
    pub fn parse(text: &str) -> Result<Platform, BadPlatform> {
        let word = |part: &str| {
            !part.is_empty()
                && part.len() < 32
                && part.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_' || c == b'-')
        };
        let parts: Vec<&str> = text.split('/').collect();
        if !parts.iter().all(|part| word(part)) {
            return Err(BadPlatform { given: text.chars().take(100).collect() });
        }
        let (os, architecture, variant) = match parts[..] {
            [architecture] => ("linux", architecture, None),
            [os, architecture] => (os, architecture, None),
            [os, architecture, variant] => (os, architecture, Some(variant.to_string())),
            _ => return Err(BadPlatform { given: text.chars().take(100).collect() }),
        };
        let architecture = match architecture {
            "x86_64" | "x86-64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        Ok(Platform { os: os.into(), architecture: architecture.into(), variant })
    }

    /// Whether an image for `self` runs where `wanted` is asked for. A variant that is not named
    /// matches any; arm64 means v8.
    pub fn serves(&self, wanted: &Platform) -> bool {
        let variant = |p: &Platform| match (&p.variant, p.architecture.as_str()) {
            (None, "arm64") => Some("v8".to_string()),
            (variant, _) => variant.clone(),
        };
        self.os == wanted.os
            && self.architecture == wanted.architecture
            && (wanted.variant.is_none() || variant(self) == variant(wanted))
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant.as_ref().map_or(Ok(()), |variant| write!(f, "/{variant}"))
    }
}

#[test]
fn platforms() {
    let parse = |text| Platform::parse(text).unwrap();
    assert_eq!(parse("linux/x86_64"), parse("amd64"));
    assert!(parse("linux/arm64/v8").serves(&parse("linux/arm64")));
    assert!(parse("linux/arm64").serves(&parse("linux/arm64/v8")));
    assert!(!parse("linux/arm/v6").serves(&parse("linux/arm/v7")));
    assert!(Platform::parse("a//b").is_err());
    assert!(Platform::parse("a/b/c/d").is_err());
}
