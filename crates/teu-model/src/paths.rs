//! Where one state root lies: asked once, at the door, and handed to every part.

use crate::{ContainerId, RootId};
use std::path::{Path, PathBuf};

/// The three directories of a state root. Nothing else of teu's lies anywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// What must survive a reboot: `/var/lib/teu`.
    pub root: PathBuf,
    /// What must not: `/run/teu`, or `/run/teu-<root id>` for another root.
    pub run: PathBuf,
    /// Configuration: `/etc/teu`.
    pub config: PathBuf,
    /// Stands for `root` in names that are global to the machine.
    pub id: RootId,
}

impl Paths {
    /// The paths of the state root `root`, an absolute path without links.
    pub fn of_root(root: &Path) -> Paths {
        let id = RootId::of(root);
        let run = if root == Path::new("/var/lib/teu") {
            PathBuf::from("/run/teu")
        } else {
            PathBuf::from(format!("/run/teu-{id}"))
        };
        Paths { root: root.to_path_buf(), run, config: PathBuf::from("/etc/teu"), id }
    }

    /// The record of a container that stays.
    pub fn container(&self, id: &ContainerId) -> PathBuf {
        self.root.join("containers").join(id.as_str())
    }

    /// What of a container must not survive the boot; the whole record of a `--rm` container.
    pub fn container_run(&self, id: &ContainerId) -> PathBuf {
        self.run.join("containers").join(id.as_str())
    }
}
