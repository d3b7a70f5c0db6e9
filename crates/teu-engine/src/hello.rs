//! `teu/hello`: the image that comes with the program. Its only layer is the running binary itself,
//! under the name /hello; no registry is asked.

use crate::{Engine, EngineError};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use teu_image::Image;
use teu_model::{Platform, Reference};
use teu_oci::image::ContainerConfig;

/// Its name, as lists show it.
pub const BUILTIN: &str = "teu/hello:latest";
/// Says which binary an image was made of: another one means another image.
pub(crate) const BINARY_LABEL: &str = "teu.hello.binary";

impl Engine {
    /// The image, made at its first use and again after the binary has changed.
    pub(crate) fn builtin(&self) -> Result<Image, EngineError> {
        let failed = |source: io::Error| EngineError::step("read the program itself", source);
        let binary = File::open("/proc/self/exe").map_err(failed)?;
        let metadata = binary.metadata().map_err(failed)?;
        let identity = format!("{}-{}-{}", metadata.len(), metadata.mtime(), metadata.mtime_nsec());
        if let Ok(found) = self.store.find(BUILTIN, &Platform::here())
            && found.image.config.config.labels.get(BINARY_LABEL) == Some(&identity)
        {
            return Ok(found.image);
        }
        let reference =
            Reference::parse(BUILTIN).map_err(|error| EngineError::bad(error.to_string()))?;
        let config = ContainerConfig {
            entrypoint: vec!["/hello".into()],
            labels: [(BINARY_LABEL.to_string(), identity)].into(),
            ..ContainerConfig::default()
        };
        let mut bytes = Vec::new();
        binary.take(metadata.len()).read_to_end(&mut bytes).map_err(failed)?;
        let mut layer = teu_tar::Writer::new(Vec::with_capacity(bytes.len() + 4096));
        let layer =
            layer.file("hello", 0o755, &bytes).and_then(|()| layer.finish()).map_err(failed)?;
        Ok(self.store.builtin(&reference, layer.as_slice(), config)?)
    }
}

/// What the program tells of the host and of its image, which it cannot see from inside.
pub(crate) fn environment(layers: &[teu_model::DiffId]) -> Vec<String> {
    let kinds = ["mnt", "pid", "net", "ipc", "uts", "user", "cgroup", "time"];
    let link = |kind: &&str| std::fs::read_link(format!("/proc/self/ns/{kind}")).ok();
    let namespaces: Vec<String> =
        kinds.iter().filter_map(|kind| Some(link(kind)?.to_string_lossy().into_owned())).collect();
    let layers: Vec<String> = layers.iter().map(ToString::to_string).collect();
    vec![
        format!("TEU_HOST_NAMESPACES={}", namespaces.join(" ")),
        format!("TEU_IMAGE_LAYERS={}", layers.join(" ")),
    ]
}
