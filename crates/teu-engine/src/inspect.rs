//! `inspect`: one container or image with all that is known of it; the door words it.

use crate::records::Container;
use crate::{Engine, EngineError};
use teu_image::Found;
use teu_model::Health;

/// What `inspect` found.
#[derive(Clone, Debug)]
pub enum Inspected {
    /// A container.
    Container(Box<InspectedContainer>),
    /// An image, and all its names.
    Image(Box<Found>),
}

/// A container, and where its parts lie.
#[derive(Clone, Debug)]
pub struct InspectedContainer {
    /// As it is now.
    pub container: Container,
    /// What its health checks found.
    pub health: Option<Health>,
    /// The execs that run in it.
    pub execs: Vec<String>,
    /// Its host name.
    pub hostname: String,
    /// Its log.
    pub log_path: String,
    /// /etc/resolv.conf, /etc/hostname, /etc/hosts of the container, on the host.
    pub init_directory: String,
    /// Where volumes lie.
    pub volumes_directory: std::path::PathBuf,
    /// How its root is mounted.
    pub driver: Option<String>,
    /// Its group below each hierarchy.
    pub cgroup: String,
}

impl Engine {
    /// The container, or else the image, that `given` names.
    pub fn inspect(&self, given: &str) -> Result<Inspected, EngineError> {
        match self.inspect_container(given) {
            Ok(container) => Ok(Inspected::Container(Box::new(container))),
            Err(EngineError::NoSuchContainer { .. }) => match self.find_image(given) {
                Ok(found) => Ok(Inspected::Image(Box::new(found))),
                Err(_) => Err(EngineError::bad(format!("No such object: {given}"))),
            },
            Err(error) => Err(error),
        }
    }

    /// The container that `given` names.
    pub fn inspect_container(&self, given: &str) -> Result<InspectedContainer, EngineError> {
        let container = self.find(given)?;
        Ok(InspectedContainer {
            hostname: self.hostname(&container)?,
            log_path: self.log_path(&container).display().to_string(),
            init_directory: container.directory.join("init").display().to_string(),
            volumes_directory: self.paths.root.join("volumes"),
            driver: match self.whole_copy_of(&container) {
                Some(_) => Some("vfs".to_string()),
                None => self.snapshots.driver().map(|driver| driver.to_string()),
            },
            cgroup: self.cgroup_of(&container)?.path(),
            health: self.health(&container),
            execs: self.running_execs(&container),
            container,
        })
    }
}
