//! `logs`: what a container wrote, from its log's files.

use crate::{Container, Engine, EngineError, records};
use std::collections::BTreeMap;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use teu_model::{LogDriver, SyslogAddress};
use teu_monitor::log::{LogConfig, LogOptions, LogReader, LogSink};

/// Where systemd's journal listens.
const JOURNAL: &str = "/run/systemd/journal/socket";

impl Engine {
    /// A reader of the log of the container that `given` names.
    pub fn logs(
        &self,
        given: &str,
        options: LogOptions,
    ) -> Result<(Container, LogReader), EngineError> {
        let (container, path) = match records::find(&self.paths, given) {
            Ok(container) => {
                let path = self.log_path(&container);
                (container, path)
            }
            // A while after it was removed.
            Err(error) => {
                let container = self.find_remembered(given)?.ok_or(error)?;
                let path = container.directory.join("log");
                (container, path)
            }
        };
        if !container.record.request.log.is_readable() {
            return Err(EngineError::bad("configured logging driver does not support reading"));
        }
        let config = match self.log_config(&container)? {
            Some(config) => LogConfig { path: path.clone(), ..config },
            None => LogConfig::new(path.clone()),
        };
        let reader = LogReader::open(&config, options).map_err(|source| EngineError::State {
            attempt: "read",
            path,
            source,
        })?;
        Ok((container, reader))
    }

    /// Where its log lies and what it is limited to; none where nobody keeps it.
    pub(crate) fn log_config(
        &self,
        container: &Container,
    ) -> Result<Option<LogConfig>, EngineError> {
        let record = &container.record;
        let request = &record.request.log;
        if request.driver == LogDriver::None {
            return Ok(None);
        }
        let limits = request.limits().map_err(EngineError::bad)?;
        let tag = |template: &str| tag(container, template);
        let words = request.words(&record.labels, &record.process.env, tag);
        let sink = sink(container, &words)?;
        if let (Some(sink), false) = (&sink, request.is_readable()) {
            return Ok(Some(LogConfig { words, ..LogConfig::unread(sink.clone()) }));
        }
        Ok(Some(LogConfig {
            max_size_bytes: limits.max_size_bytes,
            max_files: limits.max_files,
            words,
            sink,
            ..LogConfig::new(self.log_path(container))
        }))
    }

    /// Before a start: whether what is to take the container's output is there.
    pub(crate) fn check_log(&self, container: &Container) -> Result<(), EngineError> {
        let refused = |message: String, hint| {
            let message = format!("failed to initialize logging driver: {message}");
            Err(EngineError::BadRequest { message, hint: Some(hint) })
        };
        let is_there =
            |path: &Path| path.metadata().is_ok_and(|found| found.file_type().is_socket());
        let other = "another driver: --log-driver json-file";
        let log = &container.record.request.log;
        match log.driver {
            LogDriver::Journald if !is_there(Path::new(JOURNAL)) => {
                refused(format!("journald is not enabled on this host: no {JOURNAL}"), other)
            }
            LogDriver::Syslog => match log.syslog().map_err(EngineError::bad)?.address {
                SyslogAddress::Socket(path) if !is_there(&path) => refused(
                    format!("Unix syslog delivery error: no {}", path.display()),
                    "start the syslog, or say where it is: --log-opt syslog-address=unixgram:///PATH",
                ),
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// Whether the container still runs, or will again: a reader that follows ends when it does not.
    pub fn is_running(&self, container: &Container) -> bool {
        let now = records::load(&self.paths, container.id());
        now.ok().flatten().is_some_and(|container| self.goes_on(&container))
    }
}

/// docker's fields of a tag, filled in.
fn tag(container: &Container, template: &str) -> String {
    let record = &container.record;
    let image = record.image.to_string();
    let image_id = image.split_once(':').map_or(image.as_str(), |(_, hex)| hex);
    [
        ("{{.ID}}", container.id().short()),
        ("{{.FullID}}", container.id().as_str()),
        ("{{.Name}}", container.state.name.as_str()),
        ("{{.ImageName}}", &record.request.image),
        ("{{.ImageID}}", image_id.get(..12).unwrap_or(image_id)),
        ("{{.ImageFullID}}", image.as_str()),
    ]
    .iter()
    .fold(template.to_string(), |text, (field, value)| text.replace(field, value))
}

/// Where entries go beside the files.
fn sink(
    container: &Container,
    words: &BTreeMap<String, String>,
) -> Result<Option<LogSink>, EngineError> {
    let log = &container.record.request.log;
    let tag = words.get("tag").cloned().unwrap_or_else(|| container.id().short().to_string());
    match log.driver {
        LogDriver::Journald => {
            let own = [
                ("CONTAINER_ID", container.id().short()),
                ("CONTAINER_ID_FULL", container.id().as_str()),
                ("CONTAINER_NAME", container.state.name.as_str()),
                ("CONTAINER_TAG", &tag),
                ("IMAGE_NAME", &container.record.request.image),
                ("SYSLOG_IDENTIFIER", &tag),
            ];
            let mut fields: BTreeMap<String, String> = words
                .iter()
                .filter(|(name, _)| *name != "tag")
                .map(|(name, value)| (field_name(name), value.clone()))
                .filter(|(name, _)| !name.is_empty())
                .collect();
            fields.extend(own.map(|(name, value)| (name.to_string(), value.to_string())));
            Ok(Some(LogSink::Journald { socket: JOURNAL.into(), fields }))
        }
        LogDriver::Syslog => {
            let syslog = log.syslog().map_err(EngineError::bad)?;
            let hostname = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
            let hostname = hostname.trim().to_string();
            Ok(Some(LogSink::Syslog { syslog, tag, hostname }))
        }
        LogDriver::JsonFile | LogDriver::Local | LogDriver::None => Ok(None),
    }
}

/// Letters, digits and `_`, none of the last at the start: `systemd.journal-fields(7)`.
fn field_name(name: &str) -> String {
    let upper = name.to_ascii_uppercase();
    let fits = |letter: char| letter.is_ascii_uppercase() || letter.is_ascii_digit();
    let name: String = upper.chars().map(|one| if fits(one) { one } else { '_' }).collect();
    name.trim_start_matches(|one: char| !one.is_ascii_uppercase()).to_string()
}

#[test]
fn labels_become_fields() {
    assert_eq!(field_name("com.example/tier-1"), "COM_EXAMPLE_TIER_1");
    assert_eq!(field_name("_9x"), "X");
}
