//! Layers: archives, what is kept of them, and what the kernel is given.

use crate::seen;
use teu_snapshot::foreign::root_image;
use teu_tar::foreign::sealed_index;
use teu_tar::{LayerIndex, Parser, Reader};

/// A layer's archive, fed in pieces and read as a stream: both must see the same. What it says is
/// then laid over itself and written as an image for the kernel.
pub fn tar(bytes: &[u8]) {
    let whole = index_of(bytes, bytes.len().max(1));
    assert_eq!(whole, index_of(bytes, 100), "pieces of another length give another index");
    seen(read(bytes));
    let Some(index) = whole else { return };
    assert_eq!(LayerIndex::decode(&index.encode()).as_ref(), Ok(&index), "an index is not itself");
    seen(root_image(vec![index.clone(), index]));
}

fn index_of(bytes: &[u8], piece: usize) -> Option<LayerIndex> {
    let mut parser = Parser::new();
    bytes.chunks(piece).try_for_each(|piece| parser.feed(piece)).ok()?;
    parser.finish().ok()
}

fn read(bytes: &[u8]) -> Option<usize> {
    let mut reader = Reader::new(bytes);
    let mut count = 0;
    while reader.next_entry().ok()?.is_some() {
        count += 1;
    }
    Some(count)
}

/// The index file of a layer, as a whole and as what lies behind a head that is right: a sum would
/// keep everything else from being reached. It is a file of ours, and yet not one to trust.
pub fn layer_index(bytes: &[u8]) {
    seen(LayerIndex::decode(bytes));
    if let Ok(index) = LayerIndex::decode(&sealed_index(bytes)) {
        seen(root_image(vec![index]));
    }
}
