//! The verbs on images that need no registry: `images`, `tag`, `rmi`, `import`, `load`.

use crate::{Engine, EngineError, records};
use std::io::Read;
use teu_image::{Found, Image, ImageUser, ImportOptions, ListedImage, Loaded, Removed};
use teu_model::Reference;

impl Engine {
    /// All images, the newest first.
    pub fn images(&self) -> Result<Vec<ListedImage>, EngineError> {
        Ok(self.store.list()?)
    }

    /// The image that `given` names, by name or id.
    pub fn find_image(&self, given: &str) -> Result<Found, EngineError> {
        Ok(self.store.find(given, None)?)
    }

    /// Gives what `source` names a further name.
    pub fn tag(&self, source: &str, target: &Reference) -> Result<(), EngineError> {
        let found = self.store.find(source, None)?;
        self.store.tag(target, &found.target)?;
        self.tell_of_image(found.image.id.to_string(), target.familiar(), "tag");
        Ok(())
    }

    /// Removes a name, or the image when it has no other.
    pub fn remove_image(&self, given: &str, force: bool) -> Result<Vec<Removed>, EngineError> {
        Ok(self.remove_image_counted(given, force)?.0)
    }

    /// The same, and how many bytes that gave back.
    pub(crate) fn remove_image_counted(
        &self,
        given: &str,
        force: bool,
    ) -> Result<(Vec<Removed>, u64), EngineError> {
        let id = self.store.find(given, None)?.image.id.to_string();
        let removal = self.store.remove(given, force, &|| self.image_users())?;
        for line in &removal.lines {
            match line {
                Removed::Untagged(_) => self.tell_of_image(&id, &id, "untag"),
                // The lines after the image's own are its layers.
                Removed::Deleted(gone) if gone.to_string() == id => {
                    self.tell_of_image(&id, &id, "delete");
                }
                Removed::Deleted(_) => {}
            }
        }
        for chain in &removal.collected.chains {
            self.snapshots.forget_root(chain)?;
        }
        Ok((removal.lines, removal.collected.bytes))
    }

    /// An image from a tar of a root file system.
    pub fn import(&self, tar: impl Read, options: ImportOptions) -> Result<Image, EngineError> {
        let image = self.store.import(tar, options)?;
        let id = image.id.to_string();
        self.tell_of_image(&id, &id, "import");
        Ok(image)
    }

    /// Images from an archive that `docker save` or an OCI tool wrote.
    pub fn load(&self, archive: impl Read) -> Result<Vec<Loaded>, EngineError> {
        let loaded = self.store.load(archive)?;
        for id in loaded.iter().map(|loaded| loaded.id.to_string()) {
            self.tell_of_image(&id, &id, "load");
        }
        Ok(loaded)
    }

    /// Every container needs its image, whether it runs or not. What cannot be read counts as nobody:
    /// its layers are still held by its own image's name.
    fn image_users(&self) -> Vec<ImageUser> {
        let containers = records::readable(&self.paths).unwrap_or_default();
        let user = |container: records::Container| ImageUser {
            image: container.record.image.clone(),
            container: container.id().short().to_string(),
            running: self.status_now(&container).is_alive(),
        };
        containers.into_iter().map(user).collect()
    }
}
