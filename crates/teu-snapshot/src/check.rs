//! Finds roots whose files are not what they were written as, for `fsck`.

use crate::{SnapshotError, Snapshots, build, erofs};
use teu_model::ChainId;

impl Snapshots {
    /// Roots whose index is damaged, or lacks what it needs. Each can be forgotten and is made again
    /// by the next start.
    pub fn damaged_roots(&self) -> Result<Vec<ChainId>, SnapshotError> {
        let mut damaged = self.built_roots()?;
        damaged.retain(|chain| {
            let place = build::place(&self.root, chain);
            match std::fs::read(place.join(build::INDEX)) {
                Ok(image) => !erofs::is_whole(&image),
                Err(_) => place.is_dir() && !place.join(build::TREE).is_dir(),
            }
        });
        Ok(damaged)
    }
}
