//! The image's configuration: which layers, what to run in them, and how it came to be.

use super::document::null_is_default;
use super::{CHILDREN_MAX, CONFIG_SIZE_MAX, DocumentError};
use serde::de::value::MapAccessDeserializer;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::marker::PhantomData;
use teu_model::{DiffId, Platform, Timestamp};

/// An image's configuration. The hash of its bytes is the image's id.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageConfig {
    /// For which processor, in Go's words.
    #[serde(deserialize_with = "null_is_default")]
    pub architecture: String,
    /// `v7`, `v8`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// `linux`.
    #[serde(deserialize_with = "null_is_default")]
    pub os: String,
    /// When it was made, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// By whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// A word about it; docker's, not OCI's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// What a container of it does unless told otherwise.
    #[serde(deserialize_with = "object_or_null")]
    pub config: ContainerConfig,
    /// Its layers.
    #[serde(deserialize_with = "object_or_null")]
    pub rootfs: RootFs,
    /// How it came to be.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_default")]
    pub history: Vec<History>,
}

/// The layers, uncompressed, the lowest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootFs {
    /// Always `layers`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Their digests.
    #[serde(default, deserialize_with = "null_is_default")]
    pub diff_ids: Vec<DiffId>,
}

impl Default for RootFs {
    fn default() -> RootFs {
        RootFs { kind: "layers".into(), diff_ids: Vec::new() }
    }
}

/// One step of how the image came to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct History {
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// By which command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// By whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// A word about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// It made no layer.
    #[serde(skip_serializing_if = "is_false")]
    pub empty_layer: bool,
}

/// What a container does unless told otherwise. Docker's extensions included, which OCI's own
/// libraries drop: Healthcheck, OnBuild, Shell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ContainerConfig {
    /// `user[:group]`, by name or number.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_is_default")]
    pub user: String,
    /// `80/tcp`.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", with = "set")]
    pub exposed_ports: BTreeSet<String>,
    /// `NAME=value`, in order.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_default")]
    pub env: Vec<String>,
    /// What is run; `Cmd` are its arguments then.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "words")]
    pub entrypoint: Vec<String>,
    /// What is run where there is no entrypoint.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "words")]
    pub cmd: Vec<String>,
    /// Where volumes are made.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", with = "set")]
    pub volumes: BTreeSet<String>,
    /// Where it starts.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_is_default")]
    pub working_dir: String,
    /// Free words.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "null_is_default")]
    pub labels: BTreeMap<String, String>,
    /// The signal that ends it.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_is_default")]
    pub stop_signal: String,
    /// Seconds after which it is killed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_timeout: Option<i64>,
    /// How to ask whether it is well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub healthcheck: Option<Healthcheck>,
    /// What a build on top of it runs first.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_default")]
    pub on_build: Vec<String>,
    /// The shell of a build's shell forms.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "words")]
    pub shell: Vec<String>,
    /// The command line is escaped already; Windows only, kept as it is.
    #[serde(skip_serializing_if = "is_false", deserialize_with = "null_is_default")]
    pub args_escaped: bool,
}

/// How to ask whether a container is well. Durations in nanoseconds; 0 means docker's default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Healthcheck {
    /// Empty: as inherited. `NONE`, `CMD …`, `CMD-SHELL …`.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_default")]
    pub test: Vec<String>,
    /// Between two questions.
    #[serde(skip_serializing_if = "is_zero")]
    pub interval: i64,
    /// For one answer.
    #[serde(skip_serializing_if = "is_zero")]
    pub timeout: i64,
    /// In which failures do not count.
    #[serde(skip_serializing_if = "is_zero")]
    pub start_period: i64,
    /// Between two questions in the start period.
    #[serde(skip_serializing_if = "is_zero")]
    pub start_interval: i64,
    /// Failures in a row that make it unwell.
    #[serde(skip_serializing_if = "is_zero")]
    pub retries: i64,
}

impl ImageConfig {
    /// Reads and checks one.
    pub fn parse(bytes: &[u8]) -> Result<ImageConfig, DocumentError> {
        const WHAT: &str = "image configuration";
        let (size, limit) = (bytes.len(), CONFIG_SIZE_MAX);
        if size > limit {
            return Err(DocumentError::TooLarge { what: WHAT, size, limit });
        }
        let config: ImageConfig = super::from_object(bytes, WHAT)?;
        let inconsistent = |why: String| Err(DocumentError::Inconsistent { why });
        if config.rootfs.kind != "layers" {
            let kind = super::shown(&config.rootfs.kind);
            return inconsistent(format!("its root file system is of type `{kind}`"));
        }
        let (count, limit) = (config.rootfs.diff_ids.len(), CHILDREN_MAX);
        if count > limit {
            return Err(DocumentError::TooMany { what: WHAT, count, limit });
        }
        Ok(config)
    }

    /// For what it was built. Where it does not say, this machine is meant, as docker takes it.
    pub fn platform(&self) -> Platform {
        let here = Platform::here();
        let or = |text: &str, other: String| if text.is_empty() { other } else { text.into() };
        Platform {
            os: or(&self.os, here.os),
            architecture: or(&self.architecture, here.architecture),
            variant: self.variant.clone().filter(|variant| !variant.is_empty()),
        }
    }

    /// When it was made, if it says so in a way that can be read.
    pub fn created_at(&self) -> Option<Timestamp> {
        Timestamp::parse_rfc3339(self.created.as_deref()?)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
fn is_false(value: &bool) -> bool {
    !value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
fn is_zero(value: &i64) -> bool {
    *value == 0
}

/// Only an object: serde would take `["sh"]` for a config whose user is `sh`.
fn object_or_null<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    struct Object<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de> + Default> Visitor<'de> for Object<T> {
        type Value = T;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map))
        }
        fn visit_unit<E>(self) -> Result<T, E> {
            Ok(T::default())
        }
    }
    from.deserialize_any(Object(PhantomData))
}

/// Old docker wrote a command as one string.
fn words<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Words {
        One(String),
        Many(Vec<String>),
    }
    Ok(match Option::deserialize(from)? {
        None => Vec::new(),
        Some(Words::One(word)) => vec![word],
        Some(Words::Many(words)) => words,
    })
}

/// Go's way to write a set: an object whose values are `{}`.
mod set {
    use super::{BTreeMap, BTreeSet, Deserialize, Deserializer, IgnoredAny, Serialize, Serializer};

    pub fn serialize<S: Serializer>(set: &BTreeSet<String>, to: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Nothing {}
        to.collect_map(set.iter().map(|key| (key, Nothing {})))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeSet<String>, D::Error> {
        let map: Option<BTreeMap<String, IgnoredAny>> = Option::deserialize(from)?;
        Ok(map.unwrap_or_default().into_keys().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_docker_writes_it() {
        let config = ImageConfig::parse(
            br#"{"architecture":"amd64","os":"linux","created":"2024-01-02T03:04:05.6Z",
                "config":{"Hostname":"","User":"","Env":["PATH=/bin"],"Cmd":["sh"],"Entrypoint":null,
                  "Volumes":null,"ExposedPorts":{"80/tcp":{}},"Labels":null,"OnBuild":null,
                  "Healthcheck":{"Test":["CMD","x"],"Interval":30000000000},"ArgsEscaped":true},
                "container_config":{"Cmd":"x"},"docker_version":"1",
                "rootfs":{"type":"layers","diff_ids":null},
                "history":[{"created_by":"x","empty_layer":true}]}"#,
        )
        .unwrap();
        assert_eq!(config.config.cmd, ["sh"]);
        assert_eq!(config.config.exposed_ports.len(), 1);
        assert_eq!(config.config.healthcheck.as_ref().unwrap().interval, 30_000_000_000);
        assert!(config.created_at().is_some() && config.history[0].empty_layer);
        let again = ImageConfig::parse(&serde_json::to_vec(&config).unwrap()).unwrap();
        assert_eq!(again, config);
    }

    #[test]
    fn what_is_missing() {
        let config = ImageConfig::parse(br#"{"config":{"Entrypoint":"sh"}}"#).unwrap();
        assert_eq!(config.platform(), Platform::here());
        assert_eq!(config.config.entrypoint, ["sh"]);
        for bad in [
            "",
            "[]",
            r#"{"rootfs":{"type":"other","diff_ids":[]}}"#,
            r#"{"rootfs":{"type":"layers","diff_ids":["sha256:0"]}}"#,
            r#"{"config":{"Env":"A=b"}}"#,
            r#"{"config":{"Volumes":["/a"]}}"#,
            r#"{"os":"linux","os":"linux"}"#,
            r#"{"config":{"Healthcheck":{"Interval":"30s"}}}"#,
        ] {
            assert!(ImageConfig::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
