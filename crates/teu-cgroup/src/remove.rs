//! Takes a group away, in all hierarchies.

use crate::kill::{children, collect};
use crate::{CgroupError, Group, file};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read;
use std::os::fd::AsFd;
use std::path::Path;
use std::time::{Duration, Instant};
use teu_kernel::libc::{EBUSY, ENOTEMPTY};

/// The killed are waited for so long: a process that writes back to a slow disk ends late.
const LIMIT: Duration = Duration::from_secs(10);

impl Group {
    /// Removes it with all groups below it. Its processes have ended or been killed; the last of them are
    /// waited for, ten seconds at most. What is gone already is no failure.
    pub fn remove(&self) -> Result<(), CgroupError> {
        let end = Instant::now() + LIMIT;
        // v2 first, where there is one: it can tell when the last process has left.
        for hierarchy in &self.layout.hierarchies {
            remove_tree(&self.dir_in(hierarchy), end)?;
        }
        Ok(())
    }

    /// Removes it where nothing is in it: for parents and monitors, which the last user takes away.
    /// False if something is.
    pub fn remove_if_empty(&self) -> Result<bool, CgroupError> {
        let mut all = true;
        for hierarchy in &self.layout.hierarchies {
            all &= rmdir(&self.dir_in(hierarchy))?;
        }
        Ok(all)
    }
}

/// True if the directory is gone now, false if something is in it.
fn rmdir(dir: &Path) -> Result<bool, CgroupError> {
    match fs::remove_dir(dir) {
        Ok(()) => Ok(true),
        Err(error) if file::is_gone(&error) => Ok(true),
        Err(error) if matches!(error.raw_os_error(), Some(EBUSY | ENOTEMPTY)) => Ok(false),
        Err(source) => Err(CgroupError::Remove { path: dir.to_path_buf(), source }),
    }
}

fn remove_tree(dir: &Path, end: Instant) -> Result<(), CgroupError> {
    let mut pause = Duration::from_micros(50);
    loop {
        if rmdir(dir)? {
            return Ok(());
        }
        for child in children(dir)? {
            remove_tree(&child, end)?;
        }
        if rmdir(dir)? {
            return Ok(());
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            let mut pids = BTreeSet::new();
            collect(dir, &mut pids)?;
            let path = dir.to_path_buf();
            return Err(CgroupError::Busy { path, pids: pids.into_iter().collect() });
        }
        if !wait_until_empty(dir, left) {
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(10));
        }
    }
}

/// v2: waits for the last process to leave. False where the kernel cannot tell: on v1, or when it was
/// not a process that kept the group.
fn wait_until_empty(dir: &Path, limit: Duration) -> bool {
    let Ok(mut events) = File::open(dir.join("cgroup.events")) else { return false };
    let mut text = String::new();
    if events.read_to_string(&mut text).is_err() || file::keyed(&text, "populated") != Some(1) {
        return false;
    }
    teu_kernel::poll::wait_for_change(events.as_fd(), limit).unwrap_or(false)
}
