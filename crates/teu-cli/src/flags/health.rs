//! Whether a container is well: how it is asked, and what follows when it is not.

use super::{CreateFlags, Flag, Takes, duration_ms, switch};
use teu_model::{HealthRequest, OnUnhealthy, Probe};

/// As typed.
#[derive(Clone, Debug, Default)]
pub struct HealthFlags {
    request: HealthRequest,
    none: bool,
    retries: Option<i64>,
    /// The first flag with a time before nothing.
    negative: Option<&'static str>,
}

const fn length(
    long: &'static str,
    doc: &'static str,
    set: fn(&mut CreateFlags, &str) -> Result<(), String>,
) -> Flag<CreateFlags> {
    Flag { long, short: None, takes: Takes::Value("duration"), doc, set }
}

/// Their definitions.
pub const HEALTH: &[Flag<CreateFlags>] = &[
    Flag {
        long: "health-cmd",
        short: None,
        takes: Takes::Value("string"),
        doc: "Command to run to check health",
        set: |typed, value| {
            let words = ["/bin/sh", "-c", value];
            typed.health.request.probe = match value {
                "" => None,
                _ => Some(Probe::Command(words.map(String::from).to_vec())),
            };
            Ok(())
        },
    },
    Flag {
        long: "health-tcp",
        short: None,
        takes: Takes::Value("port"),
        doc: "Check health by a connection to this port of the container, without a process",
        set: |typed, value| {
            let port = value.parse().ok().filter(|port| *port != 0);
            let port = port.ok_or("it must be a port, 1 to 65535")?;
            typed.health.request.probe = Some(Probe::Tcp(port));
            Ok(())
        },
    },
    Flag {
        long: "health-http",
        short: None,
        takes: Takes::Value("url"),
        doc: "Check health by a request, without a process: http://localhost[:PORT]/PATH",
        set: |typed, value| {
            typed.health.request.probe = Some(http(value)?);
            Ok(())
        },
    },
    length("health-interval", "Time between running the check (default 30s)", |typed, value| {
        typed.health.time("health-interval", value).map(|ms| typed.health.request.interval_ms = ms)
    }),
    length(
        "health-timeout",
        "Maximum time to allow one check to run (default 30s)",
        |typed, value| {
            typed
                .health
                .time("health-timeout", value)
                .map(|ms| typed.health.request.timeout_ms = ms)
        },
    ),
    length(
        "health-start-period",
        "Start period for the container to initialize before failures count (default 0s)",
        |typed, value| {
            typed
                .health
                .time("health-start-period", value)
                .map(|ms| typed.health.request.start_period_ms = ms)
        },
    ),
    length(
        "health-start-interval",
        "Time between running the check during the start period (default 5s)",
        |typed, value| {
            typed
                .health
                .time("health-start-interval", value)
                .map(|ms| typed.health.request.start_interval_ms = ms)
        },
    ),
    Flag {
        long: "health-retries",
        short: None,
        takes: Takes::Value("int"),
        doc: "Consecutive failures needed to report unhealthy (default 3)",
        set: |typed, value| {
            let count: i64 = value.parse().map_err(|_| "it must be a whole number".to_string())?;
            typed.health.retries = Some(count);
            Ok(())
        },
    },
    Flag {
        long: "health-on-failure",
        short: None,
        takes: Takes::Value("string"),
        doc: "What is done with an unhealthy container: none, kill, restart, stop",
        set: |typed, value| {
            typed.health.request.on_failure = match value {
                "none" => OnUnhealthy::None,
                "kill" => OnUnhealthy::Kill,
                "restart" => OnUnhealthy::Restart,
                "stop" => OnUnhealthy::Stop,
                _ => return Err("it must be none, kill, restart or stop".to_string()),
            };
            Ok(())
        },
    },
    Flag {
        long: "no-healthcheck",
        short: None,
        takes: Takes::Nothing,
        doc: "Disable any container-specified HEALTHCHECK",
        set: |typed, value| switch(value).map(|on| typed.health.none = on),
    },
];

/// `http://localhost:8080/path`.
fn http(url: &str) -> Result<Probe, String> {
    let bad = || "it must look like http://localhost:8080/path".to_string();
    let rest = url.strip_prefix("http://").ok_or_else(bad)?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (host, port) = host.split_once(':').unwrap_or((host, "80"));
    if !["localhost", "127.0.0.1"].contains(&host) {
        return Err("it is asked from inside the container: its host is localhost".to_string());
    }
    let port = port.parse().ok().filter(|port| *port != 0).ok_or_else(bad)?;
    if path.bytes().any(|byte| byte.is_ascii_control() || byte == b' ') {
        return Err(bad());
    }
    Ok(Probe::Http { port, path: format!("/{path}") })
}

impl HealthFlags {
    /// A negative one is told when all is known, in docker's words.
    fn time(&mut self, flag: &'static str, value: &str) -> Result<Option<u64>, String> {
        if value.starts_with('-') && duration_ms(&value[1..]).is_ok() {
            self.negative.get_or_insert(flag);
            return Ok(None);
        }
        duration_ms(value).map(Some)
    }

    /// Into the request.
    pub fn resolve(mut self) -> Result<HealthRequest, String> {
        if let Some(flag) = self.negative {
            return Err(format!("--{flag} cannot be negative"));
        }
        if let Some(count) = self.retries {
            let count = u32::try_from(count);
            self.request.retries =
                Some(count.map_err(|_| "--health-retries cannot be negative".to_string())?);
        }
        if !self.none {
            return Ok(self.request);
        }
        if !self.request.is_default() {
            return Err("--no-healthcheck conflicts with --health-* options".to_string());
        }
        Ok(HealthRequest { none: true, ..self.request })
    }
}
