//! A container's root for those who stand outside: to read all of it, or to copy files from and to it.
//!
//! ```text
//!  running   bare    its root mount, copied in its mount namespace: nothing that is mounted in it is seen
//!            whole   /proc/PID/root: all that its processes see
//!  stopped   bare    an overlay of our own, attached nowhere, under the lock of the upper
//!            whole   the same in a mount namespace of our own, with its volumes and bind mounts
//! ```
//! Nothing of the container is run, and nothing stays in the host's mount table.

use crate::records::Container;
use crate::{Engine, EngineError};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use teu_kernel::clone::NewNamespaces;
use teu_kernel::flock::Lock;
use teu_kernel::openat2::{OpenFlags, mkdir_in_root, open_in_root};
use teu_kernel::{libc, mount, pidfd, setns, stat, unshare};

/// A root, as long as it is looked at.
#[derive(Debug)]
pub(crate) struct View {
    /// The root directory.
    pub root: OwnedFd,
    /// What must live as long: the lock of the upper.
    _lock: Option<Lock>,
    /// A mount namespace that nobody else is in.
    _namespace: Option<OwnedFd>,
}

impl Engine {
    /// The container's root without what is mounted in it.
    pub(crate) fn bare_root(&self, container: &Container) -> Result<View, EngineError> {
        if let Some(running) = &container.state.running {
            let pid = running.pid;
            let root = in_a_thread(move || root_mount_of(pid));
            match root {
                Ok(root) if pidfd::start_time(pid) == Some(running.pid_start_ticks) => {
                    return Ok(View { root, _lock: None, _namespace: None });
                }
                // It has ended just now: then its upper is free, or soon will be.
                Ok(_) => {}
                Err(_) if pidfd::start_time(pid) != Some(running.pid_start_ticks) => {}
                Err(source) => return Err(cannot_look(container, source)),
            }
        }
        let (root, lock) = self.make_root(container, false)?;
        Ok(View { root, _lock: Some(lock), _namespace: None })
    }
}

fn cannot_look(container: &Container, source: io::Error) -> EngineError {
    EngineError::step(format!("look into the root of {}", container.id().short()), source)
}

/// Namespaces are a thread's own: what is entered here is left with it.
pub(crate) fn in_a_thread<T: Send>(work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    std::thread::scope(|scope| {
        scope.spawn(work).join().unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))
    })
}

/// A private copy of the mount that is the root of `pid`, without those below it.
fn root_mount_of(pid: u32) -> io::Result<OwnedFd> {
    let process = pidfd::pidfd_open(pid)?;
    // Root and working directory of its own, or it may not join (CLONE_FS, setns(2)).
    unshare::unshare(NewNamespaces::from_bits_retain(u64::from(libc::CLONE_FS.unsigned_abs())))?;
    setns::join_process(process.as_fd(), NewNamespaces::MOUNT)?;
    mount::clone_tree(mount::cwd(), Path::new("/"), false)
}

impl Engine {
    /// The container's root with its volumes and bind mounts; of one that runs, all that its processes see.
    pub(crate) fn whole_root(&self, container: &Container) -> Result<View, EngineError> {
        if let Some(running) = &container.state.running {
            let root = self.root_of(container);
            if pidfd::start_time(running.pid) == Some(running.pid_start_ticks) {
                return Ok(View { root: root?, _lock: None, _namespace: None });
            }
            // It has ended just now: then its upper is free, or soon will be.
        }
        let (bare, lock) = self.make_root(container, false)?;
        let mounts = self.binds_of(container)?;
        let at = self.paths.run.join("roots");
        let (root, namespace) = in_a_thread(|| with_mounts(&bare, &at, &mounts))
            .map_err(|source| cannot_look(container, source))?;
        Ok(View { root, _lock: Some(lock), _namespace: Some(namespace) })
    }

    /// What is bound into the container: place, source, whether it cannot be written.
    fn binds_of(&self, container: &Container) -> Result<Vec<Bound>, EngineError> {
        let mut open = Vec::new();
        let asked = self.asked_mounts(container, &mut open)?;
        let init = container.directory.join("init");
        let of_init = ["resolv.conf", "hostname", "hosts"].into_iter().map(|name| Bound {
            target: format!("/etc/{name}").into(),
            source: init.join(name),
            read_only: false,
            _open: None,
        });
        let of_request = asked
            .into_iter()
            .filter(|mount| mount.kind.as_deref() == Some("bind"))
            .map(|mount| Bound {
                target: mount.destination.into(),
                read_only: mount.options.iter().any(|option| option == "ro" || option == "rro"),
                source: mount.source.unwrap_or_default().into(),
                _open: None,
            });
        let mut all: Vec<Bound> = of_init.chain(of_request).collect();
        all.sort_by_key(|bound| bound.target.components().count());
        // A subpath is named by a descriptor of this process: it stays open with its mount.
        if let Some(last) = all.last_mut() {
            last._open = Some(open);
        }
        Ok(all)
    }
}

struct Bound {
    target: PathBuf,
    source: PathBuf,
    read_only: bool,
    _open: Option<Vec<OwnedFd>>,
}

/// In a mount namespace of its own, which a descriptor keeps: `bare` at `at`, and `mounts` in it.
fn with_mounts(bare: &OwnedFd, at: &Path, mounts: &[Bound]) -> io::Result<(OwnedFd, OwnedFd)> {
    unshare::unshare(NewNamespaces::MOUNT)?;
    mount::set_propagation(c"/", mount::Propagation::Private, true)?;
    let namespace = std::fs::File::open("/proc/thread-self/ns/mnt")?;
    // Before the place is covered: sources may lie beneath it.
    let mut sources = Vec::new();
    for bound in mounts {
        // What is not there yet, a start would make, and nothing is in it.
        let Ok(source) = mount::open_path(&bound.source) else { continue };
        let copy = mount::clone_tree(source.as_fd(), Path::new(""), true)?;
        if bound.read_only {
            let read_only = mount::SetAttr {
                set: Some(mount::MountAttr::RDONLY),
                recursive: true,
                ..mount::SetAttr::default()
            };
            mount::set_attr(copy.as_fd(), &read_only)?;
        }
        sources.push((bound, copy));
    }
    mount::attach(bare.as_fd(), mount::open_path(at)?.as_fd())?;
    let root = mount::open_path(at)?;
    for (bound, copy) in sources {
        let is_directory = stat::of(copy.as_fd())?.is_directory();
        let target = if is_directory {
            mkdir_in_root(root.as_fd(), &bound.target, 0o755)
        } else {
            file_in_root(&root, &bound.target)
        };
        mount::attach(copy.as_fd(), target?.as_fd())?;
    }
    Ok((root, namespace.into()))
}

/// A place to bind a file on, made where it is missing.
fn file_in_root(root: &OwnedFd, path: &Path) -> io::Result<OwnedFd> {
    match open_in_root(root.as_fd(), path, OpenFlags::PATH, 0) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            mkdir_in_root(root.as_fd(), path.parent().unwrap_or(Path::new("/")), 0o755)?;
            let flags = OpenFlags::CREATE | OpenFlags::WRONLY;
            drop(open_in_root(root.as_fd(), path, flags, 0o644)?);
            open_in_root(root.as_fd(), path, OpenFlags::PATH, 0)
        }
        other => other,
    }
}
