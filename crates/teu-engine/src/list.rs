//! `ps`: all containers, as they are now.

use crate::disk_use::disk_use;
use crate::observe::{Truth, observe};
use crate::records::{self, Container};
use crate::{Engine, EngineError};
use teu_model::{ContainerId, Exit, Health, Status};

/// So many are read faster by several threads than it takes to make these.
const MANY: usize = 32;

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
        for looked in self.look_at(&records::ids(&self.paths)?) {
            match looked {
                // Lists show what they can; `fsck` tells of the others.
                Err(EngineError::Damaged { .. }) | Ok(None) => {}
                Ok(Some((container, truth))) => {
                    listed.extend(self.as_it_is_by(container, truth)?);
                }
                Err(error) => return Err(error),
            }
        }
        listed.sort_by_key(|one| std::cmp::Reverse(one.container.record.created_at));
        Ok(listed)
    }

    /// Each record and what is true of it, read on all CPUs where there are many.
    fn look_at<'ids>(
        &self,
        ids: &'ids [ContainerId],
    ) -> Vec<Result<Option<(Container, Truth)>, EngineError>> {
        let look = |id: &ContainerId| {
            let container = records::load(&self.paths, id)?;
            Ok(container.map(|container| {
                let truth = observe(&self.paths, &container);
                (container, truth)
            }))
        };
        let threads = std::thread::available_parallelism().map_or(1, |count| count.get().min(8));
        if threads == 1 || ids.len() < MANY {
            return ids.iter().map(look).collect();
        }
        std::thread::scope(|scope| {
            let part = |ids: &'ids [ContainerId]| {
                scope.spawn(move || ids.iter().map(look).collect::<Vec<_>>())
            };
            let parts: Vec<_> = ids.chunks(ids.len().div_ceil(threads)).map(part).collect();
            let joined = parts.into_iter().map(|part| match part.join() {
                Ok(looked) => looked,
                Err(panic) => std::panic::resume_unwind(panic),
            });
            joined.flatten().collect()
        })
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
        let truth = observe(&self.paths, &container);
        self.as_it_is_by(container, truth)
    }

    fn as_it_is_by(
        &self,
        container: Container,
        truth: Truth,
    ) -> Result<Option<Listed>, EngineError> {
        let container = match truth {
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
