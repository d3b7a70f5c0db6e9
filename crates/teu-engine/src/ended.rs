//! What is remembered of containers that were removed, for a while: `<run>/ended/<id>/`, so that `why` and
//! `logs` still answer. A few of them, a little of each log, gone with the boot or by prune.
//!
//! Made under a name with a dot, then renamed: what still has one was being made when its command died, and goes
//! with the next removal.

use crate::records::{self, Container, load_from};
use crate::{Engine, EngineError, files};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use teu_kernel::durable::Durability;

/// How many are remembered.
const ENDED_MAX: usize = 32;
/// What is being made longer than this is made by nobody.
const MADE_WITHIN: Duration = Duration::from_secs(60);
/// How much of the end of a log is.
const LOG_BYTES_MAX: u64 = 64 * 1024;

impl Engine {
    pub(crate) fn ended_directory(&self) -> PathBuf {
        self.paths.run.join("ended")
    }

    /// Remembers a container that ran and is about to go. Nothing here is a reason to fail.
    pub(crate) fn remember(&self, container: &Container) {
        if container.state.started_at.is_none() && container.state.start_error.is_none() {
            return;
        }
        let all = self.ended_directory();
        let directory = all.join(format!(".{}", container.id()));
        let write = || -> Result<(), EngineError> {
            files::remove_tree(&directory)?;
            files::make_directory(&directory)?;
            files::write(&directory.join("request.json"), &container.record, Durability::ThisBoot)?;
            files::write(&directory.join("state.json"), &container.state, Durability::ThisBoot)
        };
        if write().is_ok() {
            let log = end_of(&self.log_path(container)).unwrap_or_default();
            std::fs::write(directory.join("log"), log).unwrap_or(());
            let place = all.join(container.id().as_str());
            // From a removal that broke off.
            files::remove_tree(&place).unwrap_or(());
            std::fs::rename(&directory, place).unwrap_or(());
        }
        self.forget_the_oldest();
    }

    fn forget_the_oldest(&self) {
        let all = self.ended_directory();
        let Ok(names) = records::names_in(&all) else { return };
        let made = |name: &str| {
            let made = all.join(name).metadata().and_then(|found| found.modified());
            made.unwrap_or(SystemTime::UNIX_EPOCH)
        };
        let (unfinished, whole): (Vec<String>, Vec<String>) =
            names.into_iter().partition(|name| name.starts_with('.'));
        for name in unfinished {
            if made(&name).elapsed().is_ok_and(|age| age > MADE_WITHIN) {
                files::remove_tree(&all.join(&name)).unwrap_or(());
            }
        }
        if whole.len() <= ENDED_MAX {
            return;
        }
        let mut aged: Vec<(SystemTime, String)> =
            whole.into_iter().map(|name| (made(&name), name)).collect();
        aged.sort();
        for (_, name) in aged.iter().take(aged.len() - ENDED_MAX) {
            files::remove_tree(&all.join(name)).unwrap_or(());
        }
    }

    /// Forgets those that `wanted` lets through.
    pub(crate) fn forget(&self, wanted: &dyn Fn(&Container) -> bool) -> Result<(), EngineError> {
        for container in self.remembered()? {
            if wanted(&container) {
                files::remove_tree(&container.directory)?;
            }
        }
        Ok(())
    }

    /// The containers that are remembered.
    pub(crate) fn remembered(&self) -> Result<Vec<Container>, EngineError> {
        let all = self.ended_directory();
        let mut found = Vec::new();
        for name in records::names_in(&all)?.iter().filter(|name| !name.starts_with('.')) {
            // Half of one, or one of a newer teu, is no reason to say nothing of the others.
            found.extend(load_from(&all.join(name)).ok().flatten());
        }
        Ok(found)
    }

    /// The one removed last that `given` names.
    pub(crate) fn find_remembered(&self, given: &str) -> Result<Option<Container>, EngineError> {
        let fits = |container: &Container| {
            container.state.name.as_str() == given
                || given.len() >= 4 && container.id().as_str().starts_with(given)
        };
        let ended_at = |container: &Container| container.state.exit.as_ref().map(|e| e.finished_at);
        Ok(self.remembered()?.into_iter().filter(fits).max_by_key(ended_at))
    }
}

/// The last entries of a log, whole.
fn end_of(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut file = std::fs::File::open(path)?;
    let length = file.metadata()?.len();
    let skip = length.saturating_sub(LOG_BYTES_MAX);
    file.seek(SeekFrom::Start(skip))?;
    let mut bytes = Vec::new();
    file.take(LOG_BYTES_MAX).read_to_end(&mut bytes)?;
    if skip > 0 {
        let first = bytes.iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |at| at + 1);
        bytes.drain(..first);
    }
    Ok(bytes)
}
