//! Where the upper directories of `--rm` containers lie: `scratch/<boot id>/<id>/`. Another boot's
//! folder is removed unread.

use crate::observe::boot_id;
use crate::records::Container;
use crate::{Engine, EngineError, files, records};
use std::path::PathBuf;
use teu_model::ContainerId;

impl Engine {
    pub(crate) fn scratch(&self, id: &ContainerId) -> PathBuf {
        self.paths.root.join("scratch").join(boot_id()).join(id.as_str())
    }

    /// Where `upper`, `work` and `log` of a container lie.
    pub(crate) fn writable_directory(&self, container: &Container) -> PathBuf {
        if container.is_temporary() {
            self.scratch(container.id())
        } else {
            container.directory.clone()
        }
    }

    /// Makes this boot's folder, and removes those of other boots.
    pub(crate) fn make_scratch(&self) -> Result<(), EngineError> {
        let scratch = self.paths.root.join("scratch");
        if scratch.join(boot_id()).is_dir() {
            return Ok(());
        }
        for name in records::names_in(&scratch)? {
            files::remove_tree(&scratch.join(name))?;
        }
        files::make_directory(&scratch.join(boot_id()))
    }
}
