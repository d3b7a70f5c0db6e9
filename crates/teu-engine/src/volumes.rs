//! The verbs on volumes, and how a container gets its own.
//!
//! ```text
//!  create: --volumes-from, then -v and --mount, then the image's VOLUMEs ──► made or held ──► filled from the image
//!          ──► the record names them all ──► no longer held
//! ```
//! A volume that a record names is in use, whether its container runs or not.

use crate::observe::now;
use crate::records::{self, Container};
use crate::{Engine, EngineError};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use teu_image::Image;
use teu_kernel::openat2::{OpenFlags, open_in_root};
use teu_model::{ContainerId, CreateRequest, Event, EventKind, MountRequest};
use teu_volume::{Held, NewVolume, Volume, VolumeError};

/// A volume, with who uses it.
#[derive(Clone, Debug)]
pub struct ListedVolume {
    /// It.
    pub volume: Volume,
    /// Where its content lies.
    pub mountpoint: PathBuf,
    /// The containers that use it.
    pub users: Vec<String>,
}

/// A container's mounts, resolved; its volumes are held until its record is written.
pub(crate) struct Resolved {
    pub mounts: Vec<MountRequest>,
    pub _held: Vec<Held>,
}

impl Engine {
    /// Makes a volume, or finds the one that has this name.
    pub fn create_volume(&self, asked: &NewVolume) -> Result<Volume, EngineError> {
        Ok(self.ensure_volume(asked)?.volume)
    }

    fn ensure_volume(&self, asked: &NewVolume) -> Result<Held, EngineError> {
        let (held, made) = self.volumes.ensure(asked, now())?;
        if made {
            self.tell_of_volume(&held.volume.name, "create");
        }
        Ok(held)
    }

    pub(crate) fn tell_of_volume(&self, name: &str, action: &str) {
        self.tell(Event::new(EventKind::Volume, action, name).with("driver", "local"));
    }

    /// All volumes, sorted by name, and who uses them.
    pub fn volumes(&self) -> Result<Vec<ListedVolume>, EngineError> {
        let users = self.users_of_volumes()?;
        let listed = |volume: Volume| ListedVolume {
            mountpoint: self.volumes.data(&volume.name),
            users: users.get(&volume.name).cloned().unwrap_or_default(),
            volume,
        };
        Ok(self.volumes.all()?.into_iter().map(listed).collect())
    }

    /// The volume with this name.
    pub fn find_volume(&self, name: &str) -> Result<ListedVolume, EngineError> {
        let found = self.volumes()?.into_iter().find(|listed| listed.volume.name == name);
        Ok(found.ok_or_else(|| VolumeError::NoSuchVolume { name: name.to_string() })?)
    }

    /// Bytes in the files of a volume.
    pub fn size_of_volume(&self, name: &str) -> Result<u64, EngineError> {
        Ok(self.volumes.size(name)?)
    }

    /// Removes a volume that no container uses.
    pub fn remove_volume(&self, name: &str) -> Result<(), EngineError> {
        let users = || {
            // Who cannot be read might use it.
            let users = self.users_of_volumes().map(|mut users| users.remove(name));
            users.map_or_else(|error| vec![error.to_string()], Option::unwrap_or_default)
        };
        self.volumes.remove(name, &users)?;
        self.tell_of_volume(name, "destroy");
        Ok(())
    }

    /// Whether `volume rm` would remove it; why not, in the same words.
    pub fn may_remove_volume(&self, name: &str) -> Result<(), EngineError> {
        let users = self.find_volume(name)?.users;
        if users.is_empty() {
            return Ok(());
        }
        Err(VolumeError::InUse { name: name.to_string(), users }.into())
    }

    /// Everything in the volume as a tar.
    pub fn export_volume(&self, name: &str, to: impl Write) -> Result<(), EngineError> {
        Ok(self.volumes.export(name, to)?)
    }

    /// The members of a tar into the volume.
    pub fn import_volume(&self, name: &str, tar: impl Read) -> Result<(), EngineError> {
        Ok(self.volumes.import(name, tar)?)
    }

    fn users_of_volumes(&self) -> Result<BTreeMap<String, Vec<String>>, EngineError> {
        let mut users: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for container in records::all(&self.paths)? {
            let names: BTreeSet<&str> =
                container.record.mounts().iter().filter_map(volume_name).collect();
            for name in names {
                users.entry(name.to_string()).or_default().push(container.id().to_string());
            }
        }
        Ok(users)
    }

    /// All mounts of a container that is being made. Its volumes are made where they are not there, and
    /// filled with what the image has at their places.
    pub(crate) fn resolve_mounts(
        &self,
        request: &CreateRequest,
        image: &Image,
        id: &ContainerId,
    ) -> Result<Resolved, EngineError> {
        let mut mounts: Vec<MountRequest> = Vec::new();
        for from in &request.volumes_from {
            for mount in self.mounts_from(from)? {
                replace(&mut mounts, mount);
            }
        }
        for mount in &request.mounts {
            replace(&mut mounts, mount.clone());
        }
        for target in &image.config.config.volumes {
            if !mounts.iter().any(|mount| is_at(mount, target)) {
                mounts.push(MountRequest::volume(None, target));
            }
        }
        let mut held = Vec::new();
        for mount in &mut mounts {
            held.extend(self.resolve_volume(mount, image, id)?);
        }
        Ok(Resolved { mounts, _held: held })
    }

    fn resolve_volume(
        &self,
        mount: &mut MountRequest,
        image: &Image,
        id: &ContainerId,
    ) -> Result<Option<Held>, EngineError> {
        let MountRequest::Volume {
            name,
            target,
            no_copy,
            subpath,
            driver,
            options,
            labels,
            anonymous,
            ..
        } = mount
        else {
            return Ok(None);
        };
        let asked = NewVolume {
            name: name.clone(),
            driver: driver.clone(),
            labels: labels.clone(),
            options: options.clone(),
            made_for: name.is_none().then(|| id.clone()),
        };
        *anonymous |= name.is_none();
        let held = self.ensure_volume(&asked)?;
        *name = Some(held.volume.name.clone());
        if !*no_copy && subpath.is_none() {
            self.fill_volume(&held, target, image)?;
        }
        Ok(Some(held))
    }

    fn fill_volume(&self, held: &Held, target: &str, image: &Image) -> Result<(), EngineError> {
        let place = match kind_of(&held.volume) {
            VolumeKind::Directory => None,
            VolumeKind::Bind(device) => Some(PathBuf::from(device)),
            // Mounted by each container's start: nothing is there to fill before.
            VolumeKind::Filesystem => return Ok(()),
        };
        let root = self.snapshots.ensure_root(&image.layers)?;
        let root = teu_kernel::mount::open_path(&root.path).map_err(|source| {
            EngineError::State { attempt: "open", path: root.path.clone(), source }
        })?;
        let flags = OpenFlags::PATH | OpenFlags::DIRECTORY;
        // What the image does not have there, or has as a file, is nothing to copy.
        let Ok(source) = open_in_root(root.as_fd(), Path::new(target), flags, 0) else {
            return Ok(());
        };
        Ok(self.volumes.fill(held, place.as_deref(), source.as_fd())?)
    }

    /// `NAME[:ro|rw]`: the volumes and bind mounts of another container.
    fn mounts_from(&self, from: &str) -> Result<Vec<MountRequest>, EngineError> {
        let (given, mode) = from.split_once(':').unwrap_or((from, ""));
        let force_read_only = match mode {
            "" | "rw" | "z" | "Z" => false,
            "ro" => true,
            other => return Err(EngineError::bad(format!("invalid mode: {other}"))),
        };
        let container = self.find(given)?;
        let mut mounts = container.record.mounts().to_vec();
        mounts.retain(|mount| !matches!(mount, MountRequest::Tmpfs { .. }));
        for mount in &mut mounts {
            match mount {
                MountRequest::Bind { read_only, .. } => *read_only |= force_read_only,
                MountRequest::Volume { read_only, anonymous, .. } => {
                    *read_only |= force_read_only;
                    // It goes with the one that it was made for.
                    *anonymous = false;
                }
                MountRequest::Tmpfs { .. } => {}
            }
        }
        Ok(mounts)
    }

    /// With a container its anonymous volumes go, unless another uses them by now.
    pub(crate) fn remove_volumes_of(&self, container: &Container) -> Result<(), EngineError> {
        for mount in container.record.mounts() {
            let MountRequest::Volume { name: Some(name), anonymous: true, .. } = mount else {
                continue;
            };
            let users = || {
                let mut users = self
                    .users_of_volumes()
                    .ok()
                    .and_then(|mut users| users.remove(name))
                    .unwrap_or_default();
                users.retain(|user| user != container.id().as_str());
                users
            };
            match self.volumes.remove(name, &users) {
                Ok(()) => self.tell_of_volume(name, "destroy"),
                Err(VolumeError::NoSuchVolume { .. } | VolumeError::InUse { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// They stay when the container goes, and are the user's from now on.
    pub(crate) fn keep_volumes_of(&self, container: &Container) -> Result<(), EngineError> {
        for mount in container.record.mounts() {
            if let MountRequest::Volume { name: Some(name), anonymous: true, .. } = mount {
                self.volumes.settle(name)?;
            }
        }
        Ok(())
    }
}

/// How a volume is mounted.
pub(crate) enum VolumeKind {
    /// Its own directory.
    Directory,
    /// Another directory of the host.
    Bind(String),
    /// A file system of its own.
    Filesystem,
}

pub(crate) fn kind_of(volume: &Volume) -> VolumeKind {
    let option = |name: &str| volume.options.get(name).map_or("", String::as_str);
    let is_bind = option("o").split(',').any(|word| matches!(word, "bind" | "rbind"));
    match option("device") {
        "" => VolumeKind::Directory,
        device if is_bind => VolumeKind::Bind(device.to_string()),
        _ => VolumeKind::Filesystem,
    }
}

fn volume_name(mount: &MountRequest) -> Option<&str> {
    match mount {
        MountRequest::Volume { name, .. } => name.as_deref(),
        _ => None,
    }
}

fn replace(mounts: &mut Vec<MountRequest>, mount: MountRequest) {
    mounts.retain(|known| !is_at(known, mount.target()));
    mounts.push(mount);
}

fn is_at(mount: &MountRequest, target: &str) -> bool {
    let plain = |path: &str| Path::new(path).components().collect::<PathBuf>();
    plain(mount.target()) == plain(target)
}
