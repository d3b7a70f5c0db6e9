//! `ps`: all containers, as they are now.

use crate::disk_use::disk_use;
use crate::observe::{Truth, observe};
use crate::records::{self, Container};
use crate::{Engine, EngineError};
use teu_model::{ContainerId, Exit, Health, Status};

/// One container in the list.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its record, and its state corrected by what is true now.
    pub container: Container,
    /// The image as typed at creation.
    pub image: String,
    /// What its health checks found, where it has some.
    pub health: Option<Health>,
}

impl Engine {
    /// All containers, the newest first. What lost its monitor or ended unseen is put right on the way.
    pub fn list(&self) -> Result<Vec<Listed>, EngineError> {
        let mut listed = Vec::new();
        for container in records::readable(&self.paths)? {
            listed.extend(self.as_it_is(container)?);
        }
        listed.sort_by_key(|one| std::cmp::Reverse(one.container.record.created_at));
        Ok(listed)
    }

    /// The names of all containers, in no order: opens and changes nothing.
    pub fn container_names(paths: &teu_model::Paths) -> Result<Vec<String>, EngineError> {
        let mut names = records::names_in(&paths.root.join("names/containers"))?;
        names.retain(|name| !name.starts_with('.'));
        Ok(names)
    }

    /// Bytes that a container wrote, and with those of its image.
    pub fn size_of(&self, container: &Container) -> (u64, u64) {
        let own = match self.whole_copy_of(container) {
            Some(_) => self.changes(container).map_or(0, |changes| changes.size()),
            None => disk_use(&self.writable_directory(container).join("upper")),
        };
        (own, own.saturating_add(self.store.size_of(&container.record.layers)))
    }

    /// The container that `given` names, as it is now.
    pub fn find(&self, given: &str) -> Result<Container, EngineError> {
        let container = records::find(&self.paths, given)?;
        match self.as_it_is(container)? {
            Some(listed) => Ok(listed.container),
            None => Err(EngineError::NoSuchContainer { given: given.to_string() }),
        }
    }

    /// Usually the record itself. One that ended unseen is released, one that lost its monitor gets
    /// another; one that somebody is at just now is shown as it will be.
    fn as_it_is(&self, container: Container) -> Result<Option<Listed>, EngineError> {
        let container = match observe(&self.paths, &container) {
            Truth::AsRecorded => Some(container),
            Truth::MonitorLost => self.with_a_monitor(container)?,
            Truth::Ended(exit) => self.after_its_end(container.id(), exit)?,
        };
        Ok(container.map(|container| Listed {
            image: container.record.request.image.clone(),
            health: self.health(&container),
            container,
        }))
    }

    /// As it is once somebody has taken over, or has found that it ended before anybody could.
    fn with_a_monitor(&self, container: Container) -> Result<Option<Container>, EngineError> {
        drop(self.adopt(&container)?);
        let Some(container) = records::load(&self.paths, container.id())? else { return Ok(None) };
        match observe(&self.paths, &container) {
            Truth::Ended(exit) => self.after_its_end(container.id(), exit),
            Truth::AsRecorded | Truth::MonitorLost => Ok(Some(container)),
        }
    }

    /// `None` if it went, as it asked to.
    fn after_its_end(
        &self,
        id: &ContainerId,
        exit: Exit,
    ) -> Result<Option<Container>, EngineError> {
        self.release(id)?;
        let mut container = records::load(&self.paths, id)?;
        if let Some(container) = &mut container
            && container.state.status.is_alive()
        {
            container.state.status = Status::Exited;
            container.state.exit = Some(exit);
        }
        Ok(container)
    }
}
