//! Paths that others chose, resolved below a root that we hold: `openat2(2)`, Linux 5.6.
//!
//! `RESOLVE_IN_ROOT`: `/` and `..` mean the root, links are followed inside it, and no magic link
//! (`/proc/PID/fd/N`) is. A path inside a container or an image is never resolved otherwise.

use rustix::fs::{Mode, OFlags, ResolveFlags};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path};

pub use rustix::fs::{Mode as OpenMode, OFlags as OpenFlags};

/// Opens `path` as a process whose root is `root` would, magic links refused.
pub fn open_in_root(
    root: BorrowedFd<'_>,
    path: &Path,
    flags: OFlags,
    mode: u32,
) -> io::Result<OwnedFd> {
    open(root, path, flags, mode, ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS)
}

/// Opens `path` below `dir`, following no link at all: for trees whose every step we made ourselves.
pub fn open_beneath(
    dir: BorrowedFd<'_>,
    path: &Path,
    flags: OFlags,
    mode: u32,
) -> io::Result<OwnedFd> {
    open(dir, path, flags, mode, ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS)
}

fn open(
    dir: BorrowedFd<'_>,
    path: &Path,
    flags: OFlags,
    mode: u32,
    how: ResolveFlags,
) -> io::Result<OwnedFd> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    // openat2 refuses a mode without O_CREAT or O_TMPFILE.
    let mode = if flags.intersects(OFlags::CREATE | OFlags::TMPFILE) {
        Mode::from_raw_mode(mode)
    } else {
        Mode::empty()
    };
    // A rename or mount beside us makes an IN_ROOT look-up fail with EAGAIN: "the caller should retry".
    // A racer can do that for long, so there is an end.
    for _ in 0..128 {
        match rustix::fs::openat2(dir, path, flags | OFlags::CLOEXEC, mode, how) {
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
            Ok(fd) => return Ok(fd),
        }
    }
    Err(io::Error::from(rustix::io::Errno::AGAIN))
}

/// Makes the directories of `path` that are missing in `root`, as `mkdir -p` inside it would, and
/// returns the last one (`O_PATH`). Each step is taken by descriptor from the one before.
pub fn mkdir_in_root(root: BorrowedFd<'_>, path: &Path, mode: u32) -> io::Result<OwnedFd> {
    let found = open_in_root(root, path, OFlags::PATH | OFlags::DIRECTORY, 0);
    if !matches!(&found, Err(error) if error.kind() == io::ErrorKind::NotFound) {
        return found;
    }
    let mut done = std::path::PathBuf::new();
    let mut current = rustix::io::dup(root).and_then(|fd| {
        rustix::io::fcntl_setfd(&fd, rustix::io::FdFlags::CLOEXEC)?;
        Ok(fd)
    })?;
    for component in path.components() {
        let Component::Normal(name) = component else {
            if component == Component::ParentDir {
                done.pop();
                current = open_in_root(root, &done, OFlags::PATH | OFlags::DIRECTORY, 0)?;
            }
            continue;
        };
        done.push(name);
        current = match open_in_root(root, &done, OFlags::PATH | OFlags::DIRECTORY, 0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                match rustix::fs::mkdirat(&current, name, Mode::from_raw_mode(mode)) {
                    Ok(()) | Err(rustix::io::Errno::EXIST) => {}
                    Err(error) => return Err(error.into()),
                }
                // Not through a link that somebody put there meanwhile.
                open_beneath(current.as_fd(), Path::new(name), OFlags::PATH | OFlags::DIRECTORY, 0)?
            }
            other => other?,
        };
    }
    Ok(current)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn nothing_leads_out_of_the_root() {
        let top = std::env::temp_dir().join(format!("teu-openat2-{}", std::process::id()));
        std::fs::create_dir_all(top.join("root/dir")).unwrap();
        std::fs::write(top.join("outside"), "").unwrap();
        symlink("../outside", top.join("root/up")).unwrap();
        symlink("/", top.join("root/slash")).unwrap();
        let root = std::fs::File::open(top.join("root")).unwrap();
        let open =
            |path: &str| open_in_root(root.as_fd(), path.as_ref(), OFlags::PATH, 0).map(drop);
        for inside in ["/dir", "slash/dir", "../../dir", "slash/../dir"] {
            open(inside).unwrap_or_else(|error| panic!("{inside}: {error}"));
        }
        assert_eq!(open("up").unwrap_err().kind(), io::ErrorKind::NotFound);
        mkdir_in_root(root.as_fd(), "slash/../../a/b".as_ref(), 0o755).unwrap();
        assert!(top.join("root/a/b").is_dir());
        assert!(mkdir_in_root(root.as_fd(), "up/x".as_ref(), 0o755).is_err());
        assert!(!top.join("outside/x").exists() && !top.join("a").exists());
        std::fs::remove_dir_all(&top).unwrap();
    }
}
