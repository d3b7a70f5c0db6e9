//! Named directories that outlive containers.
//!
//! ```text
//!  <root>/volumes/<name>/config.json    what it is: labels, options, for whom it was made (docs/formats/volume.md)
//!                       /data/          what containers see
//!                       /filling        the image's content is being copied into it
//!  <root>/ingest/volume-<random>/       not yet     (locked by its maker)
//!  <root>/trash/volume-<random>/        no longer
//! ```
//! A volume exists once its directory has its final name, and is gone when it has lost it.
//!
//! Locks: a volume's directory, shared by who makes a container that uses it until the container's record says so,
//! exclusive by who removes it; its `config.json`, exclusive by who fills it; `ingest/`, shared while a place in it
//! is made, exclusive while left-over ones are removed.

mod create;
mod error;
mod fill;
mod list;
mod remove;
mod transfer;

pub use create::NewVolume;
pub use error::VolumeError;

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use teu_kernel::flock::Lock;
use teu_model::{ContainerId, Paths, Timestamp};

/// The version of `config.json`.
const VERSION: u32 = 1;

/// The label that docker gives to volumes without a name.
pub const ANONYMOUS_LABEL: &str = "com.docker.volume.anonymous";

/// The volumes of one state root.
#[derive(Clone, Debug)]
pub struct Volumes {
    root: PathBuf,
}

/// A volume, as its `config.json` tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// Of this file's format.
    pub version: u32,
    /// Its name.
    pub name: String,
    /// Who keeps it: always `local`.
    pub driver: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The local driver's options: `type`, `device`, `o`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
    /// Nobody gave it a name: it goes with the container that it was made for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub anonymous: bool,
    /// The container that was being made when it was, until that is removed without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_for: Option<ContainerId>,
}

/// A volume that nobody removes as long as this lives.
#[derive(Debug)]
pub struct Held {
    /// It.
    pub volume: Volume,
    _lock: Lock,
}

impl Volumes {
    /// Touches nothing yet.
    pub fn new(paths: &Paths) -> Volumes {
        Volumes { root: paths.root.clone() }
    }

    fn directory(&self) -> PathBuf {
        self.root.join("volumes")
    }

    fn place(&self, name: &str) -> PathBuf {
        self.directory().join(name)
    }

    /// What containers see of the volume `name`.
    pub fn data(&self, name: &str) -> PathBuf {
        self.place(name).join("data")
    }

    fn ingest(&self) -> PathBuf {
        self.root.join("ingest")
    }

    fn trash(&self) -> PathBuf {
        self.root.join("trash")
    }
}

/// A name that is a file's name and leads nowhere else.
fn is_name(name: &str) -> bool {
    let allowed = |c: u8| c.is_ascii_alphanumeric() || b"_.-".contains(&c);
    (2..=255).contains(&name.len())
        && name.as_bytes()[0].is_ascii_alphanumeric()
        && name.bytes().all(allowed)
}

fn make_private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}
