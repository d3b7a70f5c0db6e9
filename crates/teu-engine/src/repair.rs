//! What an action that broke off left behind, made whole or removed.
//!
//! Called under the container's action, so nobody else is at it. Whatever point the action had reached,
//! the files tell enough:
//!
//! | record | state | what it was | what is done |
//! |---|---|---|---|
//! | none, or half | – | a create or remove that broke off | every trace goes |
//! | `--rm` | Created | a run that broke off before its container ran | every trace goes |
//! | whole | Created, Exited | a start that broke off, or a release half done | resources are given back |
//! | whole | with another name | a rename that broke off | the name that it does not have is given back |
//! | whole | Running, and it does | a start recorded, its last step not | nothing |
//! | whole | Running or Paused, its group not so | a pause or unpause that broke off | the record says what is |
//! | whole | Running or Paused, with another parent of its group | a move that broke off | all processes lie in the group that is recorded |
//! | whole | Running, and it ended | nobody released it | release |
//! | whole | Restarting | a restart that broke off before its container ran | the group is given back |

use crate::observe::{Truth, observe};
use crate::release::{destroy, ended, give_back, give_group_back, remove_all};
use crate::{Engine, EngineError, files, pause, records, rename, update};
use teu_model::{ContainerId, Status};

/// Makes `id` whole, or removes it.
pub(crate) fn container(engine: &Engine, id: &ContainerId) -> Result<(), EngineError> {
    let Some(mut container) = records::load(&engine.paths, id)? else {
        remove_all(engine, id, half_made_name(engine, id)?.as_ref())?;
        return Ok(engine.volumes.remove_made_for(id)?);
    };
    rename::repair(engine, &mut container)?;
    crate::commit::repair(engine, &container)?;
    match (container.state.status, observe(&engine.paths, &container)) {
        (Status::Running | Status::Paused | Status::Restarting, Truth::Ended(exit)) => {
            ended(engine, &mut container, exit)
        }
        (Status::Running | Status::Paused, _) => {
            update::repair(engine, &mut container)?;
            pause::repair(engine, &mut container)
        }
        // The monitor calls for somebody again; where it is lost, whoever looks at the container starts it.
        (Status::Restarting, _) => give_group_back(engine, id),
        (Status::Created | Status::Exited, _) if container.is_temporary() => {
            destroy(engine, &container)
        }
        (Status::Created | Status::Exited, _) => {
            give_back(engine, id)?;
            if !container.is_temporary() {
                files::remove_tree(&engine.paths.container_run(id))?;
            }
            Ok(())
        }
    }
}

/// A create that broke off between taking its name and its record has left a name that nobody can find
/// by the record; there are few, so all are read.
fn half_made_name(
    engine: &Engine,
    id: &ContainerId,
) -> Result<Option<teu_model::ContainerName>, EngineError> {
    for name in records::names_in(&engine.paths.root.join("names/containers"))? {
        if let Ok(name) = teu_model::ContainerName::parse(&name)
            && records::holder(&engine.paths, &name)?.as_ref() == Some(id)
        {
            return Ok(Some(name));
        }
    }
    Ok(None)
}
