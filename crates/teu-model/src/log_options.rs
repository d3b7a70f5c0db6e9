//! Where a container's output is kept, and how much of it: `--log-driver`, `--log-opt`. Pure.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

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
    /// systemd's journal, and a few files so that `logs` can read it back.
    Journald,
    /// The host's syslog, or another one's; and a few files likewise.
    Syslog,
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
            LogDriver::Journald => "journald",
            LogDriver::Syslog => "syslog",
        }
    }

    /// From docker's name, in docker's words where it is not one.
    pub fn parse(name: &str) -> Result<LogDriver, String> {
        match name {
            "" | "json-file" => Ok(LogDriver::JsonFile),
            "local" => Ok(LogDriver::Local),
            "none" => Ok(LogDriver::None),
            "journald" => Ok(LogDriver::Journald),
            "syslog" => Ok(LogDriver::Syslog),
            "awslogs" | "fluentd" | "gcplogs" | "gelf" | "logentries" | "splunk" => {
                Err(format!("the log driver {name} is not there yet"))
            }
            _ => Err(format!("logger: no log driver named '{name}' is registered")),
        }
    }
}

/// Options that put words beside each entry.
const WORDS: [&str; 3] = ["env", "labels", "tag"];
/// Of the files from which `logs` reads what went elsewhere.
const CACHE: [&str; 4] = ["cache-compress", "cache-disabled", "cache-max-file", "cache-max-size"];
const SYSLOG: [&str; 3] = ["syslog-address", "syslog-facility", "syslog-format"];
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
                LogDriver::Journald | LogDriver::Syslog => {
                    let is_syslogs =
                        self.driver == LogDriver::Syslog && SYSLOG.contains(&name.as_str());
                    let modes = ["mode", "max-buffer-size"];
                    is_syslogs
                        || WORDS.contains(&name.as_str())
                        || CACHE.contains(&name.as_str())
                        || modes.contains(&name.as_str())
                }
            };
            if !known {
                return Err(format!("unknown log opt '{name}' for {driver} log driver"));
            }
        }
        let get = |name: &str| self.options.get(name).map(String::as_str);
        if self.driver == LogDriver::Syslog {
            self.syslog()?;
        }
        let is_elsewhere = matches!(self.driver, LogDriver::Journald | LogDriver::Syslog);
        let prefix = if is_elsewhere { "cache-" } else { "" };
        let limit = |name: &str| get(&format!("{prefix}{name}"));
        let (size, files) = match self.driver {
            LogDriver::Local | LogDriver::Journald | LogDriver::Syslog => (20_000_000, 5),
            LogDriver::JsonFile | LogDriver::None => (10_000_000, 3),
        };
        let max_size_bytes = match limit("max-size") {
            None => size,
            Some("-1") => u64::MAX,
            Some(text) => decimal_size(text).ok_or(format!("invalid size: '{text}'"))?,
        };
        let max_files = match limit("max-file").map(str::parse::<u32>) {
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
        match limit("compress") {
            None | Some("false" | "0") => {}
            Some(_) => return Err("the log option compress=true is not there yet".into()),
        }
        Ok(LogLimits { max_size_bytes, max_files })
    }

    /// Whether `logs` can read what the container wrote.
    pub fn is_readable(&self) -> bool {
        let disabled = self.options.get("cache-disabled").is_some_and(|text| text == "true");
        self.driver != LogDriver::None && !disabled
    }

    /// How the syslog is written to.
    pub fn syslog(&self) -> Result<Syslog, String> {
        let get = |name: &str| self.options.get(name).map(String::as_str).filter(|t| !t.is_empty());
        Ok(Syslog {
            address: SyslogAddress::parse(get("syslog-address"))?,
            facility: facility(get("syslog-facility").unwrap_or("daemon"))?,
            format: match get("syslog-format") {
                None => SyslogFormat::Local,
                Some("rfc3164") => SyslogFormat::Rfc3164,
                Some("rfc5424") => SyslogFormat::Rfc5424,
                Some("rfc5424micro") => SyslogFormat::Rfc5424Micro,
                Some(_) => return Err("Invalid syslog format".into()),
            },
        })
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

/// How a syslog is written to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Syslog {
    /// Where it listens.
    pub address: SyslogAddress,
    /// The facility's number.
    pub facility: u8,
    /// How a message looks.
    pub format: SyslogFormat,
}

/// Where a syslog listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SyslogAddress {
    /// A socket of datagrams on this host.
    Socket(PathBuf),
    /// Datagrams over the network: `10.0.0.1:514`.
    Udp(SocketAddr),
}

/// How a message to a syslog looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SyslogFormat {
    /// As the C library writes to its own host's.
    Local,
    /// RFC 3164.
    Rfc3164,
    /// RFC 5424.
    Rfc5424,
    /// The same with microseconds.
    Rfc5424Micro,
}

/// Where the host's own syslog listens.
pub const DEV_LOG: &str = "/dev/log";

impl SyslogAddress {
    fn parse(text: Option<&str>) -> Result<SyslogAddress, String> {
        let Some(text) = text else { return Ok(SyslogAddress::Socket(DEV_LOG.into())) };
        let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
        match scheme {
            "unix" | "unixgram" if rest.starts_with('/') => Ok(SyslogAddress::Socket(rest.into())),
            "unix" | "unixgram" => Err(format!("invalid syslog-address: {text}")),
            "udp" => {
                let has_port =
                    rest.rsplit(':').next().is_some_and(|port| port.parse::<u16>().is_ok());
                let with_port = if has_port { rest.to_string() } else { format!("{rest}:514") };
                with_port.parse().map(SyslogAddress::Udp).map_err(|_| {
                    format!("invalid syslog-address: {text}: a numeric address is wanted")
                })
            }
            "tcp" | "tcp+tls" => Err(format!("the syslog address {scheme}:// is not there yet")),
            _ => Err(format!("unsupported scheme: '{scheme}'")),
        }
    }
}

/// `syslog(3)`'s numbers.
fn facility(name: &str) -> Result<u8, String> {
    const NAMES: [&str; 12] = [
        "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron",
        "authpriv", "ftp",
    ];
    let local = name.strip_prefix("local").and_then(|number| number.parse::<u8>().ok());
    let number = match (NAMES.iter().position(|known| *known == name), local) {
        (Some(at), _) => u8::try_from(at).ok(),
        (None, Some(number)) => Some(number.saturating_add(16)),
        (None, None) => name.parse().ok(),
    };
    number.filter(|number| *number < 24).ok_or_else(|| "invalid syslog facility".to_string())
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
        ("gelf", "tag", "x", "not there yet"),
        ("journald", "max-size", "1m", "unknown log opt 'max-size' for journald log driver"),
        ("journald", "syslog-format", "rfc3164", "unknown log opt 'syslog-format'"),
        ("syslog", "syslog-format", "short", "Invalid syslog format"),
        ("syslog", "syslog-facility", "local8", "invalid syslog facility"),
        ("syslog", "syslog-address", "tcp://1.2.3.4", "not there yet"),
        ("syslog", "syslog-address", "carrier://pigeon", "unsupported scheme: 'carrier'"),
        ("syslog", "syslog-address", "udp://name:514", "a numeric address is wanted"),
        ("paper", "tag", "x", "no log driver named 'paper'"),
    ] {
        assert!(limits(driver, &[(name, value)]).unwrap_err().contains(why), "{driver} {name}");
    }
}

#[test]
fn a_syslog_is_somewhere() {
    let syslog = |options: &[(&str, &str)]| {
        let options = options.iter().map(|(name, value)| (name.to_string(), value.to_string()));
        LogRequest { driver: LogDriver::Syslog, options: options.collect() }.syslog().unwrap()
    };
    let usual = syslog(&[]);
    assert_eq!(usual.address, SyslogAddress::Socket("/dev/log".into()));
    assert_eq!((usual.facility, usual.format), (3, SyslogFormat::Local));
    let other = syslog(&[
        ("syslog-address", "udp://10.0.0.1"),
        ("syslog-facility", "local7"),
        ("syslog-format", "rfc5424micro"),
    ]);
    assert_eq!(other.address, SyslogAddress::Udp("10.0.0.1:514".parse().unwrap()));
    assert_eq!((other.facility, other.format), (23, SyslogFormat::Rfc5424Micro));
    let path = syslog(&[("syslog-address", "unixgram:///tmp/log")]).address;
    assert_eq!(path, SyslogAddress::Socket("/tmp/log".into()));
}
