//! One action on one container at a time, and none forgotten: the file `<run>/pending/<id>`.
//!
//! ```text
//!  no file               nothing to do
//!  file, locked          somebody is acting (create, start, release, remove)
//!  file, not locked      an action broke off, or a monitor left word that the container has ended:
//!                        whoever comes next locks it and repairs (repair.rs)
//! ```
//!
//! So the lock is the intent: there is no moment at which something is half done and no file says so.
//! The file is unlinked by its holder, still locked, when the container is whole again; one that waited
//! finds that its file has no name any more and begins anew. Below /run: a reboot forgets it, and what a
//! reboot leaves is told by state.json's boot id.

use crate::{Engine, EngineError, repair};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use teu_kernel::flock::Lock;
use teu_model::ContainerId;

/// The right to act on a container. Dropped without [`Action::done`], it leaves the file: what was begun
/// is repaired by the next command.
#[derive(Debug)]
pub(crate) struct Action {
    file: PathBuf,
    _lock: Lock,
}

impl Action {
    /// The same, unless another one makes it needless: `None` once `needless` says so.
    pub(crate) fn begin_unless(
        engine: &Engine,
        id: &ContainerId,
        needless: impl Fn() -> Result<bool, EngineError>,
    ) -> Result<Option<Action>, EngineError> {
        let file = file_of(engine, id);
        loop {
            let fresh = make(&file)?;
            match Lock::try_exclusive(&file) {
                Ok(Some(lock)) if still_named(&file, &lock) => {
                    let action = Action { file, _lock: lock };
                    if !fresh {
                        repair::container(engine, id)?;
                    }
                    return Ok(Some(action));
                }
                // Never waited for the lock itself: who has it may wait for this command.
                Ok(None) if needless()? => return Ok(None),
                Ok(None) => std::thread::sleep(Duration::from_millis(2)),
                Ok(Some(_)) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => {
                    return Err(EngineError::State { attempt: "lock", path: file, source });
                }
            }
        }
    }

    /// Waits until nobody acts on `id`, and repairs what the last one left undone.
    pub(crate) fn begin(engine: &Engine, id: &ContainerId) -> Result<Action, EngineError> {
        let file = file_of(engine, id);
        loop {
            let fresh = make(&file)?;
            let lock = match Lock::exclusive(&file) {
                Ok(lock) => lock,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(source) => {
                    return Err(EngineError::State { attempt: "lock", path: file, source });
                }
            };
            if !still_named(&file, &lock) {
                continue;
            }
            let action = Action { file, _lock: lock };
            if !fresh {
                repair::container(engine, id)?;
            }
            return Ok(action);
        }
    }

    /// The right to act, if nobody else has it now. Repairs nothing: `fsck` does that.
    pub(crate) fn try_hold(
        engine: &Engine,
        id: &ContainerId,
    ) -> Result<Option<Action>, EngineError> {
        let file = file_of(engine, id);
        make(&file)?;
        match Lock::try_exclusive(&file) {
            Ok(Some(lock)) if still_named(&file, &lock) => Ok(Some(Action { file, _lock: lock })),
            Ok(_) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(EngineError::State { attempt: "lock", path: file, source }),
        }
    }

    /// The container is whole: no word is left behind.
    pub(crate) fn done(self) -> Result<(), EngineError> {
        crate::files::remove_file(&self.file)
    }
}

/// What earlier commands left undone is done now; what others are at is left to them. Costs one read of
/// a directory that is nearly always empty.
pub(crate) fn finish_what_others_left(engine: &Engine) -> Result<(), EngineError> {
    for name in crate::records::names_in(&engine.paths.run.join("pending"))? {
        let Ok(id) = ContainerId::parse(&name) else { continue };
        let file = file_of(engine, &id);
        if let Ok(Some(lock)) = Lock::try_exclusive(&file)
            && still_named(&file, &lock)
        {
            repair::container(engine, &id)?;
            Action { file, _lock: lock }.done()?;
        }
    }
    Ok(())
}

fn file_of(engine: &Engine, id: &ContainerId) -> PathBuf {
    engine.paths.run.join("pending").join(id.as_str())
}

/// True if this call made the file.
fn make(file: &Path) -> Result<bool, EngineError> {
    use teu_kernel::durable::{Durability, write_new};
    match write_new(file, b"", 0o600, Durability::ThisBoot) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(source) => {
            Err(EngineError::State { attempt: "make", path: file.to_path_buf(), source })
        }
    }
}

fn still_named(file: &Path, lock: &Lock) -> bool {
    let locked = lock.identity();
    std::fs::metadata(file)
        .is_ok_and(|named| locked.is_ok_and(|locked| locked == (named.dev(), named.ino())))
}
