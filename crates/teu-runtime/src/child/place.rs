//! Places in the container's root, found and made beneath its descriptor, with nothing allocated.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use teu_kernel::child_fs::{self, Within};
use teu_kernel::libc::{ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR};

/// The kernel's `PATH_MAX`.
const PATH_MAX: usize = 4096;

/// The directory at `path`; what is missing of it is made. Links are followed as the container
/// would follow them; one that leads nowhere is an error.
pub(super) fn make_directory(root: BorrowedFd<'_>, path: &CStr) -> io::Result<OwnedFd> {
    match child_fs::directory(root, path, Within::Root) {
        Err(error) if error.raw_os_error() == Some(ENOENT) => make_missing(root, path.to_bytes()),
        other => other,
    }
}

/// The same for `proc` and its kin, where no step may be a link.
pub(super) fn make_plain_directory(root: BorrowedFd<'_>, path: &CStr) -> io::Result<OwnedFd> {
    match child_fs::directory(root, path, Within::NoLinks) {
        Err(error) if error.raw_os_error() == Some(ENOENT) => {
            make_missing(root, path.to_bytes())?;
            child_fs::directory(root, path, Within::NoLinks)
        }
        // A link at the end is refused as "not a directory", one on the way as a loop: one answer.
        Err(error) if error.raw_os_error() == Some(ENOTDIR) => {
            Err(io::Error::from_raw_os_error(ELOOP))
        }
        other => other,
    }
}

/// The file at `path`, whatever it is; an empty one is made where there is none, also where a link
/// leads that so far leads nowhere (`/etc/resolv.conf` of many systems).
pub(super) fn make_file(root: BorrowedFd<'_>, path: &CStr) -> io::Result<OwnedFd> {
    match child_fs::place(root, path, Within::Root) {
        Err(error) if error.raw_os_error() == Some(ENOENT) => {}
        other => return other,
    }
    let (directory, name) = split(path);
    let mut buffer = Buffer::new();
    let directory = make_directory(root, buffer.text(directory)?)?;
    child_fs::make_file(directory.as_fd(), name, 0o644)?;
    match child_fs::place(root, path, Within::Root) {
        Err(error) if error.raw_os_error() == Some(ENOENT) => {}
        other => return other,
    }
    make_behind_link(root, path, directory.as_fd(), name)?;
    child_fs::place(root, path, Within::Root)
}

fn make_behind_link(
    root: BorrowedFd<'_>,
    path: &CStr,
    directory: BorrowedFd<'_>,
    name: &CStr,
) -> io::Result<()> {
    let mut target = [0; PATH_MAX];
    let target = child_fs::read_link(directory, name, &mut target)?;
    let (target_directory, _) = split_bytes(target);
    let mut buffer = Buffer::new();
    if target.first() != Some(&b'/') {
        buffer.push(split_bytes(path.to_bytes()).0)?;
        buffer.push(b"/")?;
    }
    buffer.push(target_directory)?;
    make_directory(root, buffer.end()?)?;
    child_fs::make_file_at_link(root, path, 0o644)
}

/// Each part of `path` in turn, made by its name in the one before.
fn make_missing(root: BorrowedFd<'_>, path: &[u8]) -> io::Result<OwnedFd> {
    let mut done = Buffer::new();
    let mut current = child_fs::directory(root, c"", Within::Root)?;
    for part in path.split(|byte| *byte == b'/').filter(|part| !part.is_empty()) {
        if done.length > 0 {
            done.push(b"/")?;
        }
        done.push(part)?;
        current = match child_fs::directory(root, done.end()?, Within::Root) {
            Err(error) if error.raw_os_error() == Some(ENOENT) => {
                let mut name = Buffer::new();
                let name = name.text(part)?;
                child_fs::mkdir(current.as_fd(), name, 0o755)?;
                // Not through a link that somebody put there meanwhile.
                child_fs::directory(current.as_fd(), name, Within::NoLinks)?
            }
            other => other?,
        };
    }
    Ok(current)
}

/// The directory's bytes and the last name.
pub(super) fn split(path: &CStr) -> (&[u8], &CStr) {
    let whole = path.to_bytes_with_nul();
    let start = whole.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    // The tail of a C string is one.
    let name = CStr::from_bytes_with_nul(&whole[start..]).unwrap_or(c"");
    (&whole[..start.saturating_sub(1)], name)
}

fn split_bytes(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (b"", path),
    }
}

/// A path on the stack.
pub(super) struct Buffer {
    bytes: [u8; PATH_MAX],
    length: usize,
}

impl Buffer {
    pub(super) fn new() -> Buffer {
        Buffer { bytes: [0; PATH_MAX], length: 0 }
    }

    pub(super) fn push(&mut self, more: &[u8]) -> io::Result<()> {
        let end = self.length + more.len();
        // One byte is kept for the zero at the end.
        if end >= PATH_MAX || more.contains(&0) {
            return Err(io::Error::from_raw_os_error(ENAMETOOLONG));
        }
        self.bytes[self.length..end].copy_from_slice(more);
        self.bytes[end] = 0;
        self.length = end;
        Ok(())
    }

    pub(super) fn end(&self) -> io::Result<&CStr> {
        CStr::from_bytes_with_nul(&self.bytes[..=self.length])
            .map_err(|_| io::Error::from_raw_os_error(ENAMETOOLONG))
    }

    pub(super) fn text(&mut self, text: &[u8]) -> io::Result<&CStr> {
        self.push(text)?;
        self.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn what_is_missing_is_made_inside() {
        let top = teu_testkit::TempDir::new("place");
        fs::create_dir_all(top.join("root/etc")).unwrap();
        let root = fs::File::open(top.join("root")).unwrap();
        let root = root.as_fd();
        symlink("../run/resolve/stub.conf", top.join("root/etc/resolv.conf")).unwrap();
        symlink("/../../outside", top.join("root/escape")).unwrap();
        symlink("nowhere", top.join("root/dangling")).unwrap();

        make_directory(root, c"a/b/../c").unwrap();
        assert!(top.join("root/a/c").is_dir());
        make_file(root, c"etc/resolv.conf").unwrap();
        assert!(top.join("root/run/resolve/stub.conf").is_file());
        make_file(root, c"x/y/hosts").unwrap();
        assert!(top.join("root/x/y/hosts").is_file());
        make_file(root, c"escape").unwrap();
        assert!(top.join("root/outside").is_file() && !top.join("outside").exists());
        assert!(make_directory(root, c"dangling/x").is_err());
        assert!(make_directory(root, c"x/y/hosts/z").is_err());
    }

    #[test]
    fn a_link_is_no_plain_directory() {
        let top = teu_testkit::TempDir::new("place");
        fs::create_dir(top.join("dir")).unwrap();
        symlink("dir", top.join("proc")).unwrap();
        let root = fs::File::open(&*top).unwrap();
        let error = make_plain_directory(root.as_fd(), c"proc").unwrap_err();
        assert_eq!(error.raw_os_error(), Some(ELOOP));
        make_plain_directory(root.as_fd(), c"sys/x").unwrap();
    }

    #[test]
    fn long_paths_do_not_fit() {
        let mut buffer = Buffer::new();
        assert!(buffer.push(&[b'x'; PATH_MAX]).is_err());
        buffer.push(&[b'x'; PATH_MAX - 1]).unwrap();
        assert!(buffer.push(b"y").is_err());
        assert_eq!(buffer.end().unwrap().count_bytes(), PATH_MAX - 1);
        let (directory, name) = split(c"a/b/c");
        assert_eq!((directory, name), (&b"a/b"[..], c"c"));
        assert_eq!(split(c"c"), (&b""[..], c"c"));
    }
}
