//! Where every inode lies, decided before a byte is written.
//!
//! A directory's children follow each other, so that `ls -l` reads few blocks. What lies behind an
//! inode in the same block (a short link, a small directory) never crosses into the next one: the
//! kernel refuses that.

use super::{BLOCK, INODE_SIZE, NID_UNIT, SLOT_SIZE, SUPER_AT, SUPER_SIZE, directory};
use crate::tree::{Body, Inode, InodeId, ROOT, Tree};

/// Places of all inodes that a name leads to.
#[derive(Debug)]
pub(crate) struct Layout {
    /// Inodes in the order of their places.
    pub order: Vec<InodeId>,
    /// By inode.
    pub(super) places: Vec<Place>,
    /// Blocks up to the end of the inodes.
    pub(super) inode_blocks: u64,
    /// Blocks behind them, for large directories and long links.
    pub(super) rest_blocks: u64,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    /// Byte in the image; 0: none.
    pub at: u64,
    /// Length of its extended attributes with their head.
    pub xattrs: u32,
    /// Length of what a directory or link holds.
    pub size: u64,
    /// The last part of that lies behind the inode.
    pub inline: bool,
    /// The first of its blocks, counted behind the inodes.
    pub first_block: u64,
}

impl Layout {
    /// `devices`: how many slots stand before the inodes.
    pub(crate) fn new(tree: &Tree, devices: usize) -> Layout {
        let start = (SUPER_AT + SUPER_SIZE + devices * SLOT_SIZE) as u64;
        let places = vec![Place::default(); tree.inodes.len()];
        let mut layout = Layout { order: Vec::new(), places, inode_blocks: 0, rest_blocks: 0 };
        let mut end = layout.place(tree, ROOT, start);
        for directory in tree.directories() {
            for &child in tree.children(directory).into_iter().flatten().map(|(_, child)| child) {
                // A hard link's inode has its place already.
                if layout.places[child as usize].at == 0 {
                    end = layout.place(tree, child, end);
                }
            }
        }
        layout.inode_blocks = end.div_ceil(BLOCK);
        layout
    }

    /// Blocks of the whole image.
    pub(crate) fn blocks(&self) -> u64 {
        self.inode_blocks + self.rest_blocks
    }

    /// The number by which directories and `stat` know an inode.
    pub(super) fn number(&self, id: InodeId) -> u64 {
        self.places[id as usize].at / NID_UNIT
    }

    /// Places an inode at `end` or soon behind it; the new end.
    fn place(&mut self, tree: &Tree, id: InodeId, end: u64) -> u64 {
        let inode = tree.inode(id);
        let mut place = Place { xattrs: xattrs_size(inode), ..Place::default() };
        // How many blocks its contents fill, and what of them could lie behind the inode.
        let (blocks, tail) = match &inode.body {
            Body::Directory { .. } => {
                let blocks = directory::blocks(&directory::entries(tree, id));
                let tail = blocks.last().map_or(0, |(_, used)| *used as u64);
                place.size = (blocks.len() as u64 - 1) * BLOCK + tail;
                (blocks.len() as u64, tail)
            }
            // A link lies there whole or not at all.
            Body::Symlink { target } => {
                place.size = target.len() as u64;
                (place.size.div_ceil(BLOCK), place.size)
            }
            _ => (0, 0),
        };
        place.at = end.next_multiple_of(NID_UNIT);
        let mut length = INODE_SIZE + u64::from(place.xattrs);
        place.inline = blocks > 0 && length + tail <= BLOCK;
        if place.inline {
            length += tail;
            // The whole in one block.
            if place.at % BLOCK + length > BLOCK {
                place.at = place.at.next_multiple_of(BLOCK);
            }
        }
        place.first_block = self.rest_blocks;
        self.rest_blocks += blocks - u64::from(place.inline);
        self.places[id as usize] = place;
        self.order.push(id);
        place.at + length
    }
}

/// Twelve bytes of head, then for each: four bytes, name without its prefix, value, filled to four.
fn xattrs_size(inode: &Inode) -> u32 {
    let entries = inode.xattrs.iter().filter_map(|xattr| {
        let (_, rest) = xattr_prefix(&xattr.name)?;
        Some((4 + rest.len() + xattr.value.len()).next_multiple_of(4))
    });
    let size: usize = entries.sum();
    // The parser has bounded them far below.
    if size == 0 { 0 } else { u32::try_from(12 + size).unwrap_or(0) }
}

/// `EROFS_XATTR_INDEX_*` and what is left of the name.
pub(super) fn xattr_prefix(name: &[u8]) -> Option<(u8, &[u8])> {
    const PREFIXES: [(u8, &[u8]); 5] = [
        (1, b"user."),
        (2, b"system.posix_acl_access"),
        (3, b"system.posix_acl_default"),
        (4, b"trusted."),
        (6, b"security."),
    ];
    PREFIXES.iter().find_map(|(index, prefix)| Some((*index, name.strip_prefix(*prefix)?)))
}
