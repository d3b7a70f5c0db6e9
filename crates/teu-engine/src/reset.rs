//! `system reset`: everything of this state root goes; the machine is as if it had never been.

use crate::{Engine, EngineError, files, records};
use std::time::{Duration, Instant};

/// How long monitors may take to close what they hold.
const MONITORS_LIMIT: Duration = Duration::from_secs(30);

impl Engine {
    /// Removes all containers, running ones too, all images, the network, the mounts and the groups.
    pub fn reset(self) -> Result<(), EngineError> {
        for id in records::ids(&self.paths)? {
            match self.remove(id.as_str(), true) {
                Err(EngineError::NoSuchContainer { .. }) => {}
                other => other?,
            }
        }
        self.networks.take_down()?;
        self.snapshots.unmount_all()?;
        self.remove_groups()?;
        files::remove_tree(&self.paths.run)?;
        // The directory itself may be a mount or belong to another: only what is in it goes.
        for name in records::names_in(&self.paths.root)? {
            let path = self.paths.root.join(name);
            if path.is_dir() { files::remove_tree(&path)? } else { files::remove_file(&path)? }
        }
        Ok(())
    }

    /// The monitors of removed containers are leaving; their group goes when it is empty.
    fn remove_groups(&self) -> Result<(), EngineError> {
        let monitors = self.monitors_group()?;
        let deadline = Instant::now() + MONITORS_LIMIT;
        while !monitors.remove_if_empty()? && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
        let (above, name) = monitors.parent().rsplit_once('/').unwrap_or(("", monitors.parent()));
        self.layout()?.plan(above, name)?.remove_if_empty()?;
        Ok(())
    }
}
