//! Roots in the mount table: `<run>/roots/<chain id>`, each mounted once for all its containers.

use crate::build::{self, EXTRA, INDEX, TREE};
use crate::error::Doing;
use crate::{Driver, SnapshotError};
use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use teu_kernel::cachestat::cached_pages;
use teu_kernel::libc::{EBADF, EINVAL, ENODEV, ENOTBLK, EOPNOTSUPP};
use teu_kernel::mount::{
    Filesystem, MountAttr, Propagation, SetAttr, attach, clone_tree, open_path, set_attr,
};
use teu_kernel::{loopdev, statx};

/// Mounts the root whose files lie in `place` at `target`.
pub(crate) fn mount(
    driver: Driver,
    layers: &Path,
    place: &Path,
    target: &Path,
) -> Result<(), SnapshotError> {
    let failed = |what, said, source| SnapshotError::Mount {
        what,
        path: target.to_path_buf(),
        driver,
        said,
        source,
    };
    let mount = match driver {
        Driver::ErofsFile | Driver::ErofsLoop => {
            let files = Files::open(layers, place)?;
            erofs(driver, &files)
                .map_err(|(source, said)| failed("an image's index", said, source))?
        }
        Driver::Tree => {
            let tree = place.join(TREE);
            bind_read_only(&tree).map_err(|source| failed("a tree", String::new(), source))?
        }
    };
    put(&mount, target).map_err(|source| failed("a root", String::new(), source))
}

/// Would another driver do? Not if the files are bad: then none would.
pub(crate) fn is_unsupported(driver: Driver, error: &SnapshotError) -> bool {
    let SnapshotError::Mount { source, .. } = error else { return false };
    match driver {
        // Not a block device: the kernel reads no EROFS from files (of this file system).
        Driver::ErofsFile => {
            matches!(source.raw_os_error(), Some(ENOTBLK | ENODEV | EOPNOTSUPP | EBADF))
        }
        // No loop devices, or no EROFS with blocks of 512 bytes.
        Driver::ErofsLoop => {
            let no_loop = source.kind() == io::ErrorKind::NotFound;
            no_loop || matches!(source.raw_os_error(), Some(EINVAL | ENODEV | ENOTBLK))
        }
        Driver::Tree => false,
    }
}

/// What stands behind an image: its index, and each device.
struct Files {
    index: File,
    devices: Vec<File>,
}

impl Files {
    fn open(layers: &Path, place: &Path) -> Result<Files, SnapshotError> {
        let path = place.join(INDEX);
        let index = File::open(&path).doing("open", &path)?;
        let tags = build::devices(&index).doing("read", &path)?;
        let open = |tag: &String| {
            // The tag is ours; still, it is read from a file: only a name that was written here.
            let path = if tag == EXTRA {
                place.join(EXTRA)
            } else if tag.len() == 64 && tag.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                layers.join(tag).join("layer.tar")
            } else {
                return Err(io::Error::from(io::ErrorKind::InvalidData)).doing("use", &path);
            };
            File::open(&path).doing("open", &path)
        };
        let devices = tags.iter().map(open).collect::<Result<_, _>>()?;
        Ok(Files { index, devices })
    }

    /// Read past the page cache? A buffered mount holds every page twice, and reads too much where
    /// nothing is there yet; but what lies in memory already, as after a pull, is read faster from there.
    fn should_read_directly(&self) -> bool {
        let mut pages = 0;
        let mut cached = 0;
        for file in &self.devices {
            let aligned = statx::direct_read_alignment(file.as_fd());
            if !matches!(aligned, Ok(Some(alignment)) if alignment <= 512) {
                return false;
            }
            let Ok(here) = cached_pages(file.as_fd()) else { return false };
            cached += here;
            pages += file.metadata().map_or(0, |meta| meta.len() / 4096);
        }
        cached < pages / 2
    }
}

type Refused = (io::Error, String);

fn erofs(driver: Driver, files: &Files) -> Result<OwnedFd, Refused> {
    let direct = files.should_read_directly();
    if driver == Driver::ErofsLoop {
        let plain = |error| (error, String::new());
        let attach = |file: &File, direct| loopdev::attach_read_only(file.as_fd(), 512, direct);
        let index = attach(&files.index, false).map_err(plain)?;
        let devices = files.devices.iter().map(|file| attach(file, direct));
        let devices = devices.collect::<Result<Vec<_>, _>>().map_err(plain)?;
        // The mount holds the devices; they go with it.
        return erofs_from(index.as_fd(), devices.iter().map(AsFd::as_fd), false);
    }
    let devices = || files.devices.iter().map(AsFd::as_fd);
    if direct && let Ok(mount) = erofs_from(files.index.as_fd(), devices(), true) {
        return Ok(mount);
    }
    erofs_from(files.index.as_fd(), devices(), false)
}

fn erofs_from<'fd>(
    index: BorrowedFd<'_>,
    devices: impl Iterator<Item = BorrowedFd<'fd>>,
    direct: bool,
) -> Result<OwnedFd, Refused> {
    let filesystem = Filesystem::open(c"erofs").map_err(|error| (error, String::new()))?;
    let configured = (|| {
        filesystem.flag(c"ro")?;
        filesystem.set(c"source", &by_descriptor(index))?;
        // In the order of the slots.
        for device in devices {
            filesystem.set(c"device", &by_descriptor(device))?;
        }
        if direct {
            filesystem.flag(c"directio")?;
        }
        filesystem.try_mount(MountAttr::RDONLY)
    })();
    match configured {
        Ok(mount) => Ok(mount),
        Err(error) => Err((error, filesystem.messages())),
    }
}

/// A name for an open file that is short whatever its path, and that nobody can put something else
/// behind.
pub(crate) fn by_descriptor(fd: BorrowedFd<'_>) -> CString {
    // Digits hold no zero byte.
    CString::new(format!("/proc/self/fd/{}", fd.as_raw_fd())).unwrap_or_default()
}

/// The directory `tree` as a mount that is attached nowhere.
pub(crate) fn bind(tree: &Path) -> io::Result<OwnedFd> {
    let mount = clone_tree(open_path(tree)?.as_fd(), Path::new(""), false)?;
    let private = SetAttr { propagation: Some(Propagation::Private), ..SetAttr::default() };
    set_attr(mount.as_fd(), &private)?;
    Ok(mount)
}

fn bind_read_only(tree: &Path) -> io::Result<OwnedFd> {
    let mount = clone_tree(open_path(tree)?.as_fd(), Path::new(""), false)?;
    let read_only = SetAttr { set: Some(MountAttr::RDONLY), ..SetAttr::default() };
    set_attr(mount.as_fd(), &read_only)?;
    Ok(mount)
}

fn put(mount: &OwnedFd, target: &Path) -> io::Result<()> {
    attach(mount.as_fd(), open_path(target)?.as_fd())?;
    // Under a shared parent it has become shared itself.
    let private = SetAttr { propagation: Some(Propagation::Private), ..SetAttr::default() };
    set_attr(mount.as_fd(), &private)
}
