//! Where everything lies, and the version of it.

use crate::error::{At, ImageError};
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use teu_kernel::durable::{self, Durability};
use teu_kernel::flock::Lock;
use teu_kernel::random::random;
use teu_model::{DiffId, Digest, Paths};

/// The version of the state root's formats.
const VERSION: u32 = 1;
const DIRECTORIES: [&str; 10] = [
    "content",
    "content/sha256",
    "layers",
    "layers/sha256",
    "layers/by-blob",
    "refs",
    "refs/_images",
    "leases",
    "ingest",
    "trash",
];

/// The images of one state root. Costs nothing to have; several processes use one at once.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
    limits: Limits,
}

/// What a layer may grow to. Generous: they stop an attack, not a user.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a layer's tar.
    pub layer_size_max: u64,
    /// Bytes of tar for each compressed byte, once a layer exceeds 1 GiB. gzip ends at 1,032.
    pub ratio_max: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { layer_size_max: 256 << 30, ratio_max: 2_000 }
    }
}

impl Store {
    /// Opens the state root's images; makes the directories if this is the first time.
    pub fn open(paths: &Paths) -> Result<Store, ImageError> {
        let store = Store { root: paths.root.clone(), limits: Limits::default() };
        let version = store.root.join("version");
        match fs::read_to_string(&version) {
            Ok(text) => store.check_version(text.trim())?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => store.make()?,
            Err(error) => return Err(error).at("read", &version),
        }
        Ok(store)
    }

    /// The same with other limits.
    pub fn with_limits(self, limits: Limits) -> Store {
        Store { limits, ..self }
    }

    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    fn check_version(&self, found: &str) -> Result<(), ImageError> {
        match found.parse::<u32>() {
            Ok(1..=VERSION) => Ok(()),
            _ => {
                let (root, found) = (self.root.clone(), found.chars().take(40).collect());
                Err(ImageError::NewerVersion { root, found, known: VERSION })
            }
        }
    }

    /// The version file comes last: where it is, the directories are.
    fn make(&self) -> Result<(), ImageError> {
        make_private(&self.root)?;
        for name in DIRECTORIES {
            make_private(&self.root.join(name))?;
        }
        make_private(&self.trash())?;
        let version = self.root.join("version");
        let text = format!("{VERSION}\n");
        // In one step: others may read it at any moment, or the machine stop. All write the same.
        self.write(&version, text.as_bytes())
    }

    pub(crate) fn content_directory(&self) -> PathBuf {
        self.root.join("content/sha256")
    }

    pub(crate) fn content(&self, digest: &Digest) -> PathBuf {
        self.content_directory().join(digest.hex())
    }

    pub(crate) fn layers_directory(&self) -> PathBuf {
        self.root.join("layers/sha256")
    }

    pub(crate) fn layer(&self, diff: &DiffId) -> PathBuf {
        self.layers_directory().join(diff.0.hex())
    }

    pub(crate) fn by_blob_directory(&self) -> PathBuf {
        self.root.join("layers/by-blob")
    }

    pub(crate) fn refs(&self) -> PathBuf {
        self.root.join("refs")
    }

    pub(crate) fn leases(&self) -> PathBuf {
        self.root.join("leases")
    }

    pub(crate) fn ingest(&self) -> PathBuf {
        self.root.join("ingest")
    }

    /// Where a collection puts what it takes.
    pub(crate) fn trash(&self) -> PathBuf {
        self.root.join("trash/images")
    }

    /// Held while names change.
    pub(crate) fn lock_refs(&self) -> Result<Lock, ImageError> {
        let refs = self.refs();
        Lock::exclusive(&refs).at("lock", &refs)
    }

    /// Writes a file that is whole or absent, and stays. The temporary name is random, because
    /// threads of one pull may write the same file.
    pub(crate) fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), ImageError> {
        let directory = path.parent().unwrap_or(&self.root);
        let ingest = self.ingest();
        // Who cleans up holds this exclusively: a small file that it sees belongs to nobody.
        let _quiet = Lock::shared(&ingest).at("lock", &ingest)?;
        let temporary = ingest.join(format!("file-{}", random_name()?));
        durable::write_new(&temporary, bytes, 0o600, Durability::Synced)
            .and_then(|()| fs::rename(&temporary, path))
            .and_then(|()| durable::sync_directory(directory))
            .inspect_err(|_| fs::remove_file(&temporary).unwrap_or(()))
            .at("write", path)
    }
}

/// 32 random hex digits.
pub(crate) fn random_name() -> Result<String, ImageError> {
    let bytes: [u8; 16] = random().at("take random bytes for", Path::new("a name"))?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}

/// A directory that nobody but its owner may look into.
pub(crate) fn make_private(path: &Path) -> Result<(), ImageError> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).at("make", path)
}
