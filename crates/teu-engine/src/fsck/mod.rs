//! `fsck`: everything of this state root is looked at, and what does not fit is told and, if asked, put right.
//!
//! ```text
//!  look ─► a moment later look again ─► what was found twice is a defect      (what others are at passes)
//!   ▲                                      │ repair, each under the lock of its object
//!   └──────────── until nothing is found ──┘
//! ```
//! Each part finds what is wrong in its own; here the parts are compared with each other: which containers
//! there are decides which groups, addresses, cables, mounts and names may be. Nothing of another state
//! root is ever looked at: every name carries its root's id.

mod containers;
mod events;
mod left_overs;
mod machine;
mod parts;

use crate::action::Action;
use crate::{Engine, EngineError, Outside, records};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};
use teu_kernel::flock::Lock;
use teu_model::{ContainerId, Paths, Status};

/// How long what others are doing may look like a defect.
const PASSING: Duration = Duration::from_millis(200);
/// How long a monitor that has told its container's end may take to go.
const LEAVING: Duration = Duration::from_secs(3);
/// How often a repair may bring to light something else.
const ROUNDS_MAX: usize = 6;

/// How `fsck` is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct FsckOptions {
    /// Put right what can be.
    pub repair: bool,
    /// Hash every byte of every layer.
    pub verify: bool,
}

/// One defect, as it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is about: `container web`, `layer sha256:…`, `mount /run/…`.
    pub object: String,
    /// What is wrong with it.
    pub wrong: String,
    /// What a repair does.
    pub remedy: String,
    /// Whether that was done; why not, in words, if it could not be. None where it was not asked.
    pub repaired: Option<Result<(), String>>,
}

/// A defect that was found, and what is done about it.
struct Defect {
    object: String,
    wrong: String,
    remedy: String,
    fix: Fix,
    /// It may be somebody's who is about to leave.
    may_be_leaving: bool,
}

type Fix = Box<dyn Fn(&Engine) -> Result<(), EngineError>>;

impl fmt::Debug for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.object, self.wrong)
    }
}

impl Defect {
    fn new(
        object: impl Into<String>,
        wrong: impl Into<String>,
        remedy: impl Into<String>,
        fix: impl Fn(&Engine) -> Result<(), EngineError> + 'static,
    ) -> Defect {
        let (object, wrong, remedy) = (object.into(), wrong.into(), remedy.into());
        Defect { object, wrong, remedy, fix: Box::new(fix), may_be_leaving: false }
    }

    fn is(&self, other: &Defect) -> bool {
        self.object == other.object && self.wrong == other.wrong
    }
}

/// What there is, looked at once for all who compare.
struct Seen {
    /// Containers whose record can be read.
    containers: BTreeMap<ContainerId, crate::Container>,
    /// Containers that somebody acts on just now: theirs is nobody's business.
    busy: BTreeSet<ContainerId>,
}

impl Seen {
    fn look(engine: &Engine) -> Result<Seen, EngineError> {
        let mut busy = BTreeSet::new();
        for name in records::names_in(&engine.paths.run.join("pending"))? {
            let file = engine.paths.run.join("pending").join(&name);
            if let (Ok(id), Ok(None)) = (ContainerId::parse(&name), Lock::try_exclusive(&file)) {
                busy.insert(id);
            }
        }
        let containers = records::readable(&engine.paths)?;
        let containers = containers.into_iter().map(|one| (one.id().clone(), one)).collect();
        Ok(Seen { containers, busy })
    }

    /// Whether a container may hold what only a started one holds.
    fn holds(&self, id: &ContainerId) -> bool {
        self.busy.contains(id)
            || self.containers.get(id).is_some_and(|container| {
                !matches!(container.state.status, Status::Created | Status::Exited)
            })
    }

    fn exists(&self, id: &ContainerId) -> bool {
        self.busy.contains(id) || self.containers.contains_key(id)
    }
}

impl Engine {
    /// Tells each defect of the state root at `paths`; true if none is left.
    pub fn fsck(
        paths: Paths,
        outside: Outside,
        options: FsckOptions,
        tell: &mut dyn FnMut(&Finding),
    ) -> Result<bool, EngineError> {
        let engine = Engine::open_as_it_is(paths, outside)?;
        let mut hopeless: Vec<Defect> = Vec::new();
        for _ in 0..ROUNDS_MAX {
            let mut defects = engine.find_twice(options)?;
            defects.retain(|defect| !hopeless.iter().any(|known| known.is(defect)));
            if defects.is_empty() {
                break;
            }
            for defect in defects {
                let repaired =
                    options.repair.then(|| (defect.fix)(&engine).map_err(|error| in_words(&error)));
                let is_repaired = repaired == Some(Ok(()));
                tell(&Finding {
                    object: defect.object.clone(),
                    wrong: defect.wrong.clone(),
                    remedy: defect.remedy.clone(),
                    repaired,
                });
                if !is_repaired {
                    hopeless.push(defect);
                }
            }
            if !options.repair {
                return Ok(false);
            }
        }
        Ok(hopeless.is_empty())
    }

    /// What is found now and is found again a moment later.
    fn find_twice(&self, options: FsckOptions) -> Result<Vec<Defect>, EngineError> {
        let first = self.find_defects(options)?;
        if first.is_empty() {
            return Ok(first);
        }
        let began = Instant::now();
        std::thread::sleep(PASSING);
        // What is hashed does not change: once is enough.
        let shallow = FsckOptions { verify: false, ..options };
        let mut again = self.find_defects(shallow)?;
        again.retain(|defect| first.iter().any(|known| known.is(defect)));
        while again.iter().any(|defect| defect.may_be_leaving) && began.elapsed() < LEAVING {
            std::thread::sleep(PASSING / 4);
            let now = self.find_defects(shallow)?;
            again.retain(|defect| now.iter().any(|still| still.is(defect)));
        }
        let deep = first.into_iter().filter(|defect| defect.object.starts_with("layer "));
        for defect in deep {
            if !again.iter().any(|known| known.is(&defect)) {
                again.push(defect);
            }
        }
        Ok(again)
    }

    fn find_defects(&self, options: FsckOptions) -> Result<Vec<Defect>, EngineError> {
        let seen = Seen::look(self)?;
        let mut defects = Vec::new();
        containers::find(self, &seen, &mut defects)?;
        containers::find_names(self, &seen, &mut defects)?;
        parts::find(self, &seen, options, &mut defects)?;
        machine::find(self, &seen, &mut defects)?;
        left_overs::find(self, &seen, &mut defects)?;
        events::find(self, &mut defects);
        Ok(defects)
    }

    /// Acts on a container that nobody else acts on; one that somebody has begun to act on needs no help.
    fn with_action(
        &self,
        id: &ContainerId,
        work: impl FnOnce() -> Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        let Some(action) = Action::try_hold(self, id)? else { return Ok(()) };
        work()?;
        action.done()
    }

    /// Moves what is not ours, or cannot be understood, out of the way: it may be dear to somebody.
    fn set_aside(&self, path: &Path) -> Result<(), EngineError> {
        let lost = self.paths.root.join("lost");
        crate::files::make_directory(&lost)?;
        let name = path.file_name().map_or("unnamed".into(), |name| name.to_string_lossy());
        let mut place = lost.join(name.as_ref());
        for number in 1.. {
            match teu_kernel::durable::rename_new(path, &place) {
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                    place = lost.join(format!("{name}.{number}"));
                }
                Err(source) => {
                    let path = path.to_path_buf();
                    return Err(EngineError::State { attempt: "move", path, source });
                }
                Ok(()) => break,
            }
        }
        Ok(())
    }
}

fn in_words(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text += &format!(": {inner}");
        cause = inner.source();
    }
    text
}
