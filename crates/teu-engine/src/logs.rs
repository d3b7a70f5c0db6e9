//! `logs`: what a container wrote, from its log's files.

use crate::{Container, Engine, EngineError, records};
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
        let reader = LogReader::open(&LogConfig::new(path.clone()), options)
            .map_err(|source| EngineError::State { attempt: "read", path, source })?;
        Ok((container, reader))
    }

    /// Whether the container still runs, or will again: a reader that follows ends when it does not.
    pub fn is_running(&self, container: &Container) -> bool {
        let now = records::load(&self.paths, container.id());
        now.ok().flatten().is_some_and(|container| self.goes_on(&container))
    }
}
