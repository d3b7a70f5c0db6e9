//! `pull`: an image from a registry. Step 1 of docker's six.
//!
//! ```text
//!  manifest ─► (index: the manifest for this platform) ─► config ─► layers, several at once ─► the name, last
//! ```
//! A lease keeps what has come from being collected before the name leads to it. What is here already
//! is not asked for again: a second pull moves one small request.

use crate::{BUILTIN, Engine, EngineError, LayerStage, Progress, PullEvent};
use std::collections::VecDeque;
use std::io::Read;
use std::sync::Mutex;
use std::sync::mpsc::{self, Sender};
use teu_image::{Image, LayerWriter, TagTarget};
use teu_model::{CreateRequest, DiffId, Digest, Platform, Pull, Reference};
use teu_oci::image::{Descriptor, Document, ImageConfig, Index, Manifest};
use teu_registry::{Client, Fetched, RegistryConfig};

/// Layers at once: docker's number.
const PARALLEL: usize = 3;
/// Bytes between two pieces of news of one layer.
const NEWS_EVERY: u64 = 512 << 10;

impl Engine {
    /// The image that a request names: here, or pulled as `request.pull` allows.
    pub(crate) fn find_or_pull(
        &self,
        request: &CreateRequest,
        progress: &mut dyn Progress,
    ) -> Result<Image, EngineError> {
        let platform = request.platform.clone().unwrap_or_else(Platform::here);
        let reference = Reference::parse(&request.image);
        if let Ok(reference) = &reference
            && reference.familiar() == BUILTIN
        {
            return self.builtin();
        }
        if request.pull != Pull::Always {
            match self.store.find(&request.image, &platform) {
                Ok(found) => return Ok(found.image),
                Err(teu_image::ImageError::NoSuchImage { .. }) if request.pull == Pull::Missing => {
                }
                Err(error) => return Err(error.into()),
            }
        }
        let reference = reference.map_err(|error| EngineError::bad(error.to_string()))?;
        if request.pull == Pull::Missing {
            progress.not_found_locally(&reference);
        }
        self.pull(&reference, &platform, progress)?;
        Ok(self.store.find(&reference.to_string(), &platform)?.image)
    }

    /// Brings what `reference` means at its registry now, and gives it that name here.
    pub fn pull(
        &self,
        reference: &Reference,
        platform: &Platform,
        progress: &mut dyn Progress,
    ) -> Result<Digest, EngineError> {
        let client = self.registry();
        self.store.clean_ingest()?;
        progress.pull(PullEvent::Begin { reference: reference.clone() });
        let before = self.store.resolve(reference)?;
        let top = client.manifest(reference)?;
        let mut lease = self.store.lease([&top.digest])?;
        let (manifest_bytes, manifest) = self.choose(&client, reference, platform, &top)?;
        let config_digest = manifest.config.digest.clone();
        lease.add(manifest.layers.iter().map(|layer| &layer.digest).chain([&config_digest]))?;

        let config_bytes = match self.store.blob(&config_digest) {
            Ok(bytes) => bytes,
            Err(_) => client.small_blob(reference, &config_digest, manifest.config.size)?,
        };
        let config = ImageConfig::parse(&config_bytes).map_err(|error| {
            EngineError::step(
                format!("understand the configuration of {}", reference.familiar()),
                error,
            )
        })?;
        let diffs = config.rootfs.diff_ids.clone();
        if diffs.len() != manifest.layers.len() {
            return Err(EngineError::bad(format!(
                "the manifest of {} has {} layers and its configuration {}",
                reference.familiar(),
                manifest.layers.len(),
                diffs.len()
            )));
        }
        lease.add(diffs.iter().map(|diff| &diff.0))?;
        self.fetch_layers(&client, reference, &manifest.layers, &diffs, progress)?;

        // The name last: whoever can read it finds everything.
        self.store.put_blob(&config_bytes, Some(&config_digest))?;
        self.store.put_blob(&manifest_bytes, None)?;
        self.store.put_blob(&top.bytes, Some(&top.digest))?;
        let target = TagTarget {
            digest: top.digest.clone(),
            media_type: parse_document(&top, reference)?.media_type().to_string(),
            size: top.bytes.len() as u64,
        };
        self.store.tag(reference, &target)?;
        // NAME@DIGEST means the same, and goes on meaning it when the tag has moved.
        let pinned = Reference { tag: None, digest: Some(top.digest.clone()), ..reference.clone() };
        self.store.tag(&pinned, &target)?;
        self.tell_of_image(reference.familiar(), reference.familiar_name(), "pull");
        let changed = before.is_none_or(|before| before.digest != top.digest);
        progress.pull(PullEvent::Done {
            reference: reference.clone(),
            digest: top.digest.clone(),
            changed,
        });
        Ok(top.digest)
    }

    fn registry(&self) -> Client {
        Client::new(RegistryConfig {
            insecure: self.config.registry.insecure.clone(),
            mirrors: self.config.registry.mirrors.clone(),
            docker_config: self.outside.docker_config.clone(),
            http_proxy: self.outside.http_proxy.clone(),
            https_proxy: self.outside.https_proxy.clone(),
            no_proxy: self.outside.no_proxy.clone(),
            ..RegistryConfig::default()
        })
    }

    /// The manifest for `platform`: `top` itself, or the one its index names.
    fn choose(
        &self,
        client: &Client,
        reference: &Reference,
        platform: &Platform,
        top: &Fetched,
    ) -> Result<(Vec<u8>, Manifest), EngineError> {
        let name = reference.familiar();
        let index: Index = match parse_document(top, reference)? {
            Document::Manifest(manifest) => return Ok((top.bytes.clone(), *manifest)),
            Document::Index(index) => index,
        };
        let chosen = index.select(platform).ok_or_else(|| EngineError::BadRequest {
            message: format!(
                "no matching manifest for {platform} in the manifest list entries of {name}"
            ),
            hint: Some("choose another platform with --platform"),
        })?;
        let fetched = client.manifest_by_digest(reference, &chosen.digest)?;
        match parse_document(&fetched, reference)? {
            Document::Manifest(manifest) => Ok((fetched.bytes, *manifest)),
            Document::Index(_) => Err(EngineError::bad(format!(
                "the index of {name} names another index as an image"
            ))),
        }
    }

    /// Brings the layers that are missing, a few at once. The first failure stops all.
    fn fetch_layers(
        &self,
        client: &Client,
        reference: &Reference,
        layers: &[Descriptor],
        diffs: &[DiffId],
        progress: &mut dyn Progress,
    ) -> Result<(), EngineError> {
        let mut queue = VecDeque::new();
        for (layer, diff) in layers.iter().zip(diffs) {
            let stage =
                if self.store.has_layer(diff) { LayerStage::Exists } else { LayerStage::Waiting };
            progress.pull(PullEvent::Layer { blob: layer.digest.clone(), stage });
            let queued = queue.iter().any(|(_, other): &(&Descriptor, &DiffId)| *other == diff);
            if stage == LayerStage::Waiting && !queued {
                queue.push_back((layer, diff));
            }
        }
        let queue = Mutex::new(queue);
        let next = || queue.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).pop_front();
        let (news, heard) = mpsc::channel();
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..PARALLEL)
                .map(|_| {
                    let news = news.clone();
                    let next = &next;
                    scope.spawn(move || {
                        while let Some((layer, diff)) = next() {
                            self.fetch_layer(client, reference, layer, diff, &news).inspect_err(
                                |_| {
                                    // The others finish what they are at, and find nothing more to do.
                                    while next().is_some() {}
                                },
                            )?;
                        }
                        Ok(())
                    })
                })
                .collect();
            drop(news);
            for event in heard {
                progress.pull(event);
            }
            workers.into_iter().try_for_each(|worker| match worker.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            })
        })
    }

    fn fetch_layer(
        &self,
        client: &Client,
        reference: &Reference,
        layer: &Descriptor,
        diff: &DiffId,
        news: &Sender<PullEvent>,
    ) -> Result<(), EngineError> {
        let compression = layer.layer_compression().map_err(|error| {
            EngineError::step(format!("unpack the layer {}", layer.digest), error)
        })?;
        let mut blob = client.blob(reference, &layer.digest, layer.size)?;
        let mut writer: LayerWriter = self
            .store
            .layer_writer(compression, Some(layer.digest.clone()), Some(diff.clone()))?
            .from_repository(reference);
        // Nobody may be listening any more; that is no reason to stop.
        let tell =
            |stage| news.send(PullEvent::Layer { blob: layer.digest.clone(), stage }).unwrap_or(());
        let mut buffer = vec![0; 128 << 10];
        let (mut done, mut told) = (0u64, 0u64);
        loop {
            let length = blob.read(&mut buffer).map_err(|source| {
                EngineError::step(format!("receive the layer {}", layer.digest), source)
            })?;
            if length == 0 {
                break;
            }
            writer.feed(&buffer[..length])?;
            done += length as u64;
            if done - told >= NEWS_EVERY {
                told = done;
                tell(LayerStage::Moving { done, total: layer.size });
            }
        }
        writer.finish()?;
        tell(LayerStage::Complete);
        Ok(())
    }
}

fn parse_document(fetched: &Fetched, reference: &Reference) -> Result<Document, EngineError> {
    let served_as = Some(fetched.media_type.as_str()).filter(|text| !text.is_empty());
    Document::parse(&fetched.bytes, served_as).map_err(|error| {
        EngineError::step(format!("understand the manifest of {}", reference.familiar()), error)
    })
}
