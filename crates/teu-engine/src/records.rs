//! Containers on disk: where each record lies, who has which name, which id a prefix means.
//!
//! ```text
//!  <root>/containers/<id>/   request.json state.json init/ upper/ work/ root log     a container that stays
//!  <run>/containers/<id>/    the same for one that dies with --rm (its upper lies in scratch/), and for
//!                            every running one: monitor.sock, exit.json, FIFOs
//!  <root>/names/containers/<name>   a link to the id: a name has one holder
//!  <run>/pending/<id>        something is being done, or to be done, with this container: see repair.rs
//! ```

use crate::{EngineError, files};
use std::io;
use std::path::{Path, PathBuf};
use teu_kernel::durable::Durability;
use teu_kernel::flock::Lock;
use teu_model::{ContainerId, ContainerName, OnExit, Paths, Record, ResourceRequest, State};

/// One container as its files tell it.
#[derive(Clone, Debug)]
pub struct Container {
    /// What never changes.
    pub record: Record,
    /// What does, as last written.
    pub state: State,
    /// Where its record lies.
    pub(crate) directory: PathBuf,
}

impl Container {
    /// Its id.
    pub fn id(&self) -> &ContainerId {
        &self.record.id
    }

    /// Whether it goes when its process ends.
    pub fn is_temporary(&self) -> bool {
        self.record.request.on_exit == OnExit::Remove
    }

    /// Its limits now.
    pub fn resources(&self) -> &ResourceRequest {
        self.state.resources.as_ref().unwrap_or(&self.record.request.resources)
    }

    /// What a power cut may take: nothing of a container that stays.
    pub(crate) fn durability(&self) -> Durability {
        durability(self.record.request.on_exit)
    }

    pub(crate) fn save_state(&self) -> Result<(), EngineError> {
        files::write(&self.directory.join("state.json"), &self.state, self.durability())
    }
}

pub(crate) fn durability(on_exit: OnExit) -> Durability {
    match on_exit {
        OnExit::Keep => Durability::Synced,
        OnExit::Remove => Durability::ThisBoot,
    }
}

/// Where the record of a container lies, or would lie.
pub(crate) fn directory(paths: &Paths, id: &ContainerId, on_exit: OnExit) -> PathBuf {
    match on_exit {
        OnExit::Keep => paths.container(id),
        OnExit::Remove => paths.container_run(id),
    }
}

/// The container with this very id.
pub(crate) fn load(paths: &Paths, id: &ContainerId) -> Result<Option<Container>, EngineError> {
    for directory in [paths.container(id), paths.container_run(id)] {
        if let Some(container) = load_from(&directory)? {
            return Ok(Some(container));
        }
    }
    Ok(None)
}

/// The container whose record lies in `directory`.
pub(crate) fn load_from(directory: &Path) -> Result<Option<Container>, EngineError> {
    let Some(record) = files::read::<Record>(&directory.join("request.json"))? else {
        return Ok(None);
    };
    // Written after request.json and removed with it: without it the container is not yet, or no longer.
    let Some(state) = files::read::<State>(&directory.join("state.json"))? else {
        return Ok(None);
    };
    Ok(Some(Container { record, state, directory: directory.to_path_buf() }))
}

/// The container that `given` names: a name, a whole id, or a prefix that only one id has.
pub(crate) fn find(paths: &Paths, given: &str) -> Result<Container, EngineError> {
    find_among(paths, given, &mut None)
}

/// The same for many: what there is, is listed once.
pub(crate) fn find_each(paths: &Paths, given: &[String]) -> Result<Vec<Container>, EngineError> {
    let mut listed = None;
    given.iter().map(|given| find_among(paths, given, &mut listed)).collect()
}

fn find_among(
    paths: &Paths,
    given: &str,
    listed: &mut Option<Vec<PathBuf>>,
) -> Result<Container, EngineError> {
    let no_such = || EngineError::NoSuchContainer { given: given.to_string() };
    if let Ok(id) = ContainerId::parse(given) {
        return load(paths, &id)?.ok_or_else(no_such);
    }
    if let Ok(name) = ContainerName::parse(given)
        && let Some(id) = holder(paths, &name)?
        && let Some(container) = load(paths, &id)?
    {
        return Ok(container);
    }
    let is_prefix = !given.is_empty()
        && given.bytes().all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c));
    if !is_prefix {
        return Err(no_such());
    }
    let places = match listed {
        Some(places) => places,
        None => listed.insert(places(paths)?),
    };
    let matching: Vec<ContainerId> = ids_beginning(places, given).collect();
    match &matching[..] {
        [] => Err(no_such()),
        [id] => load(paths, id)?.ok_or_else(no_such),
        _ => Err(EngineError::AmbiguousId { given: given.to_string() }),
    }
}

/// Every container's id, in no order.
pub(crate) fn ids(paths: &Paths) -> Result<Vec<ContainerId>, EngineError> {
    Ok(ids_beginning(&places(paths)?, "").collect())
}

/// Every directory in which a container's record may lie.
fn places(paths: &Paths) -> Result<Vec<PathBuf>, EngineError> {
    let mut places = Vec::new();
    for directory in [paths.root.join("containers"), paths.run.join("containers")] {
        places.extend(names_in(&directory)?.into_iter().map(|name| directory.join(name)));
    }
    Ok(places)
}

/// The ids that begin so and have a record.
fn ids_beginning<'a>(
    places: &'a [PathBuf],
    start: &'a str,
) -> impl Iterator<Item = ContainerId> + 'a {
    places.iter().filter_map(move |place| {
        let name = place.file_name()?.to_str().filter(|name| name.starts_with(start))?;
        let id = ContainerId::parse(name).ok()?;
        place.join("request.json").exists().then_some(id)
    })
}

/// All containers. One whose record vanishes meanwhile is left out.
pub(crate) fn all(paths: &Paths) -> Result<Vec<Container>, EngineError> {
    let mut containers = Vec::new();
    for id in ids(paths)? {
        containers.extend(load(paths, &id)?);
    }
    Ok(containers)
}

/// All containers whose record can be read: for lists, which show what they can. `fsck` tells of the others.
pub(crate) fn readable(paths: &Paths) -> Result<Vec<Container>, EngineError> {
    let mut containers = Vec::new();
    for id in ids(paths)? {
        match load(paths, &id) {
            Err(EngineError::Damaged { .. }) => {}
            other => containers.extend(other?),
        }
    }
    Ok(containers)
}

/// The names of what lies in `directory`; none where it does not exist.
pub(crate) fn names_in(directory: &Path) -> Result<Vec<String>, EngineError> {
    let failed =
        |source| EngineError::State { attempt: "read", path: directory.to_path_buf(), source };
    match std::fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(failed(error)),
        Ok(entries) => {
            let mut names = Vec::new();
            for entry in entries {
                names.extend(entry.map_err(failed)?.file_name().into_string());
            }
            Ok(names)
        }
    }
}

fn name_file(paths: &Paths, name: &ContainerName) -> PathBuf {
    paths.root.join("names/containers").join(name.as_str())
}

/// Who holds `name`.
pub(crate) fn holder(
    paths: &Paths,
    name: &ContainerName,
) -> Result<Option<ContainerId>, EngineError> {
    let file = name_file(paths, name);
    match std::fs::read_link(&file) {
        Ok(target) => Ok(target.to_str().and_then(|text| ContainerId::parse(text).ok())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(EngineError::State { attempt: "read", path: file, source }),
    }
}

/// Reserves `name` for `id`. A name whose holder exists in no form is stale and changes hands, under
/// the lock of the names.
pub(crate) fn take_name(
    paths: &Paths,
    name: &ContainerName,
    id: &ContainerId,
    durability: Durability,
) -> Result<(), EngineError> {
    let file = name_file(paths, name);
    let names = paths.root.join("names/containers");
    let failed = |source| EngineError::State { attempt: "write", path: file.clone(), source };
    // A link, because it is made with its content in one step, and never over another.
    match std::os::unix::fs::symlink(id.as_str(), &file) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let _lock = Lock::exclusive(&names).map_err(|source| EngineError::State {
                attempt: "lock",
                path: names.clone(),
                source,
            })?;
            if let Some(holder) = holder(paths, name)?
                && exists(paths, &holder)
            {
                return Err(EngineError::NameTaken {
                    name: name.clone(),
                    holder: holder.to_string(),
                });
            }
            let temporary = names.join(format!(".{}", id.short()));
            std::os::unix::fs::symlink(id.as_str(), &temporary).map_err(failed)?;
            std::fs::rename(&temporary, &file).map_err(failed)?;
        }
        Err(source) => return Err(failed(source)),
    }
    if durability == Durability::Synced {
        teu_kernel::durable::sync_directory(&names).map_err(failed)?;
    }
    Ok(())
}

/// Gives `name` back, if `id` still holds it.
pub(crate) fn give_name_back(
    paths: &Paths,
    name: &ContainerName,
    id: &ContainerId,
) -> Result<(), EngineError> {
    if holder(paths, name)?.as_ref() == Some(id) {
        files::remove_file(&name_file(paths, name))
    } else {
        Ok(())
    }
}

/// Whether a container of this id exists, whole or in the making.
fn exists(paths: &Paths, id: &ContainerId) -> bool {
    let places =
        [paths.container(id), paths.container_run(id), paths.run.join("pending").join(id.as_str())];
    places.iter().any(|place| place.exists())
}
