//! What a user types for an image: `[HOST[:PORT]/]PATH[:TAG][@DIGEST]`.
//!
//! Grammar and defaults as in the distribution project's reference package: no host means docker.io,
//! a single component on docker.io means `library/`, neither tag nor digest means `latest`.

use crate::Digest;
use std::fmt;

/// An image's name with all defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    /// `docker.io`, `localhost:5000`, `[::1]:5000`.
    pub registry: String,
    /// `library/debian`.
    pub repository: String,
    /// `latest` where neither tag nor digest was given; none beside a digest alone.
    pub tag: Option<String>,
    /// Pins the content whatever the tag says.
    pub digest: Option<Digest>,
}

/// A text that names no image. The reasons are docker's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadReference {
    /// An upper case letter stands in the repository.
    #[error("invalid reference format: repository name ({repository}) must be lowercase")]
    UpperCase {
        /// The repository part.
        repository: String,
    },
    /// Anything else that breaks the grammar.
    #[error("invalid reference format: `{given}`: {reason}")]
    Format {
        /// What was given, cut to a printable length.
        given: String,
        /// Which rule it breaks.
        reason: &'static str,
    },
}

impl Reference {
    /// Parses and fills in the defaults.
    pub fn parse(text: &str) -> Result<Reference, BadReference> {
        let bad = |reason| BadReference::Format { given: text.chars().take(300).collect(), reason };
        if text.is_empty() {
            return Err(bad("an image name is missing"));
        }
        let (name_and_tag, digest) = match text.split_once('@') {
            None => (text, None),
            Some((name, digest)) => {
                let digest = Digest::parse(digest)
                    .map_err(|_| bad("the digest must be sha256: and 64 hex digits"))?;
                (name, Some(digest))
            }
        };
        // A colon after the last slash begins a tag; one before it is a port.
        let path_start = name_and_tag.rfind('/').map_or(0, |slash| slash + 1);
        let (name, tag) = match name_and_tag[path_start..].split_once(':') {
            None => (name_and_tag, None),
            Some((last, tag)) => (&name_and_tag[..path_start + last.len()], Some(tag)),
        };
        if let Some(tag) = tag {
            let word = |c: u8| c.is_ascii_alphanumeric() || c == b'_';
            let starts_well = tag.bytes().next().is_some_and(word);
            let goes_on = tag.bytes().all(|c| word(c) || c == b'.' || c == b'-');
            if !(starts_well && goes_on && tag.len() <= 128) {
                return Err(bad("a tag is up to 128 letters, digits, `_`, `.`, `-`"));
            }
        }
        let (registry, path) = match name.split_once('/') {
            Some((first, rest))
                if first.contains(['.', ':'])
                    || first == "localhost"
                    || first.bytes().any(|c| c.is_ascii_uppercase()) =>
            {
                (first, rest)
            }
            _ => ("docker.io", name),
        };
        let registry = if registry == "index.docker.io" { "docker.io" } else { registry };
        if !is_host(registry) {
            return Err(bad("the registry must be HOST or HOST:PORT"));
        }
        if path.bytes().any(|c| c.is_ascii_uppercase()) {
            return Err(BadReference::UpperCase { repository: path.chars().take(300).collect() });
        }
        let repository = if registry == "docker.io" && !path.contains('/') {
            format!("library/{path}")
        } else {
            path.to_string()
        };
        if !repository.split('/').all(is_component) {
            return Err(bad(
                "a path component is lower case letters and digits, separated by `.`, `_`, `__` or `-`",
            ));
        }
        if registry.len() + 1 + repository.len() > 255 {
            return Err(bad("the name is longer than 255 characters"));
        }
        let tag = match (tag, &digest) {
            (Some(tag), _) => Some(tag.to_string()),
            (None, Some(_)) => None,
            (None, None) => Some("latest".to_string()),
        };
        Ok(Reference { registry: registry.to_string(), repository, tag, digest })
    }

    /// As short as docker prints it: without `docker.io/` and `library/`, without tag and digest.
    pub fn familiar_name(&self) -> String {
        if self.registry == "docker.io" {
            self.repository.strip_prefix("library/").unwrap_or(&self.repository).to_string()
        } else {
            format!("{}/{}", self.registry, self.repository)
        }
    }

    /// The short name with its tag and digest: what `docker ps` shows.
    pub fn familiar(&self) -> String {
        let mut text = self.familiar_name();
        if let Some(tag) = &self.tag {
            text += &format!(":{tag}");
        }
        if let Some(digest) = &self.digest {
            text += &format!("@{digest}");
        }
        text
    }
}

/// `[a-z0-9]+` parts joined by `.`, `_`, `__` or any number of `-`.
fn is_component(text: &str) -> bool {
    let mut separator = String::new();
    let mut seen_word = false;
    for c in text.chars() {
        if c.is_ascii_lowercase() || c.is_ascii_digit() {
            let joined = matches!(separator.as_str(), "" | "." | "_" | "__")
                || separator.bytes().all(|c| c == b'-');
            if !joined || (!seen_word && !separator.is_empty()) {
                return false;
            }
            separator.clear();
            seen_word = true;
        } else if "._-".contains(c) {
            separator.push(c);
        } else {
            return false;
        }
    }
    seen_word && separator.is_empty()
}

/// A domain name, an IPv4 address or a bracketed IPv6 address, each with an optional port.
fn is_host(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, rest)) => {
                if address.parse::<std::net::Ipv6Addr>().is_err() {
                    return false;
                }
                ("", rest.strip_prefix(':').or((!rest.is_empty()).then_some("bad")))
            }
            None => return false,
        },
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-')
    };
    port.is_none_or(|port| port.parse::<u16>().is_ok() && port.bytes().all(|c| c.is_ascii_digit()))
        && (text.starts_with('[') || host.split('.').all(label))
}

/// The whole name, defaults and all.
impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[track_caller]
fn check(given: &str, expected: &str) {
    let got = Reference::parse(given).map_or_else(|error| format!("{error}"), |r| r.to_string());
    assert!(
        got == expected || (expected == "error" && got.starts_with("invalid reference")),
        "{given}: {got}"
    );
}

#[test]
fn references() {
    let digest = format!("sha256:{}", "0".repeat(64));
    check("busybox", "docker.io/library/busybox:latest");
    check("index.docker.io/busybox:1.36", "docker.io/library/busybox:1.36");
    check("me/app", "docker.io/me/app:latest");
    check("localhost/app", "localhost/app:latest");
    check("localhost:5000/app", "localhost:5000/app:latest");
    check("[::1]:5000/app", "[::1]:5000/app:latest");
    check(&format!("a@{digest}"), &format!("docker.io/library/a@{digest}"));
    check(&format!("a:b@{digest}"), &format!("docker.io/library/a:b@{digest}"));
    check("e/a__b--c.d", "docker.io/e/a__b--c.d:latest");
    check("Busybox", "invalid reference format: repository name (Busybox) must be lowercase");
    for bad in [
        "",
        ":",
        "a:",
        "/a",
        "a/",
        "a//b",
        "a___b",
        "-a",
        "a-",
        "a@sha256:0",
        "a:b:c",
        "a b",
        "host:99999/a",
        "[::g]/a",
        "../a",
        "a/../b",
        "a.._b",
        "https://a/b",
        "-x.com/a",
        "a:-b",
    ] {
        check(bad, "error");
    }
}

#[test]
fn familiar_names() {
    let familiar = |text| Reference::parse(text).unwrap().familiar();
    assert_eq!(familiar("docker.io/library/busybox"), "busybox:latest");
    assert_eq!(familiar("me/app:1"), "me/app:1");
    assert_eq!(familiar("localhost:5000/x"), "localhost:5000/x:latest");
}
