//! A container's root: an overlay of one image root and one writable directory.

use crate::mount::by_descriptor;
use crate::{Root, SnapshotError};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use teu_kernel::mount::{Filesystem, MountAttr, open_path};

/// How a writable layer is laid over a root.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WritableOptions {
    /// Never sync the upper: only for what dies with the container. A volatile upper is refused by the
    /// next mount.
    pub volatile: bool,
    /// Mark files with `user.overlay.*` attributes: in a user namespace.
    pub userxattr: bool,
}

/// The overlay, attached nowhere.
pub(crate) fn writable(
    root: &Root,
    upper: &Path,
    work: &Path,
    options: WritableOptions,
) -> Result<OwnedFd, SnapshotError> {
    let failed = |said, source| SnapshotError::Overlay { root: root.path.clone(), said, source };
    let open = |path: &Path| {
        open_path(path).map_err(|source| SnapshotError::Store {
            action: "open",
            path: path.to_path_buf(),
            source,
        })
    };
    let (lower, upper, work) = (open(&root.path)?, open(upper)?, open(work)?);
    let overlay = Filesystem::open(c"overlay").map_err(|source| failed(String::new(), source))?;
    let mounted: io::Result<OwnedFd> = (|| {
        overlay.set(c"source", c"teu")?;
        overlay.set(c"lowerdir", &by_descriptor(lower.as_fd()))?;
        overlay.set(c"upperdir", &by_descriptor(upper.as_fd()))?;
        overlay.set(c"workdir", &by_descriptor(work.as_fd()))?;
        // Said aloud, each of them: distributions build kernels with other defaults, and with
        // metacopy or redirects on, diff and commit could not read the upper.
        overlay.set(c"xino", c"on")?;
        for (name, value) in [
            (c"index", c"off"),
            (c"metacopy", c"off"),
            (c"redirect_dir", c"nofollow"),
            (c"nfs_export", c"off"),
        ] {
            overlay.set(name, value)?;
        }
        if options.volatile {
            overlay.flag(c"volatile")?;
        }
        if options.userxattr {
            overlay.flag(c"userxattr")?;
        }
        overlay.try_mount(MountAttr::empty())
    })();
    mounted.map_err(|source| failed(overlay.messages(), source))
}
