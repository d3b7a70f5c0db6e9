//! Which cgroup file system a directory is the top of: `statfs(2)`, `stat(2)`.

use std::path::Path;

/// The version of the hierarchy whose top `path` is, 1 or 2; `None` where it is no such top. The first
/// inode of each hierarchy is 1, which a part of one that is mounted alone does not have.
pub fn whole_hierarchy(path: &Path) -> Option<u8> {
    let version = match rustix::fs::statfs(path).ok()?.f_type {
        libc::CGROUP_SUPER_MAGIC => 1,
        libc::CGROUP2_SUPER_MAGIC => 2,
        _ => return None,
    };
    (rustix::fs::stat(path).ok()?.st_ino == 1).then_some(version)
}

#[test]
fn other_directories_are_none() {
    assert_eq!(whole_hierarchy(Path::new("/proc")), None);
    assert_eq!(whole_hierarchy(Path::new("/nowhere")), None);
}
