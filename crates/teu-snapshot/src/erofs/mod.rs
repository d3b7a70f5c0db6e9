//! The index of a root: an EROFS image without any file's contents.
//!
//! ```text
//!  root.erofs                                        device 1        device 2       last device
//!  ┌───────┬───────┬──────────────┬──────────────┐  ┌───────────┐  ┌───────────┐  ┌───────────┐
//!  │ 1,024 │ super │ device slots │ inodes, with │  │ layer.tar │  │ layer.tar │  │ extra     │
//!  │ zeros │ block │ 128 B each   │ xattrs, small│  │ (as it    │  │           │  │           │
//!  │       │ 128 B │              │ directories, │  │  came)    │  │           │  │           │
//!  │       │       │              │ links │ rest │  │           │  │           │  │           │
//!  └───────┴───────┴──────────────┴──────────────┘  └───────────┘  └───────────┘  └───────────┘
//!  block 0 ───────────────────────────────► one row of block addresses, 512 bytes each ──────►
//! ```
//!
//! Blocks are 512 bytes as those of tar are, so that a file's contents can be addressed where they
//! lie. Sources: Linux, fs/erofs/erofs_fs.h and Documentation/filesystems/erofs.rst.

mod directory;
mod image;
mod layout;

pub(crate) use image::{Device, device_tags, is_current, is_whole, write};
pub(crate) use layout::Layout;

/// What an address counts, in every device.
pub(crate) const BLOCK: u64 = 512;
/// Where the super block lies.
const SUPER_AT: usize = 1024;
const SUPER_SIZE: usize = 128;
const SLOT_SIZE: usize = 128;
/// Inodes are numbered by their place in units of 32 bytes.
const NID_UNIT: u64 = 32;
/// The long form of an inode: 32-bit owners, own time with nanoseconds.
const INODE_SIZE: u64 = 64;
/// The root's number has sixteen bits, and device slots lie before it.
pub(crate) const DEVICES_MAX: usize = 4096;
