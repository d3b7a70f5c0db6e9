//! Layers become a root that can be mounted, without ever being unpacked.
//!
//! ```text
//!  layers/sha256/<diff id>/{layer.tar,index} …      as they came, shared by all images
//!        │ merge: whiteouts, hard links, implied parents
//!        ▼
//!  roots/sha256/<chain id>/{root.erofs,extra}       names and attributes; addresses into the archives
//!        │ mounted once                             (or tree/ where the kernel has no EROFS)
//!        ▼
//!  <run>/roots/<chain id>                           read-only, private; until the image goes
//!        │ one overlay each
//!        ▼
//!  a container's root                               attached nowhere but in the container
//! ```
//!
//! On disk: `docs/formats/root.md`. A root is a pure function of its layers and of the writer's
//! version, and can be made again at any time.
//!
//! Locks: the directory `<run>/roots`, while a root is mounted or unmounted. Building takes none: the
//! directory is made in `ingest/` and moved into place whole, and of two builders the second finds it
//! there.
//!
//! Invariants: what a root's index says is written by teu, never copied from a layer unseen. Attributes
//! of overlayfs and devices 0:0 in a layer never reach a root. Unmounting a root is always safe:
//! overlays that run keep their own reference.

mod build;
mod chain;
mod check;
mod driver;
mod erofs;
mod error;
#[doc(hidden)]
pub mod foreign;
mod init_layer;
mod layers;
mod merge;
mod mount;
mod plan;
mod tree;
mod unpack;
mod writable;

pub use chain::chain_id;
pub use driver::Driver;
pub use error::SnapshotError;
pub use merge::MergeError;
pub use writable::WritableOptions;

use error::Doing;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use teu_kernel::flock::Lock;
use teu_kernel::mount::unmount_lazily;
use teu_kernel::statx::is_mount_root;
use teu_model::{ChainId, DiffId, Digest, Paths};

/// The roots of one state root.
#[derive(Clone, Debug)]
pub struct Snapshots {
    root: PathBuf,
    run: PathBuf,
    only: Option<Driver>,
}

/// In the run directory, once a container has got a whole copy.
const COPIES: &str = "whole-copies";

/// An image's root, mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// The stack of layers that it shows.
    pub chain: ChainId,
    /// Where it is mounted.
    pub path: PathBuf,
    /// How.
    pub driver: Driver,
}

impl Snapshots {
    /// Touches nothing yet.
    pub fn new(paths: &Paths) -> Snapshots {
        Snapshots { root: paths.root.clone(), run: paths.run.clone(), only: None }
    }

    /// With one driver and no other, whatever the kernel could do.
    pub fn with_driver(paths: &Paths, driver: Driver) -> Snapshots {
        Snapshots { only: Some(driver), ..Snapshots::new(paths) }
    }

    /// The mounted root of `layers`, lowest first. One look if it is mounted; else its index is built,
    /// if it is not there either, and mounted.
    pub fn ensure_root(&self, layers: &[DiffId]) -> Result<Root, SnapshotError> {
        let chain = chain_id(layers);
        let path = self.mount_point(&chain);
        if is_mount_root(&path).doing("look at", &path)? {
            let driver = self.driver().unwrap_or(Driver::ErofsFile);
            return Ok(Root { chain, path, driver });
        }
        let driver = self.build_and_mount(&chain, layers, &path)?;
        Ok(Root { chain, path, driver })
    }

    /// The driver that roots of this boot are mounted with, once one is.
    pub fn driver(&self) -> Option<Driver> {
        self.only.or_else(|| Driver::remembered(&self.run))
    }

    /// Builds the index of `layers` without mounting it: after a pull, so that the first start need not.
    /// Nothing happens where roots are unpacked: that waits until one is wanted.
    pub fn prepare(&self, layers: &[DiffId]) -> Result<ChainId, SnapshotError> {
        let chain = chain_id(layers);
        if self.driver() != Some(Driver::Tree) {
            build::ensure_built(&self.root, &chain, layers, build::What::Index)?;
        }
        Ok(chain)
    }

    /// An overlay of `root` below and `upper` above, attached nowhere. `upper` and `work` are empty
    /// directories of one file system, or those of an earlier overlay over the same root.
    pub fn writable(
        &self,
        root: &Root,
        upper: &Path,
        work: &Path,
        options: WritableOptions,
    ) -> Result<OwnedFd, SnapshotError> {
        writable::writable(root, upper, work, options)
    }

    /// In place of [`Snapshots::writable`] where no overlay can have its upper on the state root's file
    /// system: everything that `layers` show, unpacked at `place` for one container alone, and mounted
    /// nowhere. What is at `place` already is that container's, and stays as it is.
    pub fn whole_copy(&self, layers: &[DiffId], place: &Path) -> Result<OwnedFd, SnapshotError> {
        if !place.is_dir() {
            build::copy(&self.root, layers, place)?;
            // Only a hint, for `info`.
            std::fs::write(self.run.join(COPIES), b"").unwrap_or(());
        }
        mount::bind(place).doing("mount", place)
    }

    /// Whether containers have got whole copies since the last boot.
    pub fn makes_whole_copies(&self) -> bool {
        self.run.join(COPIES).exists()
    }

    /// Unmounts a root and removes its files. What does not exist is forgotten already; containers
    /// that run keep what they have.
    pub fn forget_root(&self, chain: &ChainId) -> Result<(), SnapshotError> {
        let path = self.mount_point(chain);
        let _lock = self.lock()?;
        self.unmount(&path)?;
        match std::fs::remove_dir(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).doing("remove", &path);
            }
            _ => {}
        }
        build::discard(&self.root, &build::place(&self.root, chain))
    }

    /// Unmounts every root, as a reboot would; files stay.
    pub fn unmount_all(&self) -> Result<(), SnapshotError> {
        let _lock = self.lock()?;
        for chain in self.mounted_roots()? {
            self.unmount(&self.mount_point(&chain))?;
        }
        Ok(())
    }

    /// The roots that are mounted.
    pub fn mounted_roots(&self) -> Result<Vec<ChainId>, SnapshotError> {
        let mut chains = chains_in(&self.run.join("roots"))?;
        let is_mounted = |chain: &ChainId| is_mount_root(&self.mount_point(chain)).unwrap_or(false);
        chains.retain(is_mounted);
        Ok(chains)
    }

    /// The roots that have files on disk.
    pub fn built_roots(&self) -> Result<Vec<ChainId>, SnapshotError> {
        chains_in(&self.root.join("roots/sha256"))
    }

    fn mount_point(&self, chain: &ChainId) -> PathBuf {
        self.run.join("roots").join(chain.0.hex())
    }

    fn lock(&self) -> Result<Lock, SnapshotError> {
        let roots = self.run.join("roots");
        build::make_private(&roots)?;
        Lock::exclusive(&roots).doing("lock", &roots)
    }

    fn unmount(&self, path: &Path) -> Result<(), SnapshotError> {
        while is_mount_root(path).doing("look at", path)? {
            unmount_lazily(path).doing("unmount", path)?;
        }
        Ok(())
    }

    fn build_and_mount(
        &self,
        chain: &ChainId,
        layers: &[DiffId],
        path: &Path,
    ) -> Result<Driver, SnapshotError> {
        let first = self.driver().unwrap_or(Driver::ErofsFile);
        let mut drivers = Driver::ALL.into_iter().skip_while(|driver| *driver != first).peekable();
        while let Some(driver) = drivers.next() {
            let what = match driver {
                Driver::Tree => build::What::Tree,
                _ => build::What::Index,
            };
            build::ensure_built(&self.root, chain, layers, what)?;
            match self.mount(driver, chain, path) {
                Err(error)
                    if self.only.is_none()
                        && drivers.peek().is_some()
                        && mount::is_unsupported(driver, &error) => {}
                Err(error) => return Err(error),
                // Somebody was faster, and has found out the driver too.
                Ok(Mounted::Already) => return Ok(self.driver().unwrap_or(driver)),
                Ok(Mounted::Now) => return Ok(driver),
            }
        }
        // The last driver either mounts or says why not.
        Ok(first)
    }

    fn mount(
        &self,
        driver: Driver,
        chain: &ChainId,
        path: &Path,
    ) -> Result<Mounted, SnapshotError> {
        let _lock = self.lock()?;
        if is_mount_root(path).doing("look at", path)? {
            return Ok(Mounted::Already);
        }
        build::make_private(path)?;
        let place = build::place(&self.root, chain);
        mount::mount(driver, &self.root.join("layers/sha256"), &place, path)?;
        if self.only.is_none() && Driver::remembered(&self.run) != Some(driver) {
            driver.remember(&self.run);
        }
        Ok(Mounted::Now)
    }
}

enum Mounted {
    Now,
    Already,
}

fn chains_in(directory: &Path) -> Result<Vec<ChainId>, SnapshotError> {
    let names = match std::fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.doing("read", directory)?,
    };
    let mut chains = Vec::new();
    for entry in names {
        let name = entry.doing("read", directory)?.file_name();
        chains.extend(name.to_str().and_then(Digest::from_hex).map(ChainId));
    }
    chains.sort();
    Ok(chains)
}
