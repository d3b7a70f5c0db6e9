//! What can go wrong in the engine, for the doors to tell: once, in words, with docker's exit code.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use teu_model::{ContainerName, Status};

/// One failure of one verb. `source()` leads to its cause; `hint()` says what to do.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// No container has this name or begins with this id.
    #[error("No such container: {given}")]
    NoSuchContainer {
        /// What was given.
        given: String,
    },
    /// More than one id begins so.
    #[error("multiple IDs found with provided prefix: {given}")]
    AmbiguousId {
        /// What was given.
        given: String,
    },
    /// The name is taken. Worded as docker words it.
    #[error(
        "Conflict. The container name \"/{name}\" is already in use by container \"{holder}\". You have to remove (or rename) that container to be able to reuse that name."
    )]
    NameTaken {
        /// The name asked for.
        name: ContainerName,
        /// Who has it.
        holder: String,
    },
    /// The verb does not fit the container's state.
    #[error("{message}")]
    WrongState {
        /// docker's words for it.
        message: String,
        /// The state it is in.
        status: Status,
    },
    /// The request contradicts itself or the image.
    #[error("{message}")]
    BadRequest {
        /// What is wrong with it.
        message: String,
        /// What to do.
        hint: Option<&'static str>,
    },
    /// The first process could not be started.
    #[error("{message}")]
    CannotStart {
        /// Why, in words.
        message: String,
        /// What to do about it.
        remedy: Option<String>,
        /// docker's exit code for it: 126, 127, or 128 for the rest.
        exit_code: u8,
    },
    /// A file of teu's own state cannot be read or written.
    #[error("cannot {attempt} {}", path.display())]
    State {
        /// The verb: `read`, `write`, `make`.
        attempt: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A record on disk is not what its format says.
    #[error("{} is damaged", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A record was written by a newer teu.
    #[error("{} was written by a newer teu (format {found}, this one knows {known})", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest this program reads.
        known: u32,
    },
    /// A step of the kernel's or a part's failed.
    #[error("cannot {attempt}")]
    Step {
        /// What was tried, on what.
        attempt: String,
        /// Why it failed.
        source: Box<dyn Error + Send + Sync>,
        /// What to do.
        hint: Option<String>,
    },
    /// A part's failure that already says what was tried.
    #[error(transparent)]
    Image(#[from] teu_image::ImageError),
    /// Likewise.
    #[error(transparent)]
    Registry(#[from] teu_registry::RegistryError),
    /// Likewise.
    #[error(transparent)]
    Snapshot(#[from] teu_snapshot::SnapshotError),
    /// Likewise.
    #[error(transparent)]
    Network(#[from] teu_network::NetworkError),
    /// Likewise.
    #[error(transparent)]
    Volume(#[from] teu_volume::VolumeError),
    /// Likewise.
    #[error(transparent)]
    Archive(#[from] teu_archive::ArchiveError),
    /// Likewise.
    #[error(transparent)]
    Cgroup(#[from] teu_cgroup::CgroupError),
    /// Likewise.
    #[error(transparent)]
    Monitor(#[from] teu_monitor::MonitorError),
}

impl EngineError {
    /// A step that failed, its cause kept.
    pub(crate) fn step(
        attempt: impl Into<String>,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> EngineError {
        EngineError::Step { attempt: attempt.into(), source: source.into(), hint: None }
    }

    pub(crate) fn bad(message: impl Into<String>) -> EngineError {
        EngineError::BadRequest { message: message.into(), hint: None }
    }

    /// docker's exit code when this ends a `run`: 125 unless the container's own process was at fault.
    pub fn exit_code(&self) -> u8 {
        match self {
            EngineError::CannotStart { exit_code, .. } => *exit_code,
            _ => 125,
        }
    }

    /// Advice, where there is some.
    pub fn hint(&self) -> Option<String> {
        match self {
            EngineError::BadRequest { hint, .. } => hint.map(str::to_string),
            EngineError::CannotStart { remedy, .. } => remedy.clone(),
            EngineError::Step { hint, .. } => hint.clone(),
            EngineError::Newer { .. } => Some("use that teu, or another --root".to_string()),
            EngineError::Image(error) => error.hint().map(Into::into),
            EngineError::Registry(error) => error.hint(),
            EngineError::Snapshot(error) => error.hint().map(Into::into),
            EngineError::Network(error) => error.hint().map(Into::into),
            EngineError::Cgroup(error) => error.hint(),
            EngineError::Monitor(error) => error.hint().map(Into::into),
            _ => None,
        }
    }
}
