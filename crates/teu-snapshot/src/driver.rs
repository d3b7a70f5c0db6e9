//! How roots are mounted on this machine: found out by the first mount, remembered until the next boot.

use std::fmt;
use std::path::Path;
use teu_kernel::durable::{Durability, replace};

/// A way to make a root out of layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driver {
    /// EROFS, the kernel reading the files themselves: Linux 6.12, files on a disk file system.
    ErofsFile,
    /// EROFS on loop devices over the files.
    ErofsLoop,
    /// The merged tree, unpacked. Works everywhere, and costs the time and space to unpack.
    Tree,
}

impl Driver {
    /// Best first.
    pub const ALL: [Driver; 3] = [Driver::ErofsFile, Driver::ErofsLoop, Driver::Tree];

    fn name(self) -> &'static str {
        match self {
            Driver::ErofsFile => "erofs-file",
            Driver::ErofsLoop => "erofs-loop",
            Driver::Tree => "tree",
        }
    }

    /// What an earlier mount of this boot has found out.
    pub(crate) fn remembered(run: &Path) -> Option<Driver> {
        let text = std::fs::read(run.join("driver")).ok()?;
        Driver::ALL.into_iter().find(|driver| driver.name().as_bytes() == text.trim_ascii())
    }

    pub(crate) fn remember(self, run: &Path) {
        // Only a hint: without it the next mount finds out again.
        replace(&run.join("driver"), self.name().as_bytes(), 0o600, Durability::ThisBoot)
            .unwrap_or(());
    }
}

impl fmt::Display for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
