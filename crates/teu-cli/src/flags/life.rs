//! A container's name, its image, and what happens at its end.

use super::{CreateFlags, Flag, Takes, duration_ms, integer, switch};
use teu_model::{
    ContainerName, CreateRequest, LogDriver, LogRequest, OnExit, Platform, Pull, RestartPolicy,
    RestartRequest, Signal,
};

/// As typed.
#[derive(Clone, Debug, Default)]
pub struct LifeFlags {
    name: Option<String>,
    remove: bool,
    labels: Vec<String>,
    label_files: Vec<String>,
    /// `-q`.
    pub quiet: bool,
    /// `--cidfile`.
    pub cidfile: Option<String>,
    pull: Option<String>,
    platform: Option<String>,
    init: bool,
    stop_signal: Option<String>,
    stop_timeout: Option<i64>,
    restart: RestartRequest,
    log: LogRequest,
    /// `-a`.
    pub attach: Vec<String>,
    /// `--sig-proxy=false`.
    pub no_sig_proxy: bool,
}

/// Their definitions.
pub const LIFE: &[Flag<CreateFlags>] = &[
    Flag {
        long: "name",
        short: None,
        takes: Takes::Value("string"),
        doc: "Assign a name to the container",
        set: |typed, value| {
            typed.life.name = Some(value.to_string());
            Ok(())
        },
    },
    Flag {
        long: "rm",
        short: None,
        takes: Takes::Nothing,
        doc: "Remove the container, and all it wrote, when it exits",
        set: |typed, value| switch(value).map(|on| typed.life.remove = on),
    },
    Flag {
        long: "label",
        short: Some('l'),
        takes: Takes::Value("list"),
        doc: "Set meta data on a container: name=value",
        set: |typed, value| {
            typed.life.labels.push(value.to_string());
            Ok(())
        },
    },
    Flag {
        long: "label-file",
        short: None,
        takes: Takes::Value("list"),
        doc: "Read in a line delimited file of labels",
        set: |typed, value| {
            typed.life.label_files.push(value.to_string());
            Ok(())
        },
    },
    Flag {
        long: "quiet",
        short: Some('q'),
        takes: Takes::Nothing,
        doc: "Suppress the pull output",
        set: |typed, value| switch(value).map(|on| typed.life.quiet = on),
    },
    Flag {
        long: "attach",
        short: Some('a'),
        takes: Takes::Value("list"),
        doc: "Attach to STDIN, STDOUT or STDERR",
        set: |typed, value| {
            let stream = value.to_ascii_lowercase();
            if !["stdin", "stdout", "stderr"].contains(&stream.as_str()) {
                return Err("valid streams are STDIN, STDOUT and STDERR".to_string());
            }
            typed.life.attach.push(stream);
            Ok(())
        },
    },
    Flag {
        long: "cidfile",
        short: None,
        takes: Takes::Value("string"),
        doc: "Write the container ID to the file",
        set: |typed, value| {
            typed.life.cidfile = Some(value.to_string());
            Ok(())
        },
    },
    Flag {
        long: "pull",
        short: None,
        takes: Takes::Value("string"),
        doc: "Pull image before running (always, missing, never)",
        set: |typed, value| {
            typed.life.pull = Some(value.to_string());
            Ok(())
        },
    },
    Flag {
        long: "platform",
        short: None,
        takes: Takes::Value("string"),
        doc: "Take the image for this platform: linux/amd64",
        set: |typed, value| {
            typed.life.platform = Some(value.to_string());
            Ok(())
        },
    },
    Flag {
        long: "init",
        short: None,
        takes: Takes::Nothing,
        doc: "Run an init inside the container that forwards signals and reaps processes",
        set: |typed, value| switch(value).map(|on| typed.life.init = on),
    },
    Flag {
        long: "stop-signal",
        short: None,
        takes: Takes::Value("string"),
        doc: "Signal to stop the container",
        set: |typed, value| {
            typed.life.stop_signal = Some(value.to_string());
            Ok(())
        },
    },
    Flag {
        long: "stop-timeout",
        short: None,
        takes: Takes::Value("int"),
        doc: "Seconds to wait after that before it is killed; -1 for ever",
        set: |typed, value| integer(value).map(|seconds| typed.life.stop_timeout = Some(seconds)),
    },
    Flag {
        long: "restart",
        short: None,
        takes: Takes::Value("string"),
        doc: "When it starts again after its end: no, on-failure[:n], always, unless-stopped",
        set: |typed, value| {
            RestartPolicy::parse(value).map(|policy| typed.life.restart.policy = policy)
        },
    },
    Flag {
        long: "log-driver",
        short: None,
        takes: Takes::Value("string"),
        doc: "Logging driver for the container: json-file, local, none",
        set: |typed, value| LogDriver::parse(value).map(|driver| typed.life.log.driver = driver),
    },
    Flag {
        long: "log-opt",
        short: None,
        takes: Takes::Value("list"),
        doc: "Log driver options: max-size=10m, max-file=3, tag=, labels=, env=",
        set: |typed, value| {
            let (name, value) = value.split_once('=').ok_or("it must be name=value")?;
            typed.life.log.options.insert(name.to_string(), value.to_string());
            Ok(())
        },
    },
    Flag {
        long: "restart-delay",
        short: None,
        takes: Takes::Value("duration"),
        doc: "How long the first restart waits (default 100ms); each next one twice as long",
        set: |typed, value| duration_ms(value).map(|ms| typed.life.restart.delay_ms = Some(ms)),
    },
    Flag {
        long: "restart-delay-max",
        short: None,
        takes: Takes::Value("duration"),
        doc: "How long any restart waits at most (default 1m)",
        set: |typed, value| duration_ms(value).map(|ms| typed.life.restart.delay_max_ms = Some(ms)),
    },
];

impl LifeFlags {
    /// Into the request.
    pub fn resolve(self, request: &mut CreateRequest) -> Result<(), String> {
        let name = self.name.filter(|name| !name.is_empty());
        request.name =
            name.map(|name| ContainerName::parse(&name)).transpose().map_err(|e| e.to_string())?;
        if self.remove && self.restart.policy != RestartPolicy::No {
            return Err("Conflicting options: --restart and --rm".to_string());
        }
        request.restart = self.restart;
        request.log = self.log;
        request.on_exit = if self.remove { OnExit::Remove } else { OnExit::Keep };
        let mut labels = Vec::new();
        for file in &self.label_files {
            labels.extend(super::process::label_file_lines(file)?);
        }
        // Files first, flags over them.
        labels.extend(self.labels);
        for label in &labels {
            let (name, value) = label.split_once('=').unwrap_or((label, ""));
            if name.trim().is_empty() {
                return Err(format!("invalid label '{label}': empty name"));
            }
            request.labels.insert(name.to_string(), value.to_string());
        }
        request.pull = match self.pull.as_deref() {
            None | Some("missing" | "") => Pull::Missing,
            Some("always") => Pull::Always,
            Some("never") => Pull::Never,
            Some(other) => {
                return Err(format!(
                    "invalid pull option: '{other}': must be one of \"always\", \"missing\" or \"never\""
                ));
            }
        };
        let platform = self.platform.filter(|platform| !platform.is_empty());
        request.platform = platform
            .map(|platform| Platform::parse(&platform))
            .transpose()
            .map_err(|error| error.to_string())?;
        request.init = self.init;
        request.stop_signal = self
            .stop_signal
            .map(|signal| Signal::parse(&signal))
            .transpose()
            .map_err(|error| error.to_string())?;
        request.stop_timeout_s = self.stop_timeout;
        Ok(())
    }
}
