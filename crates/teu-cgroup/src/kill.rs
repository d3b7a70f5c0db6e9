//! Who is in a group, and the end of all of them.

use crate::{CgroupError, Group, file};
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;
use teu_kernel::libc::{ESRCH, SIGKILL};
use teu_kernel::pidfd;

impl Group {
    /// All its processes, those in groups below it included, in order.
    ///
    /// Beside v1, the v2 hierarchy is asked too, as a process may have been put into one of them only.
    pub fn procs(&self) -> Result<Vec<u32>, CgroupError> {
        let mut pids = BTreeSet::new();
        for dir in self.v2_dir().iter().chain(self.v1_dirs().next().iter()) {
            collect(dir, &mut pids)?;
        }
        Ok(pids.into_iter().collect())
    }

    /// Sends SIGKILL to all its processes, also to those that are being born, and does not wait for
    /// their end. A group that is gone has none.
    pub fn kill(&self) -> Result<(), CgroupError> {
        let at_once = match self.v2_dir() {
            Some(dir) => kill_v2(&dir)?,
            None => false,
        };
        let left = self.not_reached(at_once)?;
        if left.is_empty() {
            // v1 keeps even the killed from running, hence from ending.
            return if at_once { self.thaw_v1() } else { Ok(()) };
        }
        // Frozen, none of them forks while the list is read. One that cannot be frozen is killed anyway.
        let frozen = self.freeze_within(Duration::from_millis(100)).is_ok();
        let mut known = BTreeSet::new();
        loop {
            let left = self.not_reached(at_once)?;
            if left.is_subset(&known) {
                break;
            }
            signal(&left, || self.not_reached(at_once))?;
            known.extend(left);
            if frozen {
                break;
            }
        }
        match self.thaw() {
            Err(CgroupError::MissingController { .. }) => Ok(()),
            Err(CgroupError::Write { source, .. }) if file::is_gone(&source) => Ok(()),
            other => other,
        }
    }

    /// Its processes, without those that v2 has killed already.
    fn not_reached(&self, killed_on_v2: bool) -> Result<BTreeSet<u32>, CgroupError> {
        let mut left: BTreeSet<u32> = self.procs()?.into_iter().collect();
        if killed_on_v2 && let Some(dir) = self.v2_dir() {
            let mut reached = BTreeSet::new();
            collect(&dir, &mut reached)?;
            left.retain(|pid| !reached.contains(pid));
        }
        Ok(left)
    }

    fn thaw_v1(&self) -> Result<(), CgroupError> {
        match self.dir(crate::Controller::Freezer) {
            Some((crate::Version::V1, dir)) => {
                match file::write_raw(&dir.join("freezer.state"), "THAWED") {
                    Err(error) if !file::is_gone(&error) => {
                        Err(file::refused(&dir.join("freezer.state"), "THAWED", error))
                    }
                    _ => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }
}

/// `cgroup.kill`, Linux 5.14. False where it is not there.
fn kill_v2(dir: &Path) -> Result<bool, CgroupError> {
    let path = dir.join("cgroup.kill");
    match file::write_raw(&path, "1") {
        Ok(()) => Ok(true),
        Err(error) if file::is_gone(&error) => Ok(false),
        Err(source) => Err(file::refused(&path, "1", source)),
    }
}

/// A number may be another's by now: each is opened first, and killed if it is in the group still.
fn signal(
    pids: &BTreeSet<u32>,
    members: impl Fn() -> Result<BTreeSet<u32>, CgroupError>,
) -> Result<(), CgroupError> {
    let open = |&pid: &u32| Some((pid, pidfd::pidfd_open(pid).ok()?));
    let opened: Vec<_> = pids.iter().filter_map(open).collect();
    let members = members()?;
    for (pid, process) in opened.iter().filter(|(pid, _)| members.contains(pid)) {
        match pidfd::pidfd_send_signal(process.as_fd(), SIGKILL) {
            Err(error) if error.raw_os_error() != Some(ESRCH) => {
                let path = format!("/proc/{pid}").into();
                return Err(CgroupError::Write {
                    path,
                    value: "SIGKILL".to_string(),
                    source: error,
                });
            }
            _ => {}
        }
    }
    Ok(())
}

/// The processes of `dir` and of all groups below it.
pub(crate) fn collect(dir: &Path, pids: &mut BTreeSet<u32>) -> Result<(), CgroupError> {
    let Some(text) = read_procs(&dir.join("cgroup.procs"))? else { return Ok(()) };
    // 0 stands for a process of a foreign pid namespace.
    pids.extend(text.lines().filter_map(|line| line.parse::<u32>().ok()).filter(|&pid| pid != 0));
    for child in children(dir)? {
        collect(&child, pids)?;
    }
    Ok(())
}

/// A threaded group of v2 (`EOPNOTSUPP`) has its processes told by the group above it.
fn read_procs(path: &Path) -> Result<Option<String>, CgroupError> {
    match file::read_raw(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if file::is_gone(&error) => Ok(None),
        Err(error) if error.raw_os_error() == Some(teu_kernel::libc::EOPNOTSUPP) => {
            Ok(Some(String::new()))
        }
        Err(source) => Err(CgroupError::Read { path: path.to_path_buf(), source }),
    }
}

/// The groups below `dir`. A directory's link count tells whether there are any.
pub(crate) fn children(dir: &Path) -> Result<Vec<std::path::PathBuf>, CgroupError> {
    let entries = match fs::metadata(dir) {
        Ok(metadata) if metadata.nlink() <= 2 => return Ok(Vec::new()),
        Ok(_) => fs::read_dir(dir).and_then(|entries| entries.collect::<io::Result<Vec<_>>>()),
        Err(error) => Err(error),
    };
    match entries {
        Ok(entries) => Ok(entries
            .into_iter()
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
            .map(|entry| entry.path())
            .collect()),
        Err(error) if file::is_gone(&error) => Ok(Vec::new()),
        Err(source) => Err(CgroupError::Read { path: dir.to_path_buf(), source }),
    }
}
