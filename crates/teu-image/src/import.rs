//! A tar becomes an image of one layer: `import`, and the image that is embedded in the program.

use crate::change;
use crate::error::ImageError;
use crate::find::Image;
use crate::layer::LayerWriter;
use crate::store::Store;
use std::io::{self, Read};
use std::time::SystemTime;
use teu_model::{DiffId, Platform, Reference, Timestamp};
use teu_oci::image::{Compression, ContainerConfig, History, ImageConfig};

/// What `import` can be told beside the tar.
#[derive(Clone, Debug, Default)]
pub struct ImportOptions {
    /// The image's name.
    pub reference: Option<Reference>,
    /// Dockerfile instructions, one each, applied in order.
    pub changes: Vec<String>,
    /// A word about it. Docker's default is `Imported from -`.
    pub message: Option<String>,
    /// For what it is; this machine's if not given.
    pub platform: Option<Platform>,
}

impl Store {
    /// Makes an image of a tar, plain or compressed with gzip or zstd.
    pub fn import(&self, tar: impl Read, options: ImportOptions) -> Result<Image, ImageError> {
        let mut config = ContainerConfig::default();
        for line in &options.changes {
            change::apply(line, &mut config)?;
        }
        let message = options.message.unwrap_or_else(|| "Imported from -".into());
        let created = Timestamp::from(SystemTime::now()).to_string();
        let image = ImageConfig {
            created: Some(created.clone()),
            comment: Some(message.clone()),
            config,
            history: vec![History {
                created: Some(created),
                comment: Some(message),
                ..History::default()
            }],
            ..of_platform(options.platform.unwrap_or_else(Platform::here))
        };
        self.one_layer(tar, image, options.reference.as_slice())
    }

    /// Makes and names the image that comes with the program: the same bytes give the same id on
    /// every machine.
    pub fn builtin(
        &self,
        reference: &Reference,
        tar: impl Read,
        config: ContainerConfig,
    ) -> Result<Image, ImageError> {
        let epoch = Some(Timestamp(0).to_string());
        let history = vec![History {
            created: epoch.clone(),
            created_by: Some("teu".into()),
            ..History::default()
        }];
        let image =
            ImageConfig { created: epoch, config, history, ..of_platform(Platform::here()) };
        self.one_layer(tar, image, std::slice::from_ref(reference))
    }

    fn one_layer(
        &self,
        tar: impl Read,
        mut config: ImageConfig,
        names: &[Reference],
    ) -> Result<Image, ImageError> {
        let mut lease = self.lease([])?;
        let mut writer = self.layer_writer(Compression::Detect, None, None)?;
        pour(tar, &mut writer, |source| ImageError::ImportRead { source })?;
        let layer = writer.seal()?;
        let diff: DiffId = layer.diff_id().clone();
        lease.add([&diff.0])?;
        layer.commit()?;
        config.rootfs.diff_ids = vec![diff];
        let bytes = serde_json::to_vec(&config).unwrap_or_default();
        self.assemble(&bytes, config, names, &mut lease)
    }
}

fn of_platform(platform: Platform) -> ImageConfig {
    let Platform { os, architecture, variant } = platform;
    ImageConfig { os, architecture, variant, ..ImageConfig::default() }
}

/// All of `from` into the layer; tells which side failed.
pub(crate) fn pour(
    mut from: impl Read,
    writer: &mut LayerWriter,
    unreadable: impl Fn(io::Error) -> ImageError,
) -> Result<(), ImageError> {
    let mut buffer = vec![0; 128 << 10];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => writer.feed(&buffer[..count])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(unreadable(error)),
        }
    }
}
