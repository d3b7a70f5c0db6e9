//! `prune`: what nobody uses goes: stopped containers, images without a container.

use crate::{Container, Engine, EngineError, records};
use std::collections::HashSet;
use teu_image::{ListedImage, Removed};
use teu_model::{ContainerId, Status, Verb};

/// What went, or would go.
#[derive(Clone, Debug, Default)]
pub struct Pruned<T> {
    /// In order.
    pub gone: Vec<T>,
    /// Bytes given back.
    pub bytes: u64,
}

impl Engine {
    /// Removes containers that do not run and that `wanted` lets through; with `dry` only tells them. What was
    /// remembered of others like them is forgotten.
    pub fn prune_containers(
        &self,
        wanted: &dyn Fn(&Container) -> bool,
        dry: bool,
    ) -> Result<Pruned<ContainerId>, EngineError> {
        let mut pruned = Pruned { gone: Vec::new(), bytes: 0 };
        if !dry {
            self.forget(wanted)?;
        }
        for listed in self.list()? {
            let container = listed.container;
            let is_stopped = matches!(container.state.status, Status::Created | Status::Exited);
            if !is_stopped || !wanted(&container) {
                continue;
            }
            let (own, _) = self.size_of(&container);
            let removed = if dry { Ok(()) } else { self.remove(container.id().as_str(), false) };
            match removed {
                Ok(()) => {
                    pruned.bytes = pruned.bytes.saturating_add(own);
                    pruned.gone.push(container.id().clone());
                }
                // Started or removed meanwhile: it is not to be pruned any more.
                Err(EngineError::WrongState { .. } | EngineError::NoSuchContainer { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(pruned)
    }

    /// Removes images that no container has: those without a name, or with `all` the others too.
    pub fn prune_images(
        &self,
        all: bool,
        wanted: &dyn Fn(&ListedImage) -> bool,
        dry: bool,
    ) -> Result<Pruned<Removed>, EngineError> {
        let mut pruned = Pruned { gone: Vec::new(), bytes: 0 };
        let used: HashSet<_> = records::readable(&self.paths)?
            .into_iter()
            .map(|container| container.record.image)
            .collect();
        for image in self.store.list()? {
            let is_meant = all || image.tags.is_empty();
            if !is_meant || used.contains(&image.id) || !wanted(&image) {
                continue;
            }
            if dry {
                pruned.bytes = pruned.bytes.saturating_add(image.size);
                let names = image.tags.iter().chain(&image.digests).cloned();
                pruned.gone.extend(names.map(Removed::Untagged));
                pruned.gone.push(Removed::Deleted(image.id));
                continue;
            }
            match self.remove_image_counted(&image.id.to_string(), true) {
                Ok((lines, bytes)) => {
                    pruned.gone.extend(lines);
                    pruned.bytes = pruned.bytes.saturating_add(bytes);
                }
                // A container was made of it meanwhile, or it was removed.
                Err(EngineError::Image(
                    teu_image::ImageError::InUse { .. } | teu_image::ImageError::NoSuchImage { .. },
                )) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(pruned)
    }

    /// Whether `rm` would remove it; why not, in the same words.
    pub fn may_remove(&self, given: &str, force: bool) -> Result<(), EngineError> {
        let container = self.find(given)?;
        if force || container.state.status.allows(Verb::Remove) {
            Ok(())
        } else {
            Err(crate::remove::refused(&container))
        }
    }
}
