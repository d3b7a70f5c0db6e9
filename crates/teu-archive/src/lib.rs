//! Directory trees as rows of members, and back: to an archive, from one, or straight from tree to tree.
//!
//! ```text
//!  tree ── Packer ──►┐               ┌──► teu_tar::Writer      an archive
//!                    ├── Sink::put ──┤
//!  archive ─ unpack ►┘               └──► Extractor            a tree
//! ```
//! Both sides go by descriptor: what is read is opened as a mere name first and only then, if it is a regular file or
//! a directory, for reading; what is written is made by its directory's descriptor and one name. Whoever exchanges
//! directories for links meanwhile gains nothing: a tree that is read is never left, and one that is written only as
//! far as its root.
//!
//! The same tree always gives the same row: names sorted as bytes, a directory before what is in it.
//! Attributes of overlayfs and labels of SELinux belong to the machine and stay out; sockets, too, as with docker.

mod error;
mod extract;
mod pack;
mod tar;

pub use error::ArchiveError;
pub use extract::{Extractor, Owners, Within};
pub use pack::{Packer, describe};
pub use tar::unpack;

use std::fs::File;
use std::io::Read;
use teu_tar::Entry;

/// What a member holds.
pub enum Data<'a> {
    /// Nothing: it is no regular file.
    None,
    /// The bytes of an open file, from its beginning.
    File(&'a File),
    /// The stored bytes, as the entry's `Contents` says.
    Stream(&'a mut dyn Read),
}

/// Where members go.
pub trait Sink {
    /// Takes the next member.
    fn put(&mut self, entry: &Entry, data: Data<'_>) -> Result<(), ArchiveError>;
}
