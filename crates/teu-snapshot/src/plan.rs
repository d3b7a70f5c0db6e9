//! Where the bytes of every file of a root lie: in a layer's archive as they came, or in `extra`.
//!
//! An address in the index stands for one run of whole blocks. A file with holes is no single run, and
//! the last file of an archive that was cut short fills no whole block: such files are copied to
//! `extra`, where holes stay holes.

use crate::erofs::{BLOCK, DEVICES_MAX, Device, Layout};
use crate::layers::Layer;
use crate::tree::{Body, InodeId, Tree};
use std::collections::HashMap;

/// Addresses of all files, and the devices that they point into.
pub(crate) struct Plan {
    pub devices: Vec<Device>,
    /// Which archive stands behind each device: an index into the stack. `extra` has none.
    pub archives: Vec<usize>,
    /// Files that are copied to `extra`, with the block at which each begins there.
    pub extra: Vec<(InodeId, u64)>,
    /// Blocks of `extra`.
    pub extra_blocks: u64,
    addresses: HashMap<InodeId, (usize, u64)>,
}

impl Plan {
    /// `None`: more layers with files than the index can name, or more holes than it can address.
    pub(crate) fn new(tree: &Tree, order: &[InodeId], stack: &[Layer]) -> Option<Plan> {
        let mut plan = Plan {
            devices: Vec::new(),
            archives: Vec::new(),
            extra: Vec::new(),
            extra_blocks: 0,
            addresses: HashMap::with_capacity(order.len()),
        };
        let mut device_of: HashMap<&str, usize> = HashMap::new();
        for &id in order {
            let Body::File { layer, contents } = &tree.inode(id).body else { continue };
            if contents.size == 0 {
                continue;
            }
            let number = *layer as usize;
            let archive = stack.get(number)?;
            let whole = archive.size / BLOCK * BLOCK;
            let blocks = contents.size.div_ceil(BLOCK);
            let end = contents.offset.checked_add(blocks.checked_mul(BLOCK)?)?;
            if contents.extents.is_some() || end > whole {
                plan.extra.push((id, plan.extra_blocks));
                plan.extra_blocks = plan.extra_blocks.checked_add(blocks)?;
                continue;
            }
            // A layer that comes twice in a stack is one device.
            let device = *device_of.entry(&archive.hex).or_insert_with(|| {
                plan.archives.push(number);
                plan.devices.push(Device { tag: archive.hex.clone(), blocks: whole / BLOCK });
                plan.devices.len() - 1
            });
            plan.addresses.insert(id, (device, contents.offset / BLOCK));
        }
        if plan.extra_blocks > 0 {
            let device = plan.devices.len();
            plan.devices.push(Device { tag: "extra".into(), blocks: plan.extra_blocks });
            plan.addresses.extend(plan.extra.iter().map(|(id, block)| (*id, (device, *block))));
        }
        (plan.devices.len() <= DEVICES_MAX).then_some(plan)
    }

    /// Device and block of a file's contents.
    pub(crate) fn address(&self, id: InodeId) -> Option<(usize, u64)> {
        self.addresses.get(&id).copied()
    }

    /// A plan needs the order of inodes, and the layout the number of devices.
    pub(crate) fn with_layout(tree: &Tree, stack: &[Layer]) -> Option<(Plan, Layout)> {
        let first = Layout::new(tree, 0);
        let plan = Plan::new(tree, &first.order, stack)?;
        let layout =
            if plan.devices.is_empty() { first } else { Layout::new(tree, plan.devices.len()) };
        Some((plan, layout))
    }
}
