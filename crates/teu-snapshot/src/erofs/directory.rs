//! A directory's contents: blocks of twelve-byte entries and the names behind them, sorted by bytes.

use crate::tree::{Body, InodeId, Tree};

const ENTRY_SIZE: usize = 12;
const BLOCK: usize = super::BLOCK as usize;

/// `.`, `..` and the children, sorted.
pub(super) fn entries(tree: &Tree, directory: InodeId) -> Vec<(&[u8], InodeId)> {
    let Body::Directory { children, parent } = &tree.inode(directory).body else {
        return Vec::new();
    };
    let mut entries: Vec<(&[u8], InodeId)> = vec![(b".", directory), (b"..", *parent)];
    entries.extend(children.iter().map(|(name, &child)| (&**name, child)));
    // Few names come before the dots, so this is nearly sorted.
    entries.sort();
    entries
}

/// How many entries each block takes, and how many bytes of it they fill.
pub(super) fn blocks(entries: &[(&[u8], InodeId)]) -> Vec<(usize, usize)> {
    let mut blocks = Vec::new();
    let (mut count, mut used) = (0, 0);
    for (name, _) in entries {
        let more = ENTRY_SIZE + name.len();
        if used + more > BLOCK {
            blocks.push((count, used));
            (count, used) = (0, 0);
        }
        count += 1;
        used += more;
    }
    blocks.push((count, used));
    blocks
}

/// Writes one block's entries to the beginning of `out`. `number` tells an inode's number.
pub(super) fn write(
    out: &mut [u8],
    tree: &Tree,
    entries: &[(&[u8], InodeId)],
    number: impl Fn(InodeId) -> u64,
) {
    let mut name_at = entries.len() * ENTRY_SIZE;
    for (place, (name, id)) in entries.iter().enumerate() {
        let entry = &mut out[place * ENTRY_SIZE..(place + 1) * ENTRY_SIZE];
        entry[..8].copy_from_slice(&number(*id).to_le_bytes());
        entry[8..10].copy_from_slice(&(name_at as u16).to_le_bytes());
        entry[10] = kind(&tree.inode(*id).body);
        out[name_at..name_at + name.len()].copy_from_slice(name);
        name_at += name.len();
    }
}

/// `FT_*` of linux/fs_types.h.
fn kind(body: &Body) -> u8 {
    match body {
        Body::File { .. } => 1,
        Body::Directory { .. } => 2,
        Body::Character { .. } => 3,
        Body::Block { .. } => 4,
        Body::Fifo => 5,
        Body::Symlink { .. } => 7,
    }
}
