//! `run`: create, then start, under one right to act. The door attaches, waits, and releases.

use crate::{Engine, EngineError, Progress, StartOptions, Started};
use teu_model::{ContainerId, CreateRequest};

impl Engine {
    /// Makes a container and starts it. `made` hears its id before it starts (`--cidfile`).
    pub fn run(
        &self,
        request: &CreateRequest,
        options: &StartOptions,
        progress: &mut dyn Progress,
        made: &mut dyn FnMut(&ContainerId) -> Result<(), EngineError>,
    ) -> Result<Started, EngineError> {
        let (container, action) = self.create_held(request, progress)?;
        if let Err(error) = made(container.id()) {
            crate::release::destroy(self, &container)?;
            action.done()?;
            return Err(error);
        }
        self.start_held(container, action, options)
    }
}
