//! Stops all processes of a group where they are, and lets them go on.

use crate::{CgroupError, Controller, Group, Version, file};
use std::fs::File;
use std::io::{Read, Seek};
use std::os::fd::AsFd;
use std::path::Path;
use std::time::{Duration, Instant};

/// How far a group is with stopping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freezer {
    /// Its processes run.
    Thawed,
    /// Some have not stopped yet.
    Freezing,
    /// All stand still.
    Frozen,
}

/// A process that sleeps in the kernel where it cannot be woken is waited for so long.
const LIMIT: Duration = Duration::from_secs(5);

impl Group {
    /// Stops all its processes. When this returns they stand; on failure they run.
    pub fn freeze(&self) -> Result<(), CgroupError> {
        self.freeze_within(LIMIT)
    }

    pub(crate) fn freeze_within(&self, limit: Duration) -> Result<(), CgroupError> {
        let (version, dir) = self.freezer("true")?;
        let frozen = match version {
            Version::V1 => freeze_v1(&dir, limit),
            Version::V2 => freeze_v2(&dir, limit),
        };
        match frozen {
            Ok(true) => Ok(()),
            Ok(false) => {
                self.thaw()?;
                Err(CgroupError::NotFrozen { path: dir, limit })
            }
            Err(error) => {
                // The first error is the one to be told.
                drop(self.thaw());
                Err(error)
            }
        }
    }

    /// Lets them go on.
    pub fn thaw(&self) -> Result<(), CgroupError> {
        match self.freezer("false")? {
            (Version::V1, dir) => file::write(&dir.join("freezer.state"), "THAWED"),
            (Version::V2, dir) => file::write(&dir.join("cgroup.freeze"), "0"),
        }
    }

    /// How far it is. A group that is gone is not frozen.
    pub fn state(&self) -> Result<Freezer, CgroupError> {
        let text =
            |path: &Path| Ok::<String, CgroupError>(file::read_if_there(path)?.unwrap_or_default());
        Ok(match self.freezer("?")? {
            (Version::V1, dir) => match text(&dir.join("freezer.state"))?.trim() {
                "FROZEN" => Freezer::Frozen,
                "FREEZING" => Freezer::Freezing,
                _ => Freezer::Thawed,
            },
            (Version::V2, dir) => match text(&dir.join("cgroup.freeze"))?.trim() {
                "1" if is_frozen(&text(&dir.join("cgroup.events"))?) => Freezer::Frozen,
                "1" => Freezer::Freezing,
                _ => Freezer::Thawed,
            },
        })
    }

    fn freezer(&self, value: &str) -> Result<(Version, std::path::PathBuf), CgroupError> {
        self.dir(Controller::Freezer).ok_or_else(|| CgroupError::MissingController {
            controller: Controller::Freezer,
            setting: "frozen".to_string(),
            value: value.to_string(),
        })
    }
}

/// v1 tells nobody when it is done, and a process that forks meanwhile can keep it from being so: it is
/// asked again and again, and now and then let go for a moment.
fn freeze_v1(dir: &Path, limit: Duration) -> Result<bool, CgroupError> {
    let path = dir.join("freezer.state");
    let end = Instant::now() + limit;
    let mut pause = Duration::from_micros(20);
    for round in 1u32.. {
        file::write(&path, "FROZEN")?;
        if file::read(&path)?.trim() == "FROZEN" {
            return Ok(true);
        }
        if Instant::now() >= end {
            break;
        }
        if round % 50 == 0 {
            file::write(&path, "THAWED")?;
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(10));
    }
    Ok(false)
}

fn freeze_v2(dir: &Path, limit: Duration) -> Result<bool, CgroupError> {
    let path = dir.join("cgroup.events");
    let failed = |source| CgroupError::Read { path: path.clone(), source };
    let mut events = File::open(&path).map_err(failed)?;
    file::write(&dir.join("cgroup.freeze"), "1")?;
    let end = Instant::now() + limit;
    loop {
        let mut text = String::new();
        events.rewind().map_err(failed)?;
        events.read_to_string(&mut text).map_err(failed)?;
        if is_frozen(&text) {
            return Ok(true);
        }
        let left = end.saturating_duration_since(Instant::now());
        if !teu_kernel::poll::wait_for_change(events.as_fd(), left).map_err(failed)? {
            return Ok(false);
        }
    }
}

fn is_frozen(events: &str) -> bool {
    file::keyed(events, "frozen") == Some(1)
}
