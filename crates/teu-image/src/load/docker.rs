//! `docker save`'s form: `manifest.json` names a config, tags and layers for each image.

use super::{Loaded, Loading, archive_error};
use crate::blobs::digest_of;
use crate::error::ImageError;
use crate::find::refused;
use serde::Deserialize;
use teu_model::{DiffId, Reference};
use teu_oci::image::{CHILDREN_MAX, ImageConfig};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Item {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    layers: Option<Vec<String>>,
}

struct Checked {
    bytes: Vec<u8>,
    config: ImageConfig,
    names: Vec<Reference>,
    layers: Vec<String>,
}

impl Loading<'_> {
    /// All is checked before the first image gets a name.
    pub(super) fn docker(mut self) -> Result<Vec<Loaded>, ImageError> {
        let manifest = self.members.document("manifest.json").unwrap_or_default();
        let items: Vec<Item> = serde_json::from_slice(manifest)
            .map_err(|error| archive_error(format!("invalid manifest.json: {error}")))?;
        if items.is_empty() || items.len() > CHILDREN_MAX {
            return Err(archive_error(format!("its manifest.json lists {} images", items.len())));
        }
        let checked: Vec<Checked> =
            items.into_iter().map(|item| self.check(item)).collect::<Result<_, _>>()?;
        let mut loaded = Vec::new();
        for image in checked {
            for layer in &image.layers {
                self.members.keep(layer, &mut self.lease)?;
            }
            let Checked { bytes, config, names, .. } = image;
            let id = self.store.assemble(&bytes, config, &names, &mut self.lease)?.id;
            if names.is_empty() {
                loaded.push(Loaded { reference: None, id: id.clone() });
            }
            let with_id = |name| Loaded { reference: Some(name), id: id.clone() };
            loaded.extend(names.into_iter().map(with_id));
        }
        Ok(loaded)
    }

    fn check(&mut self, item: Item) -> Result<Checked, ImageError> {
        let missing =
            || archive_error(format!("the config `{}` is missing", item.config.escape_debug()));
        let bytes = self.members.document(&item.config).ok_or_else(missing)?.to_vec();
        let config = ImageConfig::parse(&bytes).map_err(refused("config", &digest_of(&bytes)))?;
        let layers = item.layers.unwrap_or_default();
        let (expected, got) = (config.rootfs.diff_ids.len(), layers.len());
        if expected != got {
            return Err(archive_error(format!(
                "invalid manifest, layers length mismatch: expected {expected}, got {got}"
            )));
        }
        let pairs = layers.iter().zip(&config.rootfs.diff_ids);
        for (number, (layer, expected)) in pairs.enumerate() {
            let got: DiffId = self.members.diff_id(layer)?;
            if got != *expected {
                return Err(ImageError::WrongDiffId { number, expected: expected.clone(), got });
            }
        }
        let tags = item.repo_tags.unwrap_or_default();
        let names = tags.iter().map(|tag| name(tag)).collect::<Result<_, _>>()?;
        Ok(Checked { bytes, config, names, layers })
    }
}

fn name(tag: &str) -> Result<Reference, ImageError> {
    let reference = Reference::parse(tag)?;
    if reference.digest.is_some() {
        return Err(archive_error(format!("invalid tag \"{}\"", tag.escape_debug())));
    }
    Ok(reference)
}
