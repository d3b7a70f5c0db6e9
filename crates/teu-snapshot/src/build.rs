//! `roots/sha256/<chain id>/`, made beside its place and moved there whole.

use crate::chain::sha256;
use crate::error::Doing;
use crate::layers::{self, Layer};
use crate::plan::Plan;
use crate::tree::{Body, Tree};
use crate::{SnapshotError, erofs, unpack};
use std::fs::{DirBuilder, File};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, FileExt};
use std::path::{Path, PathBuf};
use teu_kernel::durable::{rename_new, sync_directory, sync_fd};
use teu_kernel::flock::Lock;
use teu_kernel::random::random;
use teu_model::{ChainId, DiffId};

/// The index, in a root's directory.
pub(crate) const INDEX: &str = "root.erofs";
/// Files that no address can express.
pub(crate) const EXTRA: &str = "extra";
/// The unpacked tree, where the kernel has no EROFS.
pub(crate) const TREE: &str = "tree";

/// What is to be made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Index,
    Tree,
}

/// Makes the root's files unless they are there.
pub(crate) fn ensure_built(
    root: &Path,
    chain: &ChainId,
    stack: &[DiffId],
    what: What,
) -> Result<(), SnapshotError> {
    let place = place(root, chain);
    if is_built(&place, what) {
        return Ok(());
    }
    let new = NewDirectory::make(root)?;
    let (tree, stack) = layers::merge(root, stack)?;
    match what {
        What::Index => write_index(&new.path, chain, &tree, &stack)?,
        What::Tree => unpack::unpack(&new.path.join(TREE), &tree, &stack)?,
    }
    sync_directory(&new.path).doing("sync", &new.path)?;
    move_into_place(root, new, &place, what)
}

/// Unpacks what the stack amounts to at `place`, which nobody sees before it is whole.
pub(crate) fn copy(root: &Path, stack: &[DiffId], place: &Path) -> Result<(), SnapshotError> {
    let new = place.with_extension("new");
    match std::fs::remove_dir_all(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(error).doing("remove", &new);
        }
        _ => {}
    }
    let (tree, stack) = layers::merge(root, stack)?;
    unpack::unpack(&new, &tree, &stack)?;
    rename_new(&new, place).doing("move the new tree to", place)
}

/// Where the files of a root lie.
pub(crate) fn place(root: &Path, chain: &ChainId) -> PathBuf {
    root.join("roots/sha256").join(chain.0.hex())
}

fn is_built(place: &Path, what: What) -> bool {
    match what {
        What::Tree => place.join(TREE).is_dir(),
        What::Index => File::open(place.join(INDEX)).is_ok_and(|file| {
            let mut head = [0; 2048];
            let length = file.metadata().map_or(0, |meta| meta.len());
            let read = file.read_at(&mut head, 0).unwrap_or(0);
            erofs::is_current(&head[..read], length)
        }),
    }
}

/// A directory in `ingest/`, locked: nobody takes it for a left-over while it is ours.
struct NewDirectory {
    path: PathBuf,
    _lock: Lock,
}

impl NewDirectory {
    fn make(root: &Path) -> Result<NewDirectory, SnapshotError> {
        let ingest = root.join("ingest");
        make_private(&ingest)?;
        let name = random::<8>().doing("name a directory in", &ingest)?;
        let path = ingest.join(format!("root-{:016x}", u64::from_le_bytes(name)));
        make_private(&path)?;
        let lock = Lock::exclusive(&path).doing("lock", &path)?;
        Ok(NewDirectory { path, _lock: lock })
    }
}

impl Drop for NewDirectory {
    fn drop(&mut self) {
        // Gone from here when it was moved into place; else the next command removes it too.
        std::fs::remove_dir_all(&self.path).unwrap_or(());
    }
}

/// Makes a directory and its parents that only its owner may enter.
pub(crate) fn make_private(path: &Path) -> Result<(), SnapshotError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).doing("make the directory", path)
}

fn move_into_place(
    root: &Path,
    new: NewDirectory,
    place: &Path,
    what: What,
) -> Result<(), SnapshotError> {
    let roots = root.join("roots/sha256");
    make_private(&roots)?;
    let moved = match rename_new(&new.path, place) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            if is_built(place, what) {
                // Another command was faster; both made the same.
                return Ok(());
            }
            // Of another version of teu, or made for another driver.
            discard(root, place)?;
            rename_new(&new.path, place)
        }
        other => other,
    };
    match moved {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && is_built(place, what) => {
            Ok(())
        }
        other => other.and_then(|()| sync_directory(&roots)).doing("move the new root to", place),
    }
}

/// Takes `place` out of sight at once, then removes it.
pub(crate) fn discard(root: &Path, place: &Path) -> Result<(), SnapshotError> {
    let trash = root.join("trash");
    make_private(&trash)?;
    let name = random::<8>().doing("name a directory in", &trash)?;
    let gone = trash.join(format!("root-{:016x}", u64::from_le_bytes(name)));
    match std::fs::rename(place, &gone) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other.doing("move to the trash", place)?,
    }
    // What stays in the trash is anyone's to remove.
    std::fs::remove_dir_all(&gone).unwrap_or(());
    Ok(())
}

fn write_index(
    directory: &Path,
    chain: &ChainId,
    tree: &Tree,
    stack: &[Layer],
) -> Result<(), SnapshotError> {
    let too_large = |why| SnapshotError::TooLarge { chain: chain.clone(), why };
    let (plan, layout) = Plan::with_layout(tree, stack)
        .ok_or_else(|| too_large("more than 4,096 layers, or files of exabytes"))?;
    let identity = |image: &[u8]| {
        let mut identity = [0; 16];
        identity.copy_from_slice(&sha256(image).bytes()[..16]);
        identity
    };
    let image = erofs::write(tree, &layout, &plan.devices, |id| plan.address(id), identity)
        .ok_or_else(|| too_large("more than two terabytes"))?;
    if plan.extra_blocks > 0 {
        let path = directory.join(EXTRA);
        let file = new_file(&path)?;
        write_extra(&file, tree, stack, &plan).doing("write", &path)?;
        sync_fd(file.as_fd()).doing("write", &path)?;
    }
    let path = directory.join(INDEX);
    let file = new_file(&path)?;
    file.write_all_at(&image, 0).doing("write", &path)?;
    sync_fd(file.as_fd()).doing("write", &path)
}

fn new_file(path: &Path) -> Result<File, SnapshotError> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = File::options();
    options.write(true).create_new(true).mode(0o600).open(path).doing("make", path)
}

fn write_extra(out: &File, tree: &Tree, stack: &[Layer], plan: &Plan) -> io::Result<()> {
    out.set_len(plan.extra_blocks * erofs::BLOCK)?;
    for (id, block) in &plan.extra {
        if let Body::File { layer, contents } = &tree.inode(*id).body
            && let Some(layer) = stack.get(*layer as usize)
        {
            let archive = File::open(&layer.path)?;
            copy_contents(&archive, contents, out, block * erofs::BLOCK)?;
        }
    }
    Ok(())
}

/// Copies what is stored of a file to `base` and on; holes are left as they are.
pub(crate) fn copy_contents(
    archive: &File,
    contents: &teu_tar::Contents,
    out: &File,
    base: u64,
) -> io::Result<()> {
    let whole = [teu_tar::Extent { at: 0, offset: contents.offset, length: contents.size }];
    let mut buffer = vec![0; 1 << 17];
    for extent in contents.extents.as_deref().unwrap_or(&whole) {
        let mut done = 0;
        while done < extent.length {
            let wanted = (extent.length - done).min(buffer.len() as u64) as usize;
            let read = archive.read_at(&mut buffer[..wanted], extent.offset + done)?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            out.write_all_at(&buffer[..read], base + extent.at + done)?;
            done += read as u64;
        }
    }
    Ok(())
}

/// The first bytes of a root's index, to see which devices it needs.
pub(crate) fn devices(index: &File) -> io::Result<Vec<String>> {
    let mut head = Vec::new();
    let most = 2048 + erofs::DEVICES_MAX as u64 * 128;
    index.take(most).read_to_end(&mut head)?;
    Ok(erofs::device_tags(&head))
}
