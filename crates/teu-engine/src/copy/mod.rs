//! `cp`: files into a container and out of it.
//!
//! Rules as docker's, which the command line and the server share there: `copy/path.rs` says what a path asserts and
//! what the copy will be called, this what is read and written. A container's path is resolved in the container's
//! root by one `openat2(2)` each, and everything below goes by descriptor: no link that the container makes meanwhile
//! leads out of it (CVE-2018-15664), and nothing of the container is run.

mod host;
mod path;

use crate::view::View;
use crate::{Container, Engine, EngineError};
use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use teu_archive::{Extractor, Owners, Packer, Sink, Within};
use teu_kernel::openat2::{OpenFlags, open_in_root};
use teu_kernel::stat::{self, Stat};
use teu_kernel::{child_fs, openat};

pub use host::CopyOptions;
use path::Asserted;

/// What is at a path of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum There {
    Nothing,
    Directory,
    File,
    /// A device, a pipe, a socket: nothing is copied to it.
    Other,
}

impl Engine {
    /// A container's `path` as an archive.
    pub fn copy_to_archive(
        &self,
        given: &str,
        path: &str,
        options: &CopyOptions,
        to: impl Write,
    ) -> Result<(), EngineError> {
        let container = self.find(given)?;
        let view = self.whole_root(&container)?;
        let source = Source::find(&container, given, &view, path, options.follow_links)?;
        let mut archive = teu_tar::Writer::new(to);
        let name = source.name.clone();
        source.pack(&mut archive, name.as_bytes())?;
        archive.finish().map_err(|source| teu_archive::ArchiveError::Write { source })?;
        self.tell_of(&container, "archive-path", &[]);
        Ok(())
    }

    /// A container's `path` to the host's path `to`. Returns the bytes in files.
    pub fn copy_out(
        &self,
        given: &str,
        path: &str,
        options: &CopyOptions,
        to: &str,
    ) -> Result<u64, EngineError> {
        let container = self.find(given)?;
        let view = self.whole_root(&container)?;
        host::check_output(to)?;
        let source = Source::find(&container, given, &view, path, options.follow_links)?;
        let target = host::destination(to)?;
        let (directory, name) = target.place(source.is_directory, &source.name)?;
        let top = std::fs::File::open(&directory).map_err(|source| EngineError::State {
            attempt: "open",
            path: directory.clone(),
            source,
        })?;
        // docker: whoever copies owns the copies, unless -a says otherwise.
        let owners = if options.archive { Owners::AsTold } else { Owners::Makers };
        let mut sink = Extractor::new(top.as_fd(), Within::Directory, owners);
        source.pack(&mut sink, name.as_bytes())?;
        let bytes = sink.finish()?;
        self.tell_of(&container, "archive-path", &[]);
        Ok(bytes)
    }

    /// The host's path `from` to a container's `path`. Returns the bytes in files.
    pub fn copy_in(
        &self,
        given: &str,
        from: &str,
        options: &CopyOptions,
        path: &str,
    ) -> Result<u64, EngineError> {
        let container = self.find(given)?;
        let source = host::source(from, options.follow_links)?;
        let view = self.whole_root(&container)?;
        let found = Target::find(&view, path)?;
        found.check(given, path)?;
        let (directory, name) = found.place(path, source.is_directory, &source.name)?;
        self.into(&container, given, &view, &directory, options, |sink| {
            Ok(Packer::new(source.parent.as_fd(), sink)
                .tree(source.base.as_bytes(), name.as_bytes())?)
        })
    }

    /// The members of an archive into the directory `path` of a container.
    pub fn copy_from_archive(
        &self,
        given: &str,
        tar: impl Read,
        options: &CopyOptions,
        path: &str,
    ) -> Result<u64, EngineError> {
        let container = self.find(given)?;
        let view = self.whole_root(&container)?;
        let found = Target::find(&view, path)?;
        if found.there != There::Directory {
            return Err(EngineError::bad(format!(
                "destination \"{given}:{path}\" must be a directory"
            )));
        }
        self.into(&container, given, &view, &found.path, options, |sink| {
            Ok(teu_archive::unpack(tar, sink)?)
        })
    }

    /// Writes into the directory `path` of the root, and to the disk.
    fn into(
        &self,
        container: &Container,
        given: &str,
        view: &View,
        path: &Path,
        options: &CopyOptions,
        write: impl FnOnce(&mut dyn Sink) -> Result<(), EngineError>,
    ) -> Result<u64, EngineError> {
        let flags = OpenFlags::PATH | OpenFlags::DIRECTORY;
        let top = open_in_root(view.root.as_fd(), path, flags, 0).map_err(|error| {
            match error.kind() {
                io::ErrorKind::NotFound => not_found(path, given),
                io::ErrorKind::NotADirectory => {
                    EngineError::bad("extraction point is not a directory")
                }
                _ => EngineError::step(format!("open {} in {given}", path.display()), error),
            }
        })?;
        check_writable(container, view, &top)?;
        // The top's own path, so that links in an archive's names are the container's, not a racer's.
        let owners = match options.archive {
            true => self.owners(container, view.root.as_fd())?,
            false => Owners::AsTold,
        };
        let within = Within::Root(view.root.as_fd(), path);
        let mut sink = Extractor::new(top.as_fd(), within, owners);
        write(&mut sink)?;
        let bytes = sink.finish()?;
        if !container.is_temporary() {
            openat::sync_filesystem(reopened(&top)?.as_fd())
                .map_err(|error| EngineError::step(format!("sync {}", path.display()), error))?;
        }
        self.tell_of(container, "extract-to-dir", &[]);
        Ok(bytes)
    }

    /// With -a: the container's own user and group, as docker does.
    fn owners(&self, container: &Container, root: BorrowedFd<'_>) -> Result<Owners, EngineError> {
        let user = &container.record.process.user;
        if user.is_empty() {
            return Ok(Owners::AsTold);
        }
        let ids = teu_runtime::user::resolve(root, user, &[])
            .map_err(|error| EngineError::bad(error.to_string()))?;
        Ok(Owners::All(ids.uid, ids.gid))
    }
}

fn reopened(top: &OwnedFd) -> Result<OwnedFd, EngineError> {
    openat::open_directory(top.as_fd(), OsStr::new("."))
        .map_err(|error| EngineError::step("open the directory again", error))
}

fn not_found(path: &Path, given: &str) -> EngineError {
    let shown = Path::new("/").join(path);
    EngineError::bad(format!("Could not find the file {} in container {given}", shown.display()))
}

/// docker's words for what cannot be written.
fn check_writable(container: &Container, view: &View, top: &OwnedFd) -> Result<(), EngineError> {
    let failed = |error| EngineError::step("look at the destination", error);
    let identity = |fd: &OwnedFd| stat::of(fd.as_fd()).map(|stat| stat.identity.0);
    let is_root = identity(top).map_err(failed)? == identity(&view.root).map_err(failed)?;
    if is_root && container.record.request.read_only_root {
        return Err(EngineError::bad("container rootfs is marked read-only"));
    }
    if openat::is_read_only(top.as_fd()).map_err(failed)? {
        return Err(EngineError::bad("mounted volume is marked read-only"));
    }
    Ok(())
}

/// What is read from a container.
struct Source {
    /// The directory that is archived, or the one that holds the file.
    top: OwnedFd,
    /// The file's name in it; empty for the directory itself.
    base: Vec<u8>,
    /// What docker calls it in the archive: the last part of the path as it was asked for.
    name: String,
    is_directory: bool,
}

impl Source {
    fn find(
        container: &Container,
        given: &str,
        view: &View,
        path: &str,
        follow: bool,
    ) -> Result<Source, EngineError> {
        if path.is_empty() {
            return Err(EngineError::bad("bad parameter: path cannot be empty"));
        }
        let asked = Asserted::of(path);
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => not_found(Path::new(path.trim_start_matches('/')), given),
            io::ErrorKind::NotADirectory => {
                EngineError::bad(format!("lstat {path}: not a directory"))
            }
            _ => EngineError::step(
                format!("open {path} in container {}", container.id().short()),
                error,
            ),
        };
        // The last part is taken as it is, even if it is a link; a slash behind it says it is a directory.
        let mut flags = OpenFlags::PATH;
        let last_is_followed = asked.is_directory() || follow;
        if !last_is_followed {
            flags |= OpenFlags::NOFOLLOW;
        }
        let found = open_in_root(view.root.as_fd(), Path::new(path), flags, 0).map_err(failed)?;
        let about = stat::of(found.as_fd()).map_err(failed)?;
        let name = asked.name();
        if about.is_directory() {
            return Ok(Source { top: found, base: Vec::new(), name, is_directory: true });
        }
        // The file by its directory and name, and it must still be the same one.
        let real = if last_is_followed { real_path(view, &found) } else { None };
        let real = real.unwrap_or_else(|| asked.plain.clone());
        let parent = real.parent().unwrap_or(Path::new("/"));
        let flags = OpenFlags::PATH | OpenFlags::DIRECTORY;
        let top = open_in_root(view.root.as_fd(), parent, flags, 0).map_err(failed)?;
        let base = real.file_name().unwrap_or_default().as_bytes().to_vec();
        let same = stat::at(top.as_fd(), OsStr::from_bytes(&base)).map_err(failed)?;
        if same.map(|same| same.identity) != Some(about.identity) {
            return Err(not_found(Path::new(path.trim_start_matches('/')), given));
        }
        Ok(Source { top, base, name, is_directory: false })
    }

    /// Everything of it, called `name`.
    fn pack(&self, sink: &mut dyn Sink, name: &[u8]) -> Result<(), EngineError> {
        let name = if name == b"." || name == b"/" { b"" } else { name };
        let own = stat::of(self.top.as_fd()).map(|stat| stat.identity.0).unwrap_or(0);
        let left_out = |found: BorrowedFd<'_>, _: &[u8]| is_the_kernels(found, own);
        Ok(Packer::new(self.top.as_fd(), sink).leave_out(&left_out).tree(&self.base, name)?)
    }
}

/// Where an open file of the root really lies, from the root on.
fn real_path(view: &View, found: &OwnedFd) -> Option<PathBuf> {
    use std::os::fd::AsRawFd;
    let read = |fd: &OwnedFd| std::fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd())).ok();
    let (top, real) = (read(&view.root)?, read(found)?);
    Some(Path::new("/").join(real.strip_prefix(top).ok()?))
}

/// /proc, /sys, /dev and what else the kernel shows as files: not the container's content. One that was asked for itself is.
fn is_the_kernels(found: BorrowedFd<'_>, own: u64) -> bool {
    const SYSFS: u64 = 0x6265_6572;
    const CGROUP: u64 = 0x0027_e0eb;
    const CGROUP2: u64 = 0x6367_7270;
    const MQUEUE: u64 = 0x1980_0202;
    const TMPFS: u64 = 0x0102_1994;
    if stat::of(found).is_ok_and(|stat| stat.identity.0 == own) {
        return false;
    }
    match child_fs::filesystem_magic(found) {
        Ok(SYSFS | CGROUP | CGROUP2 | MQUEUE | child_fs::PROC_MAGIC | child_fs::DEVPTS_MAGIC) => {
            true
        }
        // The container's /dev: it alone has this node.
        Ok(TMPFS) => stat::at(found, OsStr::new("ptmx")).is_ok_and(|node| node.is_some()),
        _ => false,
    }
}

/// Where something is written in a container.
struct Target {
    /// From the root on, a link at its end followed.
    path: PathBuf,
    there: There,
}

impl Target {
    fn find(view: &View, path: &str) -> Result<Target, EngineError> {
        let mut target = Asserted::of(path).plain;
        let failed = |error| EngineError::step(format!("look at {path}"), error);
        let flags = OpenFlags::PATH;
        // Once: what the link at the end leads to, as docker does.
        let found = match open_in_root(view.root.as_fd(), &target, flags, 0) {
            Ok(found) => {
                target = real_path(view, &found).unwrap_or(target);
                Some(stat::of(found.as_fd()).map_err(failed)?)
            }
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                target = dangling(view, target);
                None
            }
            Err(error) => return Err(failed(error)),
        };
        let there = match found {
            None => There::Nothing,
            Some(about) => kind_of(&about),
        };
        Ok(Target { path: target, there })
    }

    fn check(&self, given: &str, path: &str) -> Result<(), EngineError> {
        if self.there == There::Other {
            return Err(EngineError::bad(format!(
                "destination \"{given}:{path}\" must be a directory or a regular file"
            )));
        }
        Ok(())
    }

    /// The directory that is written to, and what the copy is called in it.
    fn place(
        &self,
        path: &str,
        is_directory: bool,
        name: &str,
    ) -> Result<(PathBuf, String), EngineError> {
        let asked = Asserted::of(path);
        path::place(
            &self.path,
            self.there == There::Directory,
            self.there != There::Nothing,
            &asked,
            is_directory,
            name,
        )
    }
}

/// A link that leads to nothing says where the file is to be made.
fn dangling(view: &View, target: PathBuf) -> PathBuf {
    let flags = OpenFlags::PATH | OpenFlags::NOFOLLOW;
    let Ok(link) = open_in_root(view.root.as_fd(), &target, flags, 0) else { return target };
    match (stat::of(link.as_fd()), openat::target_of(link.as_fd())) {
        (Ok(about), Ok(to)) if about.is_symlink() => {
            let parent = target.parent().unwrap_or(Path::new("/"));
            path::plain(&parent.join(OsStr::from_bytes(&to)))
        }
        _ => target,
    }
}

fn kind_of(about: &Stat) -> There {
    if about.is_directory() {
        There::Directory
    } else if about.is_file() {
        There::File
    } else {
        There::Other
    }
}
