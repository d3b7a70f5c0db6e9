//! The merged tree, unpacked: for machines whose kernel mounts no EROFS.
//!
//! Not layer by layer: whiteouts are applied already, so nothing of overlayfs's own has to be written,
//! and the container's overlay has one lower directory here too. The tree is made in a directory
//! that nobody else can enter, each file by its directory's descriptor and one name that must not exist
//! yet: whatever a layer says, nothing outside is touched.

use crate::SnapshotError;
use crate::build::{copy_contents, make_private};
use crate::error::Doing;
use crate::layers::Layer;
use crate::tree::{Body, Inode, InodeId, ROOT, Tree};
use std::collections::HashMap;
use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use teu_kernel::openat;

/// Makes `place` and everything in it.
pub(crate) fn unpack(place: &Path, tree: &Tree, stack: &[Layer]) -> Result<(), SnapshotError> {
    make_private(place)?;
    let top = OwnedFd::from(File::open(place).doing("open", place)?);
    let archives = stack.iter().map(Layer::open).collect::<Result<Vec<_>, _>>()?;
    let mut unpacking = Unpacking { tree, archives, named: HashMap::new() };
    unpacking.all(&top, place)?;
    openat::sync_filesystem(top.as_fd()).doing("sync", place)
}

struct Unpacking<'t> {
    tree: &'t Tree,
    archives: Vec<File>,
    /// Where the first name of a file with several was made.
    named: HashMap<InodeId, PathBuf>,
}

impl Unpacking<'_> {
    fn all(&mut self, top: &OwnedFd, place: &Path) -> Result<(), SnapshotError> {
        let mut todo = vec![(ROOT, PathBuf::new())];
        // Attributes of directories last, from the leaves: what is made in them changes their times.
        let mut directories = Vec::new();
        while let Some((id, path)) = todo.pop() {
            let here = open_directory(top, &path).doing("open", &place.join(&path))?;
            for (name, &child) in self.tree.children(id).into_iter().flatten() {
                let name = OsStr::from_bytes(name);
                let to = path.join(name);
                self.one(top, here.as_fd(), name, &to, child).doing("unpack", &place.join(&to))?;
                if self.tree.children(child).is_some() {
                    todo.push((child, to));
                }
            }
            directories.push((id, path));
        }
        for (id, path) in directories.into_iter().rev() {
            let here = open_directory(top, &path).doing("open", &place.join(&path))?;
            describe(here.as_fd(), OsStr::new("."), self.tree.inode(id))
                .doing("unpack", &place.join(&path))?;
        }
        Ok(())
    }

    fn one(
        &mut self,
        top: &OwnedFd,
        here: BorrowedFd<'_>,
        name: &OsStr,
        path: &Path,
        id: InodeId,
    ) -> io::Result<()> {
        let inode = self.tree.inode(id);
        if let Some(first) = self.named.get(&id) {
            let parent = open_directory(top, first.parent().unwrap_or(Path::new("")))?;
            let first = first.file_name().unwrap_or_default();
            return openat::link(parent.as_fd(), first, here, name);
        }
        match &inode.body {
            Body::Directory { .. } => return openat::mkdir(here, name, 0o700),
            Body::File { layer, contents } => {
                let file = File::from(openat::create_new(here, name, 0o600)?);
                file.set_len(contents.size)?;
                if contents.size > 0 {
                    let archive = self.archives.get(*layer as usize);
                    copy_contents(archive.ok_or(io::ErrorKind::NotFound)?, contents, &file, 0)?;
                }
            }
            Body::Symlink { target } => {
                openat::symlink(&OsString::from_vec(target.clone()), here, name)?;
            }
            Body::Character { major, minor } | Body::Block { major, minor } => {
                openat::mknod(here, name, inode.full_mode(), *major, *minor)?;
            }
            Body::Fifo => openat::mknod(here, name, inode.full_mode(), 0, 0)?,
        }
        if inode.names > 1 {
            self.named.insert(id, path.to_path_buf());
        }
        describe(here, name, inode)
    }
}

/// The directory `path` below `top`, one name after the other; every one of them was made here.
fn open_directory(top: &OwnedFd, path: &Path) -> io::Result<OwnedFd> {
    let mut here = openat::open_directory(top.as_fd(), OsStr::new("."))?;
    for name in path {
        here = openat::open_directory(here.as_fd(), name)?;
    }
    Ok(here)
}

fn describe(here: BorrowedFd<'_>, name: &OsStr, inode: &Inode) -> io::Result<()> {
    openat::chown(here, name, inode.uid, inode.gid)?;
    // Attributes after the owner, since a change of owner takes capabilities away.
    let path = PathBuf::from(format!("/proc/self/fd/{}", here.as_raw_fd())).join(name);
    for xattr in &inode.xattrs {
        let attribute = CString::new(xattr.name.clone())?;
        match teu_kernel::xattr::set(&path, &attribute, &xattr.value) {
            // As docker: a file system without such attributes, or a link that may have none.
            Err(error) if is_refused(&error) && !xattr.name.starts_with(b"security.") => {}
            other => other?,
        }
    }
    if !matches!(inode.body, Body::Symlink { .. }) {
        openat::chmod(here, name, inode.mode)?;
    }
    openat::set_times(here, name, inode.mtime.seconds, inode.mtime.nanoseconds)
}

fn is_refused(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied)
}
