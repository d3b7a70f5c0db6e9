//! A key to the bytes behind a checksum, for `fuzz/`. Not part of the interface.
#![allow(missing_docs, reason = "the name says it, and nobody else calls it")]

use crate::index::{HEAD, MAGIC, VERSION};
use crate::wire::sum;

/// `body` as the body of an index file whose head is right.
pub fn sealed_index(body: &[u8]) -> Vec<u8> {
    let mut file = Vec::with_capacity(HEAD + body.len());
    file.extend(MAGIC);
    file.extend(VERSION.to_le_bytes());
    file.extend(sum(body).to_le_bytes());
    file.extend((body.len() as u64).to_le_bytes());
    file.extend(body);
    file
}
