//! Images that teu makes itself: a config and layers become a manifest and an id.

use crate::blobs::digest_of;
use crate::error::ImageError;
use crate::find::Image;
use crate::leases::Lease;
use crate::refs::TagTarget;
use crate::store::Store;
use teu_model::{DiffId, Reference};
use teu_oci::image::{Descriptor, ImageConfig, Manifest, media_type};

impl Store {
    /// Keeps `config`, makes a manifest of it and of its layers, which are here and leased, and
    /// makes the image findable by id and, if given, by names.
    pub(crate) fn assemble(
        &self,
        config_bytes: &[u8],
        config: ImageConfig,
        names: &[Reference],
        lease: &mut Lease,
    ) -> Result<Image, ImageError> {
        let layers = config.rootfs.diff_ids.clone();
        let id = digest_of(config_bytes);
        let config_at =
            Descriptor::new(media_type::OCI_CONFIG, id.clone(), config_bytes.len() as u64);
        let layers_at = layers.iter().map(|layer| self.plain_layer(layer));
        let manifest = Manifest::new(config_at, layers_at.collect::<Result<_, _>>()?);
        // No part of a manifest is of a kind that JSON cannot hold.
        let bytes = serde_json::to_vec(&manifest).unwrap_or_default();
        let digest = digest_of(&bytes);
        lease.add([&id, &digest])?;
        self.put_blob(config_bytes, Some(&id))?;
        self.put_blob(&bytes, Some(&digest))?;
        let media_type = media_type::OCI_MANIFEST.to_string();
        let target = TagTarget { digest: digest.clone(), media_type, size: bytes.len() as u64 };
        self.record_image(&id, &target)?;
        for name in names {
            self.tag(name, &target)?;
        }
        Ok(Image { id, manifest: digest, config, layers })
    }

    fn plain_layer(&self, layer: &DiffId) -> Result<Descriptor, ImageError> {
        let size = self.origin(layer)?.tar_size;
        Ok(Descriptor::new(media_type::OCI_LAYER, layer.0.clone(), size))
    }
}
