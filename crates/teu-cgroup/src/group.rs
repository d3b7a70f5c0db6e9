//! A group: the directory of one name in every hierarchy.

use crate::{CgroupError, Controller, Hierarchy, Layout, Version, file};
use serde::{Deserialize, Serialize};
use std::ffi::CString;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

/// The leaf in which a state root's monitors live, beside their containers.
pub const MONITORS: &str = "monitors";

/// A group by its parent and name; whether it exists is the kernel's to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    pub(crate) layout: Layout,
    parent: String,
    name: String,
}

impl Layout {
    /// The group `name` below `parent` (`/teu-ab12`), both seen from the tops of the hierarchies.
    /// Nothing is made yet.
    pub fn plan(&self, parent: &str, name: &str) -> Result<Group, CgroupError> {
        Group::open(self, parent, name)
    }
}

impl Group {
    /// The same as [`Layout::plan`]: a group is its parent and its name.
    pub fn open(layout: &Layout, parent: &str, name: &str) -> Result<Group, CgroupError> {
        let plain = |part: &str| {
            !part.contains('\0')
                && Path::new(part).components().all(|one| matches!(one, Component::Normal(_)))
        };
        let parent_below = parent.trim_start_matches('/');
        let name_is_plain = !name.is_empty() && !name.contains('/') && plain(name);
        if !name_is_plain || !plain(parent_below) {
            return Err(CgroupError::BadPath { path: format!("{parent}/{name}") });
        }
        let parent = format!("/{}", parent_below.trim_end_matches('/'));
        Ok(Group { layout: layout.clone(), parent, name: name.to_string() })
    }

    /// Where its parent lies, from the top of each hierarchy: `/teu-ab12`.
    pub fn parent(&self) -> &str {
        &self.parent
    }

    /// Its own name in the parent.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its path from the top of each hierarchy: `/teu-ab12/<name>`.
    pub fn path(&self) -> String {
        format!("{}/{}", self.parent.trim_end_matches('/'), self.name)
    }

    /// Its directory in `hierarchy`.
    pub fn dir_in(&self, hierarchy: &Hierarchy) -> PathBuf {
        self.parent_dir_in(hierarchy).join(&self.name)
    }

    pub(crate) fn parent_dir_in(&self, hierarchy: &Hierarchy) -> PathBuf {
        hierarchy.mount_point.join(self.parent.trim_start_matches('/'))
    }

    /// Its directory where `controller` is, with that hierarchy's version.
    pub fn dir(&self, controller: Controller) -> Option<(Version, PathBuf)> {
        self.layout.of(controller).map(|one| (one.version, self.dir_in(one)))
    }

    pub(crate) fn v2_dir(&self) -> Option<PathBuf> {
        self.layout.v2().map(|one| self.dir_in(one))
    }

    /// Its directories in all hierarchies of v1.
    pub(crate) fn v1_dirs(&self) -> impl Iterator<Item = PathBuf> + '_ {
        let v1 = self.layout.hierarchies.iter().filter(|one| one.version == Version::V1);
        v1.map(|one| self.dir_in(one))
    }

    /// Whether it exists in the first of its hierarchies.
    pub fn exists(&self) -> bool {
        self.layout.hierarchies.first().is_some_and(|one| self.dir_in(one).exists())
    }

    /// The v1 `tasks` files: a process with one thread writes `0` to each, and is in. None for v2, into
    /// which a process is born: [`Group::v2_dir_fd`].
    pub fn join_files(&self) -> Vec<CString> {
        use std::os::unix::ffi::OsStringExt;
        self.v1_dirs()
            .filter_map(|dir| CString::new(dir.join("tasks").into_os_string().into_vec()).ok())
            .collect()
    }

    /// For `CLONE_INTO_CGROUP`: its directory in the v2 hierarchy, alone or beside v1.
    pub fn v2_dir_fd(&self) -> Result<Option<OwnedFd>, CgroupError> {
        let Some(path) = self.v2_dir() else { return Ok(None) };
        match File::open(&path) {
            Ok(file) => Ok(Some(file.into())),
            Err(source) => Err(CgroupError::Read { path, source }),
        }
    }

    /// Moves the calling process into it, in every hierarchy. The process has one thread.
    ///
    /// One that was born into this group of the v2 hierarchy (`CLONE_INTO_CGROUP`) is left there: to write
    /// to `cgroup.procs` makes the kernel wait 13 ms, whatever is written.
    pub fn join(&self) -> Result<(), CgroupError> {
        for dir in self.v1_dirs() {
            file::write(&dir.join("tasks"), "0")?;
        }
        match self.v2_dir() {
            Some(dir) if !self.has_caller()? => file::write(&dir.join("cgroup.procs"), "0"),
            _ => Ok(()),
        }
    }

    /// Is the calling process in it, in the v2 hierarchy? cgroups(7), /proc/pid/cgroup.
    fn has_caller(&self) -> Result<bool, CgroupError> {
        let text = file::read_if_there(Path::new("/proc/self/cgroup"))?.unwrap_or_default();
        let mine = text.lines().find_map(|line| line.strip_prefix("0::"));
        Ok(mine == Some(self.path().as_str()))
    }

    /// Moves another process, with all its threads, into it, in every hierarchy.
    pub fn join_pid(&self, pid: u32) -> Result<(), CgroupError> {
        for hierarchy in &self.layout.hierarchies {
            file::write(&self.dir_in(hierarchy).join("cgroup.procs"), &pid.to_string())?;
        }
        Ok(())
    }

    /// How many processes of it, or of groups below it, the kernel killed for want of memory.
    pub fn oom_kills(&self) -> Result<u64, CgroupError> {
        let Some((version, dir)) = self.dir(Controller::Memory) else { return Ok(0) };
        let name = match version {
            Version::V1 => "memory.oom_control",
            Version::V2 => "memory.events",
        };
        let text = file::read_if_there(&dir.join(name))?.unwrap_or_default();
        Ok(file::keyed(&text, "oom_kill").unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::tests::{hybrid, pure_v2};

    #[test]
    fn names_and_parents_are_plain() {
        let layout = pure_v2();
        for (parent, name) in
            [("/a/../b", "x"), ("/a", ".."), ("/a", "x/y"), ("/a", ""), ("/a", "."), ("/\0", "x")]
        {
            assert!(Group::open(&layout, parent, name).is_err(), "{parent} {name}");
        }
        for (parent, path) in [("/a", "/a/x"), ("a/b/", "/a/b/x"), ("/", "/x"), ("", "/x")] {
            assert_eq!(Group::open(&layout, parent, "x").unwrap().path(), path);
        }
    }

    #[test]
    fn v1_is_joined_by_file_and_v2_by_birth() {
        let files = hybrid().plan("/teu-ab12", "c1").unwrap().join_files();
        assert_eq!(files.len(), 4);
        assert!(files.iter().all(|file| file.to_str().unwrap().ends_with("/teu-ab12/c1/tasks")));
        assert!(pure_v2().plan("/teu-ab12", "c1").unwrap().join_files().is_empty());
    }
}
