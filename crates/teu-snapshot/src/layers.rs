//! The layers of a stack as they lie in the store: `layers/sha256/<diff id>/{layer.tar,index}`.

use crate::SnapshotError;
use crate::error::Doing;
use crate::tree::Tree;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use teu_model::DiffId;
use teu_tar::{LayerIndex, Parser};

/// A layer that is here.
#[derive(Debug)]
pub(crate) struct Layer {
    /// The digits of its diff id.
    pub hex: String,
    /// Its archive.
    pub path: PathBuf,
    /// How long that is.
    pub size: u64,
}

impl Layer {
    pub(crate) fn open(&self) -> Result<File, SnapshotError> {
        File::open(&self.path).doing("open", &self.path)
    }
}

/// What the stack amounts to, and where its archives are.
pub(crate) fn merge(root: &Path, layers: &[DiffId]) -> Result<(Tree, Vec<Layer>), SnapshotError> {
    let mut tree = Tree::new();
    let mut stack = Vec::with_capacity(layers.len());
    for (number, diff) in layers.iter().enumerate() {
        let hex = diff.0.hex();
        let directory = root.join("layers/sha256").join(&hex);
        let path = directory.join("layer.tar");
        let size = std::fs::metadata(&path)
            .map_err(|source| SnapshotError::LayerMissing { diff: diff.clone(), source })?
            .len();
        let mut index = read_index(&directory, &path, diff)?;
        // What is not on the disk cannot be pointed to, whatever the index says.
        index.archive_size = index.archive_size.min(size);
        // There are far fewer layers than that.
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        tree.add_layer(number, index)
            .map_err(|source| SnapshotError::BadLayer { diff: diff.clone(), source })?;
        stack.push(Layer { hex, path, size });
    }
    tree.add_init_layer();
    Ok((tree, stack))
}

/// The layer's index; if it is damaged, missing or of another version, what it would say.
fn read_index(
    directory: &Path,
    archive: &Path,
    diff: &DiffId,
) -> Result<LayerIndex, SnapshotError> {
    if let Ok(bytes) = std::fs::read(directory.join("index"))
        && let Ok(index) = LayerIndex::decode(&bytes)
    {
        return Ok(index);
    }
    let unreadable = |source| SnapshotError::LayerUnreadable { diff: diff.clone(), source };
    let mut file = File::open(archive).doing("open", archive)?;
    let mut parser = Parser::new();
    let mut piece = vec![0; 1 << 18];
    loop {
        let length = file.read(&mut piece).doing("read", archive)?;
        if length == 0 {
            return parser.finish().map_err(unreadable);
        }
        parser.feed(&piece[..length]).map_err(unreadable)?;
    }
}
