//! `diff`: what a container has added, changed and deleted.

use crate::changes::Change;
use crate::{Engine, EngineError};

impl Engine {
    /// Every path that is not as in the image, and the directories above it; sorted.
    pub fn diff(&self, given: &str) -> Result<Vec<Change>, EngineError> {
        let container = self.find(given)?;
        Ok(self.changes(&container)?.list)
    }
}
