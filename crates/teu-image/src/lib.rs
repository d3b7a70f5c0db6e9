//! Images on this machine: what they consist of, what they are called, and when they go.
//!
//! ```text
//!  <root>/version                              of everything below <root>
//!  content/sha256/<digest>                     manifests, indexes, configs, byte for byte
//!  layers/sha256/<diff id>/layer.tar           the layer, uncompressed, byte for byte
//!                         /index               its headers, parsed once (teu-tar)
//!                         /origin              sizes; the compressed blobs that it came as
//!  layers/by-blob/<digest>                     compressed digest → diff id
//!  refs/<registry>/<repository>/_tags/<tag>    a name → manifest or index; written last
//!                              /_digests/<hex> the same for NAME@DIGEST
//!  refs/_images/<image id>                     the image is here, named or not → its manifest
//!  leases/<random>                             digests in use by a running command
//!  ingest/layer-<random>/                      not yet   (locked by its maker)
//!  trash/images/                               no longer  (locked by the collection that runs)
//! ```
//! `docs/formats/images.md` tells the formats.
//!
//! What always holds:
//! - A file below `content/` and `layers/` is whole, on disk, and hashes to its name, which was
//!   checked before it got it.
//! - A name is written after all that it needs. Whoever reads a name finds the rest, unless a
//!   collection took it, which [`Store::gc`] does only to what no name, image, lease or container
//!   leads to.
//! - Who uses a digest writes its lease, then looks whether it is there.
//!
//! Locks, in this order: `refs/` (exclusive: changing names), `trash/images/` (one collection at a
//! time), `leases/` (shared: writing a lease; exclusive: collecting), `ingest/` (shared: making a
//! directory in it; exclusive: removing what nobody locks). Reading an image takes none.

mod assemble;
mod blobs;
mod change;
mod check;
mod commit;
mod error;
mod find;
mod gc;
mod import;
mod inflate;
mod ingest;
mod layer;
mod layers;
mod leases;
mod list;
mod load;
mod raw;
mod refs;
mod remove;
mod store;

pub use check::Fault;
pub use commit::CommitOptions;
pub use error::ImageError;
pub use find::{Found, Image};
pub use gc::{Collected, ImageUser};
pub use import::ImportOptions;
pub use layer::{LayerWriter, SealedLayer};
pub use layers::{LayerBlob, Origin, chain_id};
pub use leases::Lease;
pub use list::ListedImage;
pub use load::Loaded;
pub use refs::TagTarget;
pub use remove::{Removal, Removed};
pub use store::{Limits, Store};
pub use teu_oci::image::Compression;
