//! `logs`: what a container wrote, from its log's files.

use crate::{Container, Engine, EngineError, records};
use teu_model::LogDriver;
use teu_monitor::log::{LogConfig, LogOptions, LogReader};

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
        if container.record.request.log.driver == LogDriver::None {
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
        let name = container.state.name.as_str();
        let tag = |template: &str| {
            [
                ("{{.ID}}", container.id().short()),
                ("{{.FullID}}", container.id().as_str()),
                ("{{.Name}}", name),
                ("{{.ImageName}}", &record.request.image),
            ]
            .iter()
            .fold(template.to_string(), |text, (field, value)| text.replace(field, value))
        };
        Ok(Some(LogConfig {
            max_size_bytes: limits.max_size_bytes,
            max_files: limits.max_files,
            words: request.words(&record.labels, &record.process.env, tag),
            ..LogConfig::new(self.log_path(container))
        }))
    }

    /// Whether the container still runs, or will again: a reader that follows ends when it does not.
    pub fn is_running(&self, container: &Container) -> bool {
        let now = records::load(&self.paths, container.id());
        now.ok().flatten().is_some_and(|container| self.goes_on(&container))
    }
}
