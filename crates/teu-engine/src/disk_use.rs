//! How much a directory holds: the bytes of its files, each once, whoever changes it meanwhile.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use teu_kernel::openat;

/// Deeper directories are not counted: whoever nests so deep means to be in the way.
const DEPTH_MAX: usize = 512;

/// Bytes of all files below `directory`; 0 where there is none. A file with several names counts once.
/// Walked by descriptor: what is below belongs to a container, which may put a link where a directory was.
pub(crate) fn disk_use(directory: &Path) -> u64 {
    let Ok(top) = fs::File::open(directory) else { return 0 };
    let mut seen = HashSet::new();
    below(OwnedFd::from(top), 0, &mut seen).unwrap_or(0)
}

fn below(directory: OwnedFd, depth: usize, seen: &mut HashSet<(u64, u64)>) -> io::Result<u64> {
    if depth > DEPTH_MAX {
        return Ok(0);
    }
    let mut sum = 0u64;
    let here = PathBuf::from(format!("/proc/self/fd/{}", directory.as_fd().as_raw_fd()));
    for entry in fs::read_dir(&here)?.flatten() {
        // Removed meanwhile: it holds nothing.
        let Ok(about) = entry.metadata() else { continue };
        if about.is_dir() {
            if let Ok(inner) = openat::open_directory(directory.as_fd(), &entry.file_name()) {
                sum = sum.saturating_add(below(inner, depth + 1, seen)?);
            }
        } else if about.nlink() < 2 || seen.insert((about.dev(), about.ino())) {
            sum = sum.saturating_add(about.len());
        }
    }
    Ok(sum)
}

#[test]
fn counts_each_file_once_and_follows_no_link() {
    let directory = std::env::temp_dir().join(format!("teu-disk-use-{}", std::process::id()));
    fs::create_dir_all(directory.join("a/b")).unwrap();
    fs::write(directory.join("a/b/file"), [0; 1000]).unwrap();
    fs::hard_link(directory.join("a/b/file"), directory.join("again")).unwrap();
    std::os::unix::fs::symlink("/usr", directory.join("l")).unwrap();
    assert_eq!(disk_use(&directory), 1004);
    assert_eq!(disk_use(Path::new("/nonexistent")), 0);
    fs::remove_dir_all(&directory).unwrap();
}
