//! A container's mounts in OCI terms: the last step that knows of volumes.

use crate::records::Container;
use crate::volumes::{VolumeKind, kind_of};
use crate::{Engine, EngineError};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;
use teu_kernel::mount::open_path;
use teu_kernel::openat2::{OpenFlags, open_in_root};
use teu_model::{BindPropagation, MountRequest};
use teu_oci::runtime::Mount;
use teu_volume::NewVolume;

impl Engine {
    /// The mounts that were asked for. What a mount's source is named by, in `open`, must stay open until
    /// the monitor has made the process.
    pub(crate) fn asked_mounts(
        &self,
        container: &Container,
        open: &mut Vec<OwnedFd>,
    ) -> Result<Vec<Mount>, EngineError> {
        let mut mounts = Vec::new();
        for asked in container.record.mounts() {
            mounts.push(match asked {
                MountRequest::Bind {
                    source, target, read_only, propagation, recursive, ..
                } => {
                    let bind = if *recursive { "rbind" } else { "bind" };
                    // Read-only means all that is mounted below too: docker since 25 (`rro`).
                    let access = if *read_only { "rro" } else { "rw" };
                    mount(target, "bind", source, &[bind, propagation_word(*propagation), access])
                }
                MountRequest::Tmpfs { target, size_bytes, mode, options } => {
                    let mut tmpfs = mount(target, "tmpfs", "tmpfs", &["noexec", "nosuid", "nodev"]);
                    tmpfs.options.extend(options.iter().cloned());
                    tmpfs.options.extend(size_bytes.map(|bytes| format!("size={bytes}")));
                    tmpfs.options.extend(mode.map(|mode| format!("mode={mode:o}")));
                    tmpfs
                }
                MountRequest::Volume { name, target, read_only, subpath, options, .. } => {
                    let asked = NewVolume {
                        name: name.clone(),
                        options: options.clone(),
                        ..NewVolume::default()
                    };
                    let access = if *read_only { "ro" } else { "rw" };
                    self.volume_mount(&asked, target, access, subpath.as_deref(), open)?
                }
            });
        }
        Ok(mounts)
    }

    fn volume_mount(
        &self,
        asked: &NewVolume,
        target: &str,
        access: &str,
        subpath: Option<&str>,
        open: &mut Vec<OwnedFd>,
    ) -> Result<Mount, EngineError> {
        // One that was taken away by hand is made again, as docker does.
        let volume = self.create_volume(asked)?;
        let source = match kind_of(&volume) {
            VolumeKind::Directory => self.volumes.data(&volume.name).display().to_string(),
            VolumeKind::Bind(device) => device,
            VolumeKind::Filesystem => {
                let option = |name: &str| volume.options.get(name).map_or("", String::as_str);
                let mut made = mount(target, option("type"), option("device"), &[]);
                let words = option("o").split(',').filter(|word| !word.is_empty());
                made.options = words.chain([access]).map(String::from).collect();
                return Ok(made);
            }
        };
        let Some(subpath) = subpath else {
            return Ok(mount(target, "bind", &source, &["rbind", "rprivate", access]));
        };
        let failed = |source| EngineError::Step {
            attempt: format!("find the directory {subpath} of the volume {}", volume.name),
            source: Box::<std::io::Error>::from(source).into(),
            hint: Some("volume-subpath names what is in the volume already".into()),
        };
        // By descriptor, or a link that the volume's users made could lead out of it meanwhile.
        let top = open_path(Path::new(&source)).map_err(failed)?;
        let found = open_in_root(top.as_fd(), Path::new(subpath), OpenFlags::PATH, 0);
        let found = found.map_err(failed)?;
        let source = format!("/proc/{}/fd/{}", std::process::id(), found.as_raw_fd());
        open.push(found);
        Ok(mount(target, "bind", &source, &["rbind", "rprivate", access]))
    }
}

fn mount(destination: &str, kind: &str, source: &str, options: &[&str]) -> Mount {
    Mount {
        destination: destination.into(),
        kind: Some(kind.into()),
        source: Some(source.into()),
        options: options.iter().map(ToString::to_string).collect(),
        ..Mount::default()
    }
}

fn propagation_word(propagation: Option<BindPropagation>) -> &'static str {
    match propagation.unwrap_or(BindPropagation::RPrivate) {
        BindPropagation::Private => "private",
        BindPropagation::RPrivate => "rprivate",
        BindPropagation::Shared => "shared",
        BindPropagation::RShared => "rshared",
        BindPropagation::Slave => "slave",
        BindPropagation::RSlave => "rslave",
    }
}
