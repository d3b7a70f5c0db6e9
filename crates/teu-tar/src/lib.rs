//! Layers as they come, tar archives, read by a parser that trusts nothing; and the index that keeps
//! what was read, so that no layer is ever parsed twice.
//!
//! ```text
//!  bytes ──feed──► Parser ──finish──► LayerIndex ──write_to──► layers/sha256/<diff id>/index
//!    │                                    │
//!    └────► layer.tar (exact bytes) ◄─────┘ every file's contents by their offset in it
//! ```
//!
//! Pure: bytes in, values out. Whatever an archive says, parsing it allocates no more than a constant
//! beyond what the archive itself is long, never recurses, and never panics.
//!
//! Understood: v7, ustar, star's prefix, GNU (long names, long links, sparse files), pax (`path`,
//! `linkpath`, `size`, `uid`, `gid`, `mtime`, `SCHILY.xattr.*`, GNU's three ways to write sparse files)
//! and base-256 numbers. Where implementations differ, Go's `archive/tar` decides: it is what made
//! and read nearly every image there is. So a global pax header changes nothing, a header that has no
//! contents by its kind (a directory, a link, a device) has none whatever its size field says, and two zero blocks
//! end the archive whatever follows.

mod entry;
mod error;
#[doc(hidden)]
pub mod foreign;
mod header;
mod index;
mod machine;
mod parser;
mod path;
mod pax;
mod reader;
mod sparse;
mod whiteout;
mod wire;
mod writer;

pub use entry::{Contents, Entry, Extent, Kind, Time, Xattr};
pub use error::TarError;
pub use index::{BadIndex, LayerIndex};
pub use parser::Parser;
pub use reader::Reader;
pub use writer::Writer;

/// Archives are rows of blocks of this many bytes.
pub const BLOCK: u64 = 512;
