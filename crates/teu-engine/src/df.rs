//! `system df`: what images, containers and volumes take on the disk, and what could be had back.

use crate::{Engine, EngineError, Listed, ListedVolume};
use std::collections::{HashMap, HashSet};
use teu_image::ListedImage;
use teu_model::DiffId;

/// What there is.
#[derive(Clone, Debug)]
pub struct DiskUse {
    /// Images, each with what it shares with others and how many containers have it.
    pub images: Vec<ImageUse>,
    /// Containers and the bytes that each wrote.
    pub containers: Vec<(Listed, u64)>,
    /// Volumes and the bytes in each.
    pub volumes: Vec<(ListedVolume, u64)>,
    /// Bytes of all layers, each once.
    pub layers: u64,
    /// Of these, bytes of layers that no container needs.
    pub unused_layers: u64,
}

/// One image.
#[derive(Clone, Debug)]
pub struct ImageUse {
    /// All about it.
    pub image: ListedImage,
    /// Bytes of layers that another image has, too.
    pub shared: u64,
    /// How many containers were made of it.
    pub containers: usize,
}

impl Engine {
    /// Looks at all images, containers and volumes.
    pub fn disk_usage(&self) -> Result<DiskUse, EngineError> {
        let listed = self.list()?;
        let images = self.store.list()?;
        let mut holders: HashMap<&DiffId, usize> = HashMap::new();
        for image in &images {
            let own: HashSet<&DiffId> = image.image.layers.iter().collect();
            own.into_iter().for_each(|layer| *holders.entry(layer).or_default() += 1);
        }
        let needed: HashSet<&DiffId> =
            listed.iter().flat_map(|one| &one.container.record.layers).collect();
        let size = |layer: &DiffId| self.store.size_of(std::slice::from_ref(layer));
        let layers = holders.keys().map(|layer| size(layer)).sum();
        let unused_layers =
            holders.keys().filter(|layer| !needed.contains(*layer)).map(|layer| size(layer)).sum();
        let uses = images.iter().map(|image| ImageUse {
            image: image.clone(),
            shared: image.image.layers.iter().filter(|one| holders[one] > 1).map(&size).sum(),
            containers: listed.iter().filter(|one| one.container.record.image == image.id).count(),
        });
        let images = uses.collect();
        let sized = |volume: ListedVolume| {
            let bytes = self.size_of_volume(&volume.volume.name).unwrap_or(0);
            (volume, bytes)
        };
        let volumes = self.volumes()?.into_iter().map(sized).collect();
        let containers = listed.into_iter().map(|one| {
            let own = self.size_of(&one.container).0;
            (one, own)
        });
        Ok(DiskUse { images, containers: containers.collect(), volumes, layers, unused_layers })
    }
}
