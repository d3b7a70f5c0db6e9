//! A volume is made aside and gets its name when it is whole.

use crate::error::At;
use crate::{ANONYMOUS_LABEL, Held, VERSION, Volume, VolumeError, Volumes, is_name, make_private};
use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use teu_kernel::durable::{self, Durability};
use teu_kernel::flock::Lock;
use teu_kernel::random::random;
use teu_model::{ContainerId, Timestamp};

/// What is asked of a new volume.
#[derive(Clone, Debug, Default)]
pub struct NewVolume {
    /// A name; none lets teu choose.
    pub name: Option<String>,
    /// A driver; only `local` is there.
    pub driver: Option<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// The local driver's options.
    pub options: BTreeMap<String, String>,
    /// The container that is being made with it.
    pub made_for: Option<ContainerId>,
}

impl Volumes {
    /// The volume with that name, made if it is not there; `true` if it was made. Nobody removes it
    /// as long as the answer lives.
    pub fn ensure(&self, asked: &NewVolume, now: Timestamp) -> Result<(Held, bool), VolumeError> {
        let anonymous = asked.name.is_none();
        let name = match &asked.name {
            Some(name) => name.clone(),
            None => random_name()?,
        };
        check(&name, asked)?;
        let mut labels = asked.labels.clone();
        if anonymous {
            labels.insert(ANONYMOUS_LABEL.into(), String::new());
        }
        let volume = Volume {
            version: VERSION,
            name: name.clone(),
            driver: "local".into(),
            created_at: now,
            labels,
            options: asked.options.clone(),
            anonymous,
            made_for: asked.made_for.clone(),
        };
        let mut made = false;
        loop {
            if let Some(held) = self.hold(&name)? {
                return Ok((held, made));
            }
            made = self.make(&volume)?;
        }
    }

    /// The volume `name`, kept from removal; none where there is none.
    pub fn hold(&self, name: &str) -> Result<Option<Held>, VolumeError> {
        if !is_name(name) {
            return Ok(None);
        }
        let place = self.place(name);
        let lock = match Lock::shared(&place) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.at("lock", &place)?,
        };
        // One that lost its name while we waited is another's business.
        let named = std::fs::metadata(&place).map(|about| (about.dev(), about.ino()));
        let is_named = named.is_ok_and(|named| lock.identity().is_ok_and(|own| own == named));
        match self.find(name)? {
            Some(volume) if is_named => Ok(Some(Held { volume, _lock: lock })),
            _ => Ok(None),
        }
    }

    /// False where another was faster.
    fn make(&self, volume: &Volume) -> Result<bool, VolumeError> {
        for directory in [self.directory(), self.ingest(), self.trash()] {
            make_private(&directory).at("make", &directory)?;
        }
        self.clean()?;
        let ingest = self.ingest();
        let quiet = Lock::shared(&ingest).at("lock", &ingest)?;
        let place = ingest.join(format!("volume-{}", &random_name()?[..32]));
        make_private(&place).at("make", &place)?;
        let lock = Lock::exclusive(&place).at("lock", &place)?;
        drop(quiet);
        let result = self.make_in(&place, volume);
        if !matches!(result, Ok(true)) {
            // Where this fails, the lock ends all the same and the next one removes it.
            std::fs::remove_dir_all(&place).unwrap_or(());
        }
        drop(lock);
        result
    }

    fn make_in(&self, place: &Path, volume: &Volume) -> Result<bool, VolumeError> {
        // What dies with its container need not survive the machine.
        write(&place.join("config.json"), volume)?;
        let data = place.join("data");
        std::fs::create_dir(&data).at("make", &data)?;
        std::fs::set_permissions(&data, PermissionsExt::from_mode(0o755)).at("make", &data)?;
        durable::sync_directory(place).at("sync", place)?;
        let target = self.place(&volume.name);
        match durable::rename_new(place, &target) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
            other => other.at("make", &target)?,
        }
        durable::sync_directory(&self.directory()).at("sync", &self.directory())?;
        Ok(true)
    }

    /// The volume is the user's from now on, and no longer goes with a container that is not whole.
    pub fn settle(&self, name: &str) -> Result<(), VolumeError> {
        let Some(held) = self.hold(name)? else { return Ok(()) };
        if held.volume.made_for.is_some() {
            let volume = Volume { made_for: None, ..held.volume.clone() };
            write(&self.place(name).join("config.json"), &volume)?;
        }
        Ok(())
    }
}

fn write(path: &Path, volume: &Volume) -> Result<(), VolumeError> {
    let text = serde_json::to_vec(volume)
        .map_err(|source| VolumeError::Damaged { path: path.to_path_buf(), source })?;
    durable::replace(path, &text, 0o600, Durability::Synced).at("write", path)
}

/// 64 random hex digits.
pub(crate) fn random_name() -> Result<String, VolumeError> {
    let bytes: [u8; 32] = random().at("take random bytes for", Path::new("a name"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn check(name: &str, asked: &NewVolume) -> Result<(), VolumeError> {
    let shown = || name.chars().take(300).collect::<String>();
    if let Some(driver) = asked.driver.as_deref().filter(|driver| !matches!(*driver, "" | "local"))
    {
        let driver = driver.chars().take(300).collect();
        return Err(VolumeError::NoDriver { name: shown(), driver });
    }
    if !is_name(name) {
        return Err(if name.len() == 1 {
            VolumeError::ShortName { name: shown() }
        } else {
            VolumeError::BadName { name: shown() }
        });
    }
    let refused = |why: String| VolumeError::Options { name: shown(), why };
    let options = &asked.options;
    for option in options.keys() {
        match option.as_str() {
            "type" | "device" | "o" => {}
            "size" => {
                return Err(refused("quota size requested but no quota support".into()));
            }
            other => return Err(refused(format!("invalid option: {other:?}"))),
        }
    }
    for (option, needed) in
        [("device", &["type"][..]), ("type", &["device"]), ("o", &["device", "type"])]
    {
        if options.contains_key(option)
            && let Some(missing) = needed.iter().find(|needed| !options.contains_key(**needed))
        {
            return Err(refused(format!("missing required option: {missing:?}")));
        }
    }
    Ok(())
}
