//! What is not yet or no longer: ingest/, trash/, scratch/, directories below /run.

use super::{Defect, Seen};
use crate::observe::boot_id;
use crate::{Engine, EngineError, files, records};
use std::path::{Path, PathBuf};
use teu_kernel::flock::Lock;
use teu_model::ContainerId;

pub(super) fn find(
    engine: &Engine,
    seen: &Seen,
    defects: &mut Vec<Defect>,
) -> Result<(), EngineError> {
    let paths = &engine.paths;
    let mut left = |object: String, wrong: &str, path: PathBuf| {
        defects.push(Defect::new(object, wrong, "remove it", move |_| remove(&path)));
    };
    let abandoned = "a command that died has left it";
    for name in records::names_in(&paths.root.join("ingest"))? {
        let path = paths.root.join("ingest").join(&name);
        let is_busy = ContainerId::parse(&name).is_ok_and(|id| seen.busy.contains(&id));
        // The image store looks after its own.
        let is_the_stores = name.starts_with("layer-") || name.starts_with("file-");
        if !is_busy && !is_the_stores && is_free(&path) {
            left(format!("ingest/{name}"), abandoned, path);
        }
    }
    for name in records::names_in(&paths.root.join("trash"))? {
        let path = paths.root.join("trash").join(&name);
        let is_busy = ContainerId::parse(&name).is_ok_and(|id| seen.busy.contains(&id));
        if name != "images" && !is_busy && is_free(&path) {
            left(format!("trash/{name}"), abandoned, path);
        }
    }
    for boot in records::names_in(&paths.root.join("scratch"))? {
        let directory = paths.root.join("scratch").join(&boot);
        if boot != boot_id() {
            left(format!("scratch/{boot}"), "it is of another boot", directory);
            continue;
        }
        for name in records::names_in(&directory)? {
            if ContainerId::parse(&name).map_or(true, |id| !seen.exists(&id)) {
                let short = name.get(..12).unwrap_or(&name);
                left(format!("scratch/{short}"), "no container has it", directory.join(&name));
            }
        }
    }
    let ended = engine.ended_directory();
    for name in records::names_in(&ended)? {
        let path = ended.join(&name);
        let short = name.get(..12).unwrap_or(&name);
        let is_whole = || matches!(records::load_from(&path), Ok(Some(_)));
        if ContainerId::parse(&name).is_err() {
            left(format!("run/ended/{short}"), abandoned, path);
        } else if !is_whole() {
            let wrong = "what is remembered of this container cannot be read";
            left(format!("run/ended/{short}"), wrong, path);
        }
    }
    for name in records::names_in(&paths.run.join("containers"))? {
        let id = ContainerId::parse(&name);
        let path = paths.run.join("containers").join(&name);
        let is_needed = id.as_ref().is_ok_and(|id| {
            // A temporary container's record lies here; a restarting one's monitor, too.
            seen.holds(id)
                || seen.containers.get(id).is_some_and(|container| container.directory == path)
        });
        if !is_needed {
            let short = name.get(..12).unwrap_or(&name);
            left(format!("run/containers/{short}"), "no container runs in it", path);
        }
    }
    Ok(())
}

/// Nobody holds it. A file has no holder.
fn is_free(path: &Path) -> bool {
    path.is_file() || matches!(Lock::try_exclusive(path), Ok(Some(_)))
}

fn remove(path: &Path) -> Result<(), EngineError> {
    let is_directory = path.symlink_metadata().is_ok_and(|about| about.is_dir());
    if is_directory { files::remove_tree(path) } else { files::remove_file(path) }
}
