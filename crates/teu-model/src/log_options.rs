//! Where a container's output is kept, and how much of it: `--log-driver`, `--log-opt`. Pure.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// As asked.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LogRequest {
    /// What keeps it.
    pub driver: LogDriver,
    /// `max-size`, `max-file`, …, as typed.
    pub options: BTreeMap<String, String>,
}

/// What keeps output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum LogDriver {
    /// Files in docker's json-file format.
    #[default]
    JsonFile,
    /// The same files, with docker's limits of that name: five of 20 MB.
    Local,
    /// Nothing does.
    None,
}

/// What the options come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogLimits {
    /// A file that has reached this size is closed and the next begun.
    pub max_size_bytes: u64,
    /// How many files there are at most.
    pub max_files: u32,
}

impl LogDriver {
    /// docker's name.
    pub fn name(self) -> &'static str {
        match self {
            LogDriver::JsonFile => "json-file",
            LogDriver::Local => "local",
            LogDriver::None => "none",
        }
    }

    /// From docker's name, in docker's words where it is not one.
    pub fn parse(name: &str) -> Result<LogDriver, String> {
        match name {
            "" | "json-file" => Ok(LogDriver::JsonFile),
            "local" => Ok(LogDriver::Local),
            "none" => Ok(LogDriver::None),
            "awslogs" | "fluentd" | "gcplogs" | "gelf" | "journald" | "logentries" | "splunk"
            | "syslog" => Err(format!("the log driver {name} is not there yet")),
            _ => Err(format!("logger: no log driver named '{name}' is registered")),
        }
    }
}

/// Options that put words beside each entry.
const WORDS: [&str; 3] = ["env", "labels", "tag"];
const LIMITS: [&str; 5] = ["compress", "max-buffer-size", "max-file", "max-size", "mode"];

impl LogRequest {
    /// Nothing was asked for: as it is in records that say nothing of it.
    pub fn is_default(&self) -> bool {
        *self == LogRequest::default()
    }

    /// What the options come to, or what is wrong with them.
    pub fn limits(&self) -> Result<LogLimits, String> {
        let driver = self.driver.name();
        for name in self.options.keys() {
            let known = match self.driver {
                LogDriver::JsonFile => {
                    LIMITS.contains(&name.as_str()) || WORDS.contains(&name.as_str())
                }
                LogDriver::Local => LIMITS.contains(&name.as_str()),
                LogDriver::None => false,
            };
            if !known {
                return Err(format!("unknown log opt '{name}' for {driver} log driver"));
            }
        }
        let get = |name: &str| self.options.get(name).map(String::as_str);
        let (size, files) = match self.driver {
            LogDriver::Local => (20_000_000, 5),
            LogDriver::JsonFile | LogDriver::None => (10_000_000, 3),
        };
        let max_size_bytes = match get("max-size") {
            None => size,
            Some("-1") => u64::MAX,
            Some(text) => decimal_size(text).ok_or(format!("invalid size: '{text}'"))?,
        };
        let max_files = match get("max-file").map(str::parse::<u32>) {
            None if get("max-size").is_some() && self.driver == LogDriver::JsonFile => 1,
            None => files,
            Some(Ok(count)) if count > 0 => count,
            Some(_) => return Err("max-file cannot be less than 1".into()),
        };
        match get("mode") {
            // A file never makes the container wait, so both are the same here.
            None | Some("blocking" | "non-blocking") => {}
            Some(other) => return Err(format!("logger: logging mode not supported: {other}")),
        }
        if let Some(text) = get("max-buffer-size") {
            if get("mode") != Some("non-blocking") {
                return Err(
                    "logger: max-buffer-size option is only supported with 'mode=non-blocking'"
                        .into(),
                );
            }
            decimal_size(text).ok_or(format!("invalid size: '{text}'"))?;
        }
        match get("compress") {
            None | Some("false" | "0") => {}
            Some(_) => return Err("the log option compress=true is not there yet".into()),
        }
        Ok(LogLimits { max_size_bytes, max_files })
    }

    /// The words that stand beside each entry of a container's log.
    pub fn words(
        &self,
        labels: &BTreeMap<String, String>,
        env: &[String],
        tag: impl Fn(&str) -> String,
    ) -> BTreeMap<String, String> {
        let list = |name: &str| {
            let text = self.options.get(name).cloned().unwrap_or_default();
            text.split(',').map(|one| one.trim().to_string()).collect::<Vec<_>>()
        };
        let mut words = BTreeMap::new();
        for name in list("labels") {
            words.extend(labels.get(&name).map(|value| (name.clone(), value.clone())));
        }
        for name in list("env") {
            let found = env.iter().filter_map(|one| one.split_once('='));
            let found = found.into_iter().find(|(key, _)| *key == name);
            words.extend(found.map(|(key, value)| (key.to_string(), value.to_string())));
        }
        if let Some(template) = self.options.get("tag").filter(|tag| !tag.is_empty()) {
            words.insert("tag".into(), tag(template));
        }
        words
    }
}

/// `10m` is ten million: sizes of logs are decimal.
fn decimal_size(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let number = lower.trim_end_matches('b').trim_end_matches(['k', 'm', 'g', 't']);
    let unit = lower.trim_end_matches('b').trim_start_matches(number);
    let factor = match unit {
        "" => 1.0,
        "k" => 1e3,
        "m" => 1e6,
        "g" => 1e9,
        "t" => 1e12,
        _ => return None,
    };
    let number: f64 = number.trim().parse().ok()?;
    let bytes = number * factor;
    (bytes.is_finite() && (1.0..1e18).contains(&bytes)).then_some(bytes as u64)
}

#[test]
fn options_come_to_limits() {
    let limits = |driver: &str, options: &[(&str, &str)]| {
        let options = options.iter().map(|(name, value)| (name.to_string(), value.to_string()));
        let driver = LogDriver::parse(driver)?;
        let request = LogRequest { driver, options: options.collect() };
        request.limits().map(|limits| (limits.max_size_bytes, limits.max_files))
    };
    assert_eq!(limits("", &[]), Ok((10_000_000, 3)));
    assert_eq!(limits("local", &[]), Ok((20_000_000, 5)));
    assert_eq!(limits("json-file", &[("max-size", "1.5k"), ("max-file", "7")]), Ok((1_500, 7)));
    assert_eq!(limits("json-file", &[("max-size", "2mb")]), Ok((2_000_000, 1)));
    for (driver, name, value, why) in [
        ("json-file", "max-sise", "1m", "unknown log opt 'max-sise' for json-file log driver"),
        ("local", "tag", "x", "unknown log opt 'tag' for local log driver"),
        ("none", "max-size", "1m", "unknown log opt 'max-size' for none log driver"),
        ("json-file", "max-size", "much", "invalid size: 'much'"),
        ("json-file", "max-file", "0", "max-file cannot be less than 1"),
        ("json-file", "mode", "fast", "logging mode not supported"),
        ("json-file", "max-buffer-size", "1m", "only supported with 'mode=non-blocking'"),
        ("json-file", "compress", "true", "not there yet"),
        ("journald", "tag", "x", "not there yet"),
        ("paper", "tag", "x", "no log driver named 'paper'"),
    ] {
        assert!(limits(driver, &[(name, value)]).unwrap_err().contains(why), "{driver} {name}");
    }
}
