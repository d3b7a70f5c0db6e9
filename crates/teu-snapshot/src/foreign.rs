//! What reads the bytes of others, each alone, for `fuzz/`. Not part of the interface.
#![allow(missing_docs, reason = "the names say it, and nobody else calls them")]

use crate::erofs;
use crate::layers::Layer;
use crate::merge::MergeError;
use crate::plan::Plan;
use crate::tree::Tree;
use teu_tar::LayerIndex;

/// The image that a stack of layers amounts to, in memory; none where it would be too large.
pub fn root_image(layers: Vec<LayerIndex>) -> Result<Option<Vec<u8>>, MergeError> {
    let mut tree = Tree::new();
    let mut stack = Vec::new();
    for (number, index) in (0..).zip(layers) {
        let size = index.archive_size;
        tree.add_layer(number, index)?;
        stack.push(Layer { hex: "0".repeat(64), path: "/nowhere".into(), size });
    }
    let Some((plan, layout)) = Plan::with_layout(&tree, &stack) else { return Ok(None) };
    Ok(erofs::write(&tree, &layout, &plan.devices, |id| plan.address(id), |_| [0; 16]))
}
