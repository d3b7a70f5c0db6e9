//! `rename`: another name for the same container.
//!
//! ```text
//!  other_name = new │ the link `new` │ name = new, other_name = old │ the link `old` goes │ other_name gone
//! ```
//! Whenever it breaks off, the record tells which name the container has and which one is to be given back.

use crate::action::Action;
use crate::records::{self, Container};
use crate::{Engine, EngineError};
use teu_model::ContainerName;

impl Engine {
    /// Gives the container that `given` names the name `new`.
    pub fn rename(&self, given: &str, new: &str) -> Result<(), EngineError> {
        if given.is_empty() || new.trim_start_matches('/').is_empty() {
            return Err(EngineError::bad("Neither old nor new names may be empty"));
        }
        let found = records::find(&self.paths, given)?;
        let action = Action::begin(self, found.id())?;
        let renamed = match records::load(&self.paths, found.id())? {
            Some(mut container) => self.rename_held(&mut container, new),
            None => Err(EngineError::NoSuchContainer { given: given.to_string() }),
        };
        action.done()?;
        renamed
    }

    fn rename_held(&self, container: &mut Container, new: &str) -> Result<(), EngineError> {
        // docker's words.
        let refused =
            |error: String| EngineError::bad(format!("Error when allocating new name: {error}"));
        let new = ContainerName::parse(new)
            .map_err(|error| refused(error.to_string().replacen('(', "(/", 1)))?;
        if new == container.state.name {
            return Err(EngineError::bad(
                "Renaming a container with the same name as its current name",
            ));
        }
        container.state.other_name = Some(new.clone());
        container.save_state()?;
        match records::take_name(&self.paths, &new, container.id(), container.durability()) {
            Ok(()) => {}
            Err(error) => {
                repair(self, container)?;
                return Err(match error {
                    EngineError::NameTaken { .. } => refused(error.to_string()),
                    other => other,
                });
            }
        }
        let old = std::mem::replace(&mut container.state.name, new);
        let old_name = format!("/{old}");
        container.state.other_name = Some(old);
        container.save_state()?;
        self.tell_of(container, "rename", &[("oldName", &old_name)]);
        repair(self, container)
    }
}

/// Gives back the name that a container does not have.
pub(crate) fn repair(engine: &Engine, container: &mut Container) -> Result<(), EngineError> {
    let Some(other) = container.state.other_name.clone() else { return Ok(()) };
    records::give_name_back(&engine.paths, &other, container.id())?;
    container.state.other_name = None;
    container.save_state()
}
