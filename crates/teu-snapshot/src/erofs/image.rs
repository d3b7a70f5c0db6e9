//! The image's bytes, once everything has its place.

use super::layout::{Layout, Place, xattr_prefix};
use super::{BLOCK, INODE_SIZE, SLOT_SIZE, SUPER_AT, SUPER_SIZE, directory};
use crate::tree::{Body, Inode, InodeId, ROOT, Tree};

const MAGIC: u32 = 0xE0F5_E1E2;
/// Says who wrote the image and how. Changes whenever the same layers would give other bytes, so that
/// older images are made anew.
const VOLUME_NAME: &[u8; 16] = b"teu root 2\0\0\0\0\0\0";
/// `EROFS_FEATURE_COMPAT_MTIME`: times are those of the last change.
const COMPAT_MTIME: u32 = 2;
/// `EROFS_FEATURE_INCOMPAT_DEVICE_TABLE`.
const INCOMPAT_DEVICE_TABLE: u32 = 8;
/// `EROFS_INODE_LAYOUT_EXTENDED`, and the data layouts beside it.
const EXTENDED: u16 = 1;
const FLAT_PLAIN: u16 = 0;
const FLAT_INLINE: u16 = 2;

/// A file whose blocks follow the image's in the row of addresses.
#[derive(Clone, Debug)]
pub(crate) struct Device {
    /// What it is, for people: 64 hex digits of a diff id, or `extra`.
    pub tag: String,
    /// Whole blocks that it has.
    pub blocks: u64,
}

/// The image. `address` tells device and block of the contents of a file that has some; `identity`
/// makes sixteen bytes out of the rest. `None`: more than two terabytes.
pub(crate) fn write(
    tree: &Tree,
    layout: &Layout,
    devices: &[Device],
    address: impl Fn(InodeId) -> Option<(usize, u64)>,
    identity: impl Fn(&[u8]) -> [u8; 16],
) -> Option<Vec<u8>> {
    let mut bases = Vec::with_capacity(devices.len());
    let mut end = layout.blocks();
    for device in devices {
        bases.push(end);
        end = end.checked_add(device.blocks)?;
    }
    // -1 is an address of its own: a hole.
    if end >= u64::from(u32::MAX) {
        return None;
    }
    let mut image = vec![0; usize::try_from(layout.blocks() * BLOCK).ok()?];
    write_super(&mut image, layout, devices.len());
    for (number, (device, base)) in devices.iter().zip(&bases).enumerate() {
        let at = SUPER_AT + SUPER_SIZE + number * SLOT_SIZE;
        let slot = &mut image[at..at + SLOT_SIZE];
        let tag = &device.tag.as_bytes()[..device.tag.len().min(64)];
        slot[..tag.len()].copy_from_slice(tag);
        put32(slot, 64, device.blocks);
        put32(slot, 68, *base);
    }
    for &id in &layout.order {
        let block = address(id).and_then(|(device, block)| Some(bases.get(device)? + block));
        write_inode(&mut image, tree, layout, id, block.unwrap_or(0));
    }
    let identity = identity(&image);
    image[SUPER_AT + 48..SUPER_AT + 64].copy_from_slice(&identity);
    Some(image)
}

/// Is this the beginning of an image that this version has written, for a file of `length` bytes?
pub(crate) fn is_current(head: &[u8], length: u64) -> bool {
    let Some(block) = head.get(SUPER_AT..SUPER_AT + SUPER_SIZE) else { return false };
    let word =
        |at: usize| u32::from_le_bytes([block[at], block[at + 1], block[at + 2], block[at + 3]]);
    word(0) == MAGIC && &block[64..80] == VOLUME_NAME && u64::from(word(36)) * BLOCK == length
}

/// Is every byte of the image as it was written? Its identity is made of all the others.
pub(crate) fn is_whole(image: &[u8]) -> bool {
    if !is_current(image, image.len() as u64) {
        return false;
    }
    let at = SUPER_AT + 48..SUPER_AT + 64;
    let mut bare = image.to_vec();
    let identity = bare[at.clone()].to_vec();
    bare[at].fill(0);
    crate::chain::sha256(&bare).bytes()[..16] == identity[..]
}

/// What the devices of an image are, by the image's beginning, in their order.
pub(crate) fn device_tags(head: &[u8]) -> Vec<String> {
    let Some(count) = head.get(SUPER_AT + 86..SUPER_AT + 88) else { return Vec::new() };
    let count = usize::from(u16::from_le_bytes([count[0], count[1]]));
    let slots = head[SUPER_AT..].get(SUPER_SIZE..).unwrap_or_default().chunks_exact(SLOT_SIZE);
    let tag = |slot: &[u8]| String::from_utf8_lossy(&slot[..64]).trim_end_matches('\0').to_string();
    slots.take(count).map(tag).collect()
}

fn write_super(image: &mut [u8], layout: &Layout, devices: usize) {
    let block = &mut image[SUPER_AT..SUPER_AT + SUPER_SIZE];
    put32(block, 0, u64::from(MAGIC));
    put32(block, 8, u64::from(COMPAT_MTIME));
    block[12] = 9;
    put16(block, 14, layout.number(ROOT));
    block[16..24].copy_from_slice(&(layout.order.len() as u64).to_le_bytes());
    put32(block, 36, layout.blocks());
    block[64..80].copy_from_slice(VOLUME_NAME);
    if devices > 0 {
        put32(block, 80, u64::from(INCOMPAT_DEVICE_TABLE));
        put16(block, 86, devices as u64);
        put16(block, 88, ((SUPER_AT + SUPER_SIZE) / SLOT_SIZE) as u64);
    }
}

fn write_inode(image: &mut [u8], tree: &Tree, layout: &Layout, id: InodeId, file_block: u64) {
    let inode = tree.inode(id);
    let place = layout.places[id as usize];
    // Below the image's length, which is in memory.
    let at = place.at as usize;
    let rest = layout.inode_blocks + place.first_block;
    let (size, union, names) = match &inode.body {
        Body::Directory { children, .. } => {
            let is_directory = |child: &&InodeId| tree.children(**child).is_some();
            let below = children.values().filter(is_directory).count();
            (place.size, rest, 2 + below as u64)
        }
        Body::File { contents, .. } => (contents.size, file_block, u64::from(inode.names)),
        Body::Symlink { .. } => (place.size, rest, u64::from(inode.names)),
        Body::Character { major, minor } | Body::Block { major, minor } => {
            (0, device_number(*major, *minor), u64::from(inode.names))
        }
        Body::Fifo => (0, 0, u64::from(inode.names)),
    };
    let layout_bits = if place.inline { FLAT_INLINE } else { FLAT_PLAIN };
    let out = &mut image[at..at + INODE_SIZE as usize];
    put16(out, 0, u64::from(EXTENDED | layout_bits << 1));
    put16(out, 2, if place.xattrs == 0 { 0 } else { u64::from(place.xattrs - 12) / 4 + 1 });
    put16(out, 4, u64::from(inode.full_mode()));
    out[8..16].copy_from_slice(&size.to_le_bytes());
    put32(out, 16, union);
    put32(out, 20, layout.number(id) & u64::from(u32::MAX));
    put32(out, 24, u64::from(inode.uid));
    put32(out, 28, u64::from(inode.gid));
    out[32..40].copy_from_slice(&inode.mtime.seconds.to_le_bytes());
    put32(out, 40, u64::from(inode.mtime.nanoseconds));
    put32(out, 44, names);
    write_xattrs(&mut image[at + INODE_SIZE as usize..], inode, place);
    match &inode.body {
        Body::Directory { .. } => write_directory(image, tree, layout, id),
        Body::Symlink { target } => {
            let to = if place.inline { inline_at(place) } else { (rest * BLOCK) as usize };
            image[to..to + target.len()].copy_from_slice(target);
        }
        _ => {}
    }
}

fn write_xattrs(out: &mut [u8], inode: &Inode, place: Place) {
    if place.xattrs == 0 {
        return;
    }
    // The head says: none are shared.
    let mut at = 12;
    for xattr in &inode.xattrs {
        let Some((prefix, rest)) = xattr_prefix(&xattr.name) else { continue };
        // Names end at 255 bytes, values at 65,535: the parser and the index see to it.
        out[at] = rest.len() as u8;
        out[at + 1] = prefix;
        put16(&mut out[at..], 2, xattr.value.len() as u64);
        out[at + 4..at + 4 + rest.len()].copy_from_slice(rest);
        let value = at + 4 + rest.len();
        out[value..value + xattr.value.len()].copy_from_slice(&xattr.value);
        at = (value + xattr.value.len()).next_multiple_of(4);
    }
}

fn write_directory(image: &mut [u8], tree: &Tree, layout: &Layout, id: InodeId) {
    let place = layout.places[id as usize];
    let entries = directory::entries(tree, id);
    let blocks = directory::blocks(&entries);
    let mut left = &entries[..];
    for (number, (count, used)) in blocks.iter().enumerate() {
        let (these, others) = left.split_at(*count);
        left = others;
        let to = if place.inline && number + 1 == blocks.len() {
            inline_at(place)
        } else {
            ((layout.inode_blocks + place.first_block + number as u64) * BLOCK) as usize
        };
        directory::write(&mut image[to..to + used], tree, these, |id| layout.number(id));
    }
}

fn inline_at(place: Place) -> usize {
    (place.at + INODE_SIZE) as usize + place.xattrs as usize
}

/// `new_encode_dev` of linux/kdev_t.h.
fn device_number(major: u32, minor: u32) -> u64 {
    u64::from(minor & 0xff | major << 8 | (minor & !0xff) << 12)
}

fn put16(out: &mut [u8], at: usize, value: u64) {
    debug_assert!(value <= u64::from(u16::MAX));
    out[at..at + 2].copy_from_slice(&value.to_le_bytes()[..2]);
}

fn put32(out: &mut [u8], at: usize, value: u64) {
    debug_assert!(value <= u64::from(u32::MAX));
    out[at..at + 4].copy_from_slice(&value.to_le_bytes()[..4]);
}
