//! What a container has changed of its image's root: its upper directory compared with what lies below it.
//!
//! The upper is read beneath the container's overlay, which may be in use; nothing is written. What only holds a
//! mount (the empty file or directory on which a volume or a bind mount lies, and the empty directories on the
//! way there) is no change of the container's.

mod whole;

use crate::records::Container;
use crate::{Engine, EngineError, bundle};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use teu_kernel::openat2::{OpenFlags, open_beneath};
use teu_kernel::stat::{self, Stat};
use teu_kernel::{libc, openat, xattr};

/// What became of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// The image does not have it.
    Added,
    /// The image has another one.
    Changed,
    /// Only the image has it.
    Deleted,
}

/// One path that is not as in the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// From the root on, without `/` before.
    pub path: Vec<u8>,
    /// What became of it.
    pub kind: ChangeKind,
    /// A directory that hides all that the image has in it.
    pub(crate) is_opaque: bool,
    /// Deleted because a directory above hides it.
    pub(crate) is_hidden: bool,
}

/// A container's upper directory, open, with all that differs in it.
pub(crate) struct Changes {
    /// None where it was never started.
    pub upper: Option<File>,
    /// In the order of a walk: a directory before what is in it, names as bytes.
    pub list: Vec<Change>,
}

impl Changes {
    /// Bytes of the files that were added or changed.
    pub fn size(&self) -> u64 {
        let Some(upper) = &self.upper else { return 0 };
        let kept = self.list.iter().filter(|change| change.kind != ChangeKind::Deleted);
        let about = kept.filter_map(|change| look(upper, &change.path).ok().flatten());
        about.filter(Stat::is_file).map(|file| file.size).sum()
    }
}

impl Engine {
    pub(crate) fn changes(&self, container: &Container) -> Result<Changes, EngineError> {
        let copy = self.whole_copy_of(container);
        let is_copy = copy.is_some();
        let path = copy.unwrap_or_else(|| self.writable_directory(container).join("upper"));
        let failed = |path: &Path| {
            let path = path.to_path_buf();
            move |source| EngineError::State { attempt: "open", path, source }
        };
        let upper = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Changes { upper: None, list: Vec::new() });
            }
            other => other.map_err(failed(&path))?,
        };
        let root = self.snapshots.ensure_root(&container.record.layers)?;
        let lower = File::open(&root.path).map_err(failed(&root.path))?;
        let mut walk = Walk {
            upper: &upper,
            lower: &lower,
            places: mount_points(container, &lower),
            list: Vec::new(),
        };
        let walked = match is_copy {
            true => walk.whole_directory(b"", true),
            false => walk.directory(b"", true, false),
        };
        walked.map_err(|source| {
            EngineError::step(format!("read the changes of {}", container.id().short()), source)
        })?;
        let list = walk.list;
        Ok(Changes { upper: Some(upper), list })
    }
}

/// Where the container's own mounts lie, links in the image followed, and every directory on the way.
fn mount_points(container: &Container, lower: &File) -> BTreeSet<Vec<u8>> {
    let mut places = BTreeSet::new();
    for target in bundle::mount_targets(&container.record) {
        let mut place = target.trim_matches('/').as_bytes().to_vec();
        if let Some(resolved) = through_links(lower, &place) {
            place = resolved;
        }
        while !place.is_empty() {
            let above = place.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
            let next = place[..above].to_vec();
            places.insert(std::mem::replace(&mut place, next));
        }
    }
    places
}

/// The path behind the longest part of `path` that is a directory of the image.
fn through_links(lower: &File, path: &[u8]) -> Option<Vec<u8>> {
    let top = std::fs::read_link(by_descriptor(lower.as_fd())).ok()?;
    let path = Path::new(OsStr::from_bytes(path));
    for there in path.ancestors() {
        let flags = OpenFlags::PATH | OpenFlags::DIRECTORY;
        let Ok(found) = teu_kernel::openat2::open_in_root(lower.as_fd(), there, flags, 0) else {
            continue;
        };
        let real = std::fs::read_link(by_descriptor(found.as_fd())).ok()?;
        let real = real.strip_prefix(&top).ok()?.join(path.strip_prefix(there).ok()?);
        return Some(real.as_os_str().as_bytes().to_vec());
    }
    None
}

fn by_descriptor(fd: std::os::fd::BorrowedFd<'_>) -> String {
    use std::os::fd::AsRawFd;
    format!("/proc/self/fd/{}", fd.as_raw_fd())
}

struct Walk<'a> {
    upper: &'a File,
    lower: &'a File,
    places: BTreeSet<Vec<u8>>,
    list: Vec<Change>,
}

impl Walk<'_> {
    /// The directory `path`. `in_lower`: the image has one there, too; `hidden`: and it cannot be seen.
    /// Depth is bounded by the length of a path.
    fn directory(&mut self, path: &[u8], in_lower: bool, hidden: bool) -> io::Result<()> {
        let Some(open) = place(self.upper, path)? else { return Ok(()) };
        let names = openat::names(open.as_fd())?;
        drop(open);
        let mut all: BTreeSet<Vec<u8>> =
            names.into_iter().map(|name| name.as_bytes().to_vec()).collect();
        if in_lower && hidden {
            let lower = place(self.lower, path)?.map(|lower| openat::names(lower.as_fd()));
            let names = lower.transpose()?.unwrap_or_default();
            all.extend(names.into_iter().map(|name| name.as_bytes().to_vec()));
        }
        for name in all {
            let child = if path.is_empty() { name } else { [path, b"/", name.as_slice()].concat() };
            self.child(child, in_lower, hidden)?;
        }
        Ok(())
    }

    fn child(&mut self, path: Vec<u8>, in_lower: bool, hidden: bool) -> io::Result<()> {
        let below = if in_lower { look(self.lower, &path)? } else { None };
        let Some(found) = place(self.upper, &path)? else {
            if below.is_some() && hidden {
                self.push(path, ChangeKind::Deleted, false, true);
            }
            return Ok(());
        };
        let about = stat::of(found.as_fd())?;
        if about.kind() == libc::S_IFCHR && about.device == (0, 0) {
            if below.is_some() {
                self.push(path, ChangeKind::Deleted, false, hidden);
            }
            return Ok(());
        }
        let kind = if below.is_some() { ChangeKind::Changed } else { ChangeKind::Added };
        if !about.is_directory() {
            let only_holds_a_mount = below.is_none()
                && about.is_file()
                && about.size == 0
                && self.places.contains(&path);
            if !only_holds_a_mount {
                self.push(path, kind, false, false);
            }
            return Ok(());
        }
        let covers = below.is_some_and(|below| below.is_directory());
        let is_opaque = covers && !hidden && is_opaque(&found)?;
        drop(found);
        let at = self.list.len();
        self.push(path.clone(), kind, is_opaque, false);
        self.directory(&path, covers, hidden || is_opaque)?;
        let is_alone = self.list.len() == at + 1;
        let keep = match below {
            _ if !is_alone || is_opaque => true,
            None => !self.places.contains(&path),
            Some(below) => differs(&about, &below, self.holds_a_mount(&path)),
        };
        if !keep {
            self.list.truncate(at);
        }
        Ok(())
    }

    /// Whether a mount lies in `path` itself: making its place has changed the directory's time.
    fn holds_a_mount(&self, path: &[u8]) -> bool {
        let within = [path, b"/"].concat();
        self.places.range(within.clone()..).next().is_some_and(|place| place.starts_with(&within))
    }

    fn push(&mut self, path: Vec<u8>, kind: ChangeKind, is_opaque: bool, is_hidden: bool) {
        self.list.push(Change { path, kind, is_opaque, is_hidden });
    }
}

fn differs(one: &Stat, other: &Stat, whatever_its_time: bool) -> bool {
    let rights = |stat: &Stat| (stat.mode, stat.uid, stat.gid);
    rights(one) != rights(other) || (one.mtime != other.mtime && !whatever_its_time)
}

/// A name for `path` below `top`, links not followed; `None` where nothing is.
fn place(top: &File, path: &[u8]) -> io::Result<Option<OwnedFd>> {
    let flags = OpenFlags::PATH | OpenFlags::NOFOLLOW;
    match open_beneath(top.as_fd(), Path::new(OsStr::from_bytes(path)), flags, 0) {
        Ok(found) => Ok(Some(found)),
        Err(error)
            if matches!(
                error.raw_os_error(),
                Some(libc::ENOENT | libc::ENOTDIR | libc::ELOOP | libc::ESTALE)
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn look(top: &File, path: &[u8]) -> io::Result<Option<Stat>> {
    place(top, path)?.map(|found| stat::of(found.as_fd())).transpose()
}

/// As overlayfs marks a directory that hides what lies below it.
fn is_opaque(directory: &OwnedFd) -> io::Result<bool> {
    let attributes = xattr::all_of(directory.as_fd())?;
    let mark = |(name, value): &(Vec<u8>, Vec<u8>)| {
        matches!(&name[..], b"trusted.overlay.opaque" | b"user.overlay.opaque") && value == b"y"
    };
    Ok(attributes.iter().any(mark))
}
