//! Records of containers, their names, and whether they are what they say.

use super::{Defect, Seen};
use crate::observe::{Truth, now, observe};
use crate::release::{give_back, remove_all};
use crate::{Engine, EngineError, files, records};
use std::path::PathBuf;
use teu_kernel::durable::Durability;
use teu_kernel::flock::Lock;
use teu_model::{ContainerId, ContainerName, OnExit, Record, State};

pub(super) fn find(
    engine: &Engine,
    seen: &Seen,
    defects: &mut Vec<Defect>,
) -> Result<(), EngineError> {
    for name in records::names_in(&engine.paths.root.join("containers"))? {
        let path = engine.paths.root.join("containers").join(&name);
        let foreign = |wrong: &str| {
            let path = path.clone();
            Defect::new(
                format!("containers/{name}"),
                wrong,
                "move it to lost/ in the state root",
                move |engine| engine.set_aside(&path),
            )
        };
        match ContainerId::parse(&name) {
            Err(_) => defects.push(foreign("no container is called so")),
            Ok(_) if !path.is_dir() => defects.push(foreign("it is no directory")),
            Ok(id) if !seen.busy.contains(&id) => record(&id, path.clone(), defects),
            Ok(_) => {}
        }
    }
    for (id, container) in &seen.containers {
        if seen.busy.contains(id) {
            continue;
        }
        let object = format!("container {} ({})", container.state.name, id.short());
        let id = id.clone();
        match observe(&engine.paths, container) {
            Truth::AsRecorded => {}
            Truth::MonitorLost => defects.push(Defect::new(
                object.clone(),
                "it runs and its monitor is gone",
                "start another monitor that takes over",
                move |engine| {
                    let found = records::load(&engine.paths, &id)?;
                    found.map_or(Ok(()), |container| engine.adopt(&container).map(drop))
                },
            )),
            Truth::Ended(_) => defects.push(Defect::new(
                object.clone(),
                "it has ended and is recorded as running",
                "record its end and give back what it held",
                move |engine| engine.release(&id),
            )),
        }
        if let Some(lost) =
            container.record.layers.iter().find(|layer| !engine.store.has_layer(layer))
        {
            let image = container.record.request.image.clone();
            defects.push(Defect::new(
                object,
                format!("the layer {lost} of its image is missing"),
                format!("nothing; `teu pull {image}` may bring it back"),
                move |_| Err(EngineError::bad("nothing here can bring the layer back")),
            ));
        }
    }
    for name in records::names_in(&engine.paths.run.join("pending"))? {
        let file = engine.paths.run.join("pending").join(&name);
        match ContainerId::parse(&name) {
            Ok(id) if !seen.busy.contains(&id) => defects.push(Defect::new(
                format!("pending/{}", id.short()),
                "an action on this container broke off",
                "finish it, or undo it",
                move |engine| {
                    engine.with_action(&id, || match crate::repair::container(engine, &id) {
                        // Its record is a defect of its own.
                        Err(EngineError::Damaged { .. }) => Ok(()),
                        other => other,
                    })
                },
            )),
            Ok(_) => {}
            Err(_) => defects.push(Defect::new(
                format!("pending/{name}"),
                "no container is called so",
                "remove it",
                move |_| files::remove_file(&file),
            )),
        }
    }
    Ok(())
}

/// One directory in containers/.
fn record(id: &ContainerId, path: PathBuf, defects: &mut Vec<Defect>) {
    let object = format!("container {}", id.short());
    let request = files::read::<Record>(&path.join("request.json"));
    let wrong = match &request {
        Ok(Some(record)) if record.id == *id => None,
        Ok(Some(_)) => Some("its request.json is another container's"),
        Ok(None) => Some("half a record: its request.json is missing"),
        Err(EngineError::Damaged { .. }) => Some("its request.json is damaged"),
        Err(_) => None,
    };
    let own = id.clone();
    if let Some(wrong) = wrong {
        defects.push(Defect::new(
            object,
            wrong,
            "give back what it holds and move the record to lost/ in the state root",
            move |engine| {
                engine.with_action(&own, || {
                    give_back(engine, &own)?;
                    files::remove_tree(&engine.paths.container_run(&own))?;
                    engine.set_aside(&path)
                })
            },
        ));
        return;
    }
    let wrong = match files::read::<State>(&path.join("state.json")) {
        Ok(None) => "half a record: its state.json is missing",
        Err(EngineError::Damaged { .. }) => "its state.json is damaged",
        Ok(Some(_)) | Err(_) => return,
    };
    let is_temporary =
        matches!(&request, Ok(Some(record)) if record.request.on_exit == OnExit::Remove);
    defects.push(Defect::new(
        object,
        wrong,
        "end it, and record it as exited under its name",
        move |engine| {
            engine.with_action(&own, || {
                if is_temporary {
                    return remove_all(engine, &own, None);
                }
                give_back(engine, &own)?;
                files::remove_tree(&engine.paths.container_run(&own))?;
                let state = ended_state(engine, &own)?;
                files::write(&path.join("state.json"), &state, Durability::Synced)
            })
        },
    ));
}

/// What is said of a container of which nothing is known but that it was there.
fn ended_state(engine: &Engine, id: &ContainerId) -> Result<serde_json::Value, EngineError> {
    let name = match name_of(engine, id)? {
        Some(name) => name,
        None => {
            let name = ContainerName::from_random(crate::create::random()?);
            records::take_name(&engine.paths, &name, id, Durability::Synced)?;
            name
        }
    };
    Ok(serde_json::json!({
        "version": files::VERSION, "name": name, "status": "Exited", "running": null,
        "started_at": null, "start_error": null, "stopped_by_user": true,
        "exit": {
            "code": 255, "oom_killed": false, "finished_at": now(),
            "note": "its record was damaged, and repaired by fsck",
        },
    }))
}

fn name_of(engine: &Engine, id: &ContainerId) -> Result<Option<ContainerName>, EngineError> {
    for name in records::names_in(&engine.paths.root.join("names/containers"))? {
        if let Ok(name) = ContainerName::parse(&name)
            && records::holder(&engine.paths, &name)?.as_ref() == Some(id)
        {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

/// Names that lead nowhere or to the wrong one, and containers without theirs.
pub(super) fn find_names(
    engine: &Engine,
    seen: &Seen,
    defects: &mut Vec<Defect>,
) -> Result<(), EngineError> {
    let names = engine.paths.root.join("names/containers");
    for name in records::names_in(&names)? {
        let path = names.join(&name);
        let target = std::fs::read_link(&path);
        let wrong = match target {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(_) => {
                defects.push(Defect::new(
                    format!("name {name}"),
                    "it is no link",
                    "move it to lost/ in the state root",
                    move |engine| engine.set_aside(&path),
                ));
                continue;
            }
            Ok(_) if ContainerName::parse(&name).is_err() => "no container may be called so".into(),
            Ok(target) => match target.to_str().map(ContainerId::parse) {
                Some(Ok(id)) if !is_there(engine, seen, &id) => {
                    format!("it leads to {}, which does not exist", id.short())
                }
                Some(Ok(id)) => match seen.containers.get(&id) {
                    Some(container)
                        if !seen.busy.contains(&id) && container.state.name.as_str() != name =>
                    {
                        format!(
                            "it leads to {}, which is called {}",
                            id.short(),
                            container.state.name
                        )
                    }
                    _ => continue,
                },
                _ => "it leads to no container's id".to_string(),
            },
        };
        let directory = names.clone();
        defects.push(Defect::new(format!("name {name}"), wrong, "remove it", move |_| {
            let _lock = Lock::exclusive(&directory).map_err(|source| EngineError::State {
                attempt: "lock",
                path: directory.clone(),
                source,
            })?;
            files::remove_file(&path)
        }));
    }
    for (id, container) in &seen.containers {
        let name = &container.state.name;
        let holder = records::holder(&engine.paths, name)?;
        if seen.busy.contains(id) || holder.as_ref() == Some(id) {
            continue;
        }
        let taken = holder.as_ref().is_some_and(|holder| {
            seen.containers.get(holder).is_some_and(|other| other.state.name == *name)
        });
        let (own, name) = (id.clone(), name.clone());
        let object = format!("container {name} ({})", id.short());
        defects.push(if taken {
            Defect::new(
                object,
                "another container has its name",
                "give it a new name",
                move |engine| {
                    engine.with_action(&own, || {
                        let Some(mut container) = records::load(&engine.paths, &own)? else {
                            return Ok(());
                        };
                        container.state.name =
                            ContainerName::parse(&format!("{name}_{}", own.short()))
                                .map_err(|error| EngineError::bad(error.to_string()))?;
                        let durability = container.durability();
                        records::take_name(&engine.paths, &container.state.name, &own, durability)?;
                        container.save_state()
                    })
                },
            )
        } else {
            Defect::new(object, "its name does not lead to it", "make the name", move |engine| {
                engine.with_action(&own, || {
                    let link = engine.paths.root.join("names/containers").join(name.as_str());
                    // What stands there leads elsewhere, and nobody there is called so.
                    files::remove_file(&link)?;
                    records::take_name(&engine.paths, &name, &own, Durability::Synced)
                })
            })
        });
    }
    Ok(())
}

/// Readable or not: something of this id is there.
fn is_there(engine: &Engine, seen: &Seen, id: &ContainerId) -> bool {
    seen.exists(id)
        || engine.paths.container(id).exists()
        || engine.paths.container_run(id).exists()
        || engine.paths.run.join("pending").join(id.as_str()).exists()
}
