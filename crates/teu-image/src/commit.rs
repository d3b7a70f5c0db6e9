//! `commit`: an image on top of another, with one layer more.

use crate::change;
use crate::error::ImageError;
use crate::find::Image;
use crate::layer::SealedLayer;
use crate::store::Store;
use teu_model::{Reference, Timestamp};
use teu_oci::image::{ContainerConfig, History, ImageConfig};

/// What an image is made of beside its layers.
#[derive(Clone, Debug, Default)]
pub struct CommitOptions {
    /// The image's name.
    pub reference: Option<Reference>,
    /// By whom.
    pub author: Option<String>,
    /// A word about it.
    pub message: Option<String>,
    /// Dockerfile instructions, one each, applied in order to the config.
    pub changes: Vec<String>,
    /// What a container of it does unless told otherwise.
    pub config: ContainerConfig,
    /// The command that made it.
    pub created_by: String,
    /// When.
    pub created: Timestamp,
}

/// Dockerfile instructions that a commit cannot apply; docker's list has no SHELL.
fn check(line: &str) -> Result<(), ImageError> {
    let word = line.split_ascii_whitespace().next().unwrap_or_default();
    if word.eq_ignore_ascii_case("shell") {
        let line = line.chars().take(200).collect();
        return Err(ImageError::Change { line, why: "shell is not a valid change command".into() });
    }
    Ok(())
}

impl CommitOptions {
    /// The config, all changes applied: what cannot be applied is known before anything is made.
    pub fn changed_config(&self) -> Result<ContainerConfig, ImageError> {
        let mut config = self.config.clone();
        for line in &self.changes {
            check(line)?;
            change::apply(line, &mut config)?;
        }
        Ok(config)
    }
}

impl Store {
    /// Makes an image of `parent` and of `layer`, if there is one: without, only the config is new.
    pub fn commit(
        &self,
        parent: &Image,
        layer: Option<SealedLayer>,
        options: &CommitOptions,
    ) -> Result<Image, ImageError> {
        let config = options.changed_config()?;
        let mut lease = self.lease([&parent.id])?;
        let created = Some(options.created.to_string());
        let mut history = parent.config.history.clone();
        history.push(History {
            created: created.clone(),
            created_by: Some(options.created_by.clone()).filter(|text| !text.is_empty()),
            author: options.author.clone(),
            comment: options.message.clone(),
            empty_layer: layer.is_none(),
        });
        let mut rootfs = parent.config.rootfs.clone();
        if let Some(layer) = layer {
            let diff = layer.diff_id().clone();
            lease.add([&diff.0])?;
            layer.commit()?;
            rootfs.diff_ids.push(diff);
        }
        let config = ImageConfig {
            created,
            author: options.author.clone(),
            comment: options.message.clone(),
            config,
            rootfs,
            history,
            ..parent.config.clone()
        };
        // No part of a config is of a kind that JSON cannot hold.
        let bytes = serde_json::to_vec(&config).unwrap_or_default();
        self.assemble(&bytes, config, options.reference.as_slice(), &mut lease)
    }
}
