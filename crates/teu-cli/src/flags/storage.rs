//! What of the host is visible inside: bind mounts, memory, devices.

use super::{CreateFlags, Flag, Takes, size};
use std::collections::BTreeMap;
use teu_model::{BindPropagation, CreateRequest, DeviceRequest, MountRequest};

/// As typed.
#[derive(Clone, Debug, Default)]
pub struct StorageFlags {
    volumes: Vec<String>,
    mounts: Vec<String>,
    tmpfs: Vec<String>,
    devices: Vec<String>,
    volumes_from: Vec<String>,
    volume_driver: Option<String>,
}

/// Their definitions.
pub const STORAGE: &[Flag<CreateFlags>] = &[
    Flag {
        long: "volume",
        short: Some('v'),
        takes: Takes::Value("list"),
        doc: "Bind mount or volume: /on/the/host:/inside[:ro], NAME:/inside, /inside",
        set: |typed, value| {
            typed.storage.volumes.push(value.to_string());
            Ok(())
        },
    },
    Flag {
        long: "mount",
        short: None,
        takes: Takes::Value("mount"),
        doc: "Attach a filesystem mount: type=bind|volume|tmpfs,source=…,target=…[,readonly]",
        set: |typed, value| {
            typed.storage.mounts.push(value.to_string());
            Ok(())
        },
    },
    Flag {
        long: "tmpfs",
        short: None,
        takes: Takes::Value("list"),
        doc: "Mount a tmpfs directory: /run[:size=64m,mode=755]",
        set: |typed, value| {
            typed.storage.tmpfs.push(value.to_string());
            Ok(())
        },
    },
    Flag {
        long: "volumes-from",
        short: None,
        takes: Takes::Value("list"),
        doc: "Mount volumes from the specified container(s): NAME[:ro]",
        set: |typed, value| {
            typed.storage.volumes_from.push(value.to_string());
            Ok(())
        },
    },
    Flag {
        long: "volume-driver",
        short: None,
        takes: Takes::Value("string"),
        doc: "Optional volume driver for the container",
        set: |typed, value| {
            typed.storage.volume_driver = Some(value.to_string()).filter(|name| !name.is_empty());
            Ok(())
        },
    },
    Flag {
        long: "device",
        short: None,
        takes: Takes::Value("list"),
        doc: "Add a host device to the container: /dev/x[:/dev/y[:rwm]]",
        set: |typed, value| {
            typed.storage.devices.push(value.to_string());
            Ok(())
        },
    },
];

impl StorageFlags {
    /// Into the request.
    pub fn resolve(self, request: &mut CreateRequest) -> Result<(), String> {
        for text in &self.volumes {
            let mut mount = volume(text)?;
            if let MountRequest::Volume { driver, .. } = &mut mount {
                driver.clone_from(&self.volume_driver);
            }
            request.mounts.push(mount);
        }
        for text in &self.mounts {
            request.mounts.push(mount(text)?);
        }
        for text in &self.tmpfs {
            request.mounts.push(tmpfs(text)?);
        }
        request.volumes_from = self.volumes_from;
        for text in &self.devices {
            if super::is_cdi_name(text) {
                request.kernel.cdi_devices.push(text.clone());
            } else {
                request.devices.push(device(text)?);
            }
        }
        Ok(())
    }
}

/// `/host:/inside[:options]`.
fn volume(text: &str) -> Result<MountRequest, String> {
    let refused = |why: &str| format!("invalid volume specification: '{text}': {why}");
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, options) = match parts[..] {
        [target] if target.starts_with('/') => return Ok(MountRequest::volume(None, target)),
        [source, target] => (source, target, ""),
        [source, target, options] => (source, target, options),
        _ => return Err(refused("it must be /host:/inside[:options]")),
    };
    if source.is_empty() || target.is_empty() {
        return Err(refused("empty section between colons"));
    }
    let is_volume = !source.starts_with(['/', '.']);
    let config =
        format!("invalid mount config for type \"{}\"", if is_volume { "volume" } else { "bind" });
    if !target.starts_with('/') {
        let why = format!("invalid mount path: '{target}' mount path must be absolute");
        return Err(refused(&format!("{config}: {why}")));
    }
    if target.trim_matches('/').is_empty() {
        return Err(refused(&format!("{config}: invalid specification: destination can't be '/'")));
    }
    let source = if source.starts_with('.') {
        let path = std::path::absolute(source).map_err(|error| refused(&error.to_string()))?;
        path.to_str().ok_or_else(|| refused("the path is not valid UTF-8"))?.to_string()
    } else {
        source.to_string()
    };
    let (mut read_only, mut propagation, mut no_copy) = (None, None, false);
    // Docker's words; of one kind only one may be given.
    let invalid = || format!("invalid mode: {options}");
    for option in options.split(',').filter(|option| !option.is_empty()) {
        match option {
            "ro" | "readonly" | "rw" => {
                if read_only.replace(option != "rw").is_some() {
                    return Err(invalid());
                }
            }
            // What these ask for is what is done: for volumes, and for Docker Desktop.
            "consistent" | "cached" | "delegated" if !is_volume => {}
            "nocopy" if is_volume => no_copy = true,
            // A relabelling for SELinux, which has nothing to do where there is none.
            "z" | "Z" if !std::path::Path::new("/sys/fs/selinux").exists() => {}
            "z" | "Z" => return Err(refused("labels of SELinux are not there yet")),
            other => {
                let asked = self::propagation(other).filter(|_| !is_volume).ok_or_else(invalid)?;
                if propagation.replace(asked).is_some() {
                    return Err(invalid());
                }
            }
        }
    }
    if is_volume {
        return Ok(MountRequest::Volume {
            name: Some(source),
            target: target.to_string(),
            read_only: read_only.unwrap_or(false),
            no_copy,
            subpath: None,
            driver: None,
            options: BTreeMap::new(),
            labels: BTreeMap::new(),
            anonymous: false,
            // docker's inspect says so where nothing was said.
            mode: if options.is_empty() { "z".to_string() } else { options.to_string() },
        });
    }
    Ok(MountRequest::Bind {
        source,
        target: target.to_string(),
        read_only: read_only.unwrap_or(false),
        propagation,
        recursive: true,
        create_source: true,
    })
}

fn propagation(text: &str) -> Option<BindPropagation> {
    Some(match text {
        "private" => BindPropagation::Private,
        "rprivate" => BindPropagation::RPrivate,
        "shared" => BindPropagation::Shared,
        "rshared" => BindPropagation::RShared,
        "slave" => BindPropagation::Slave,
        "rslave" => BindPropagation::RSlave,
        _ => return None,
    })
}

/// `type=bind,source=…,target=…`: fields separated by commas; one with a comma in it stands in quotes.
fn mount(text: &str) -> Result<MountRequest, String> {
    let refused = |why: String| format!("invalid argument \"{text}\" for \"--mount\" flag: {why}");
    let mut kind = "volume".to_string();
    let (mut source, mut target) = (None, None);
    let (mut read_only, mut recursive) = (false, true);
    let (mut bind_propagation, mut size_bytes, mut mode) = (None, None, None);
    let mut asked = AskedVolume::default();
    for field in fields(text).ok_or_else(|| refused("a quote is not closed".to_string()))? {
        let (name, value) = match field.split_once('=') {
            Some((name, value)) => (name.to_ascii_lowercase(), value.to_string()),
            None if matches!(
                field.as_str(),
                "readonly" | "ro" | "bind-nonrecursive" | "volume-nocopy"
            ) =>
            {
                (field.clone(), "true".to_string())
            }
            None => {
                return Err(refused(format!("invalid field '{field}' must be a key=value pair")));
            }
        };
        match name.as_str() {
            "type" => kind = value.to_ascii_lowercase(),
            "source" | "src" => source = Some(value),
            "target" | "dst" | "destination" => target = Some(value),
            "readonly" | "ro" => read_only = super::switch(&value).map_err(refused)?,
            "bind-nonrecursive" => recursive = !super::switch(&value).map_err(refused)?,
            "bind-recursive" => match value.as_str() {
                "enabled" | "true" | "writable" => recursive = true,
                "disabled" | "false" => recursive = false,
                _ => return Err(refused(format!("invalid value for bind-recursive: {value}"))),
            },
            "bind-propagation" => {
                let bad = || refused(format!("invalid propagation mode: {value}"));
                bind_propagation = Some(propagation(&value).ok_or_else(bad)?);
            }
            "tmpfs-size" => size_bytes = Some(size(&value).map_err(refused)?),
            "tmpfs-mode" => {
                let bits = u32::from_str_radix(&value, 8).ok().filter(|bits| *bits <= 0o7777);
                mode =
                    Some(bits.ok_or_else(|| {
                        refused(format!("invalid value for tmpfs-mode: {value}"))
                    })?);
            }
            "consistency" => {}
            "volume-nocopy" => asked.no_copy = Some(super::switch(&value).map_err(refused)?),
            "volume-subpath" => asked.subpath = Some(value),
            "volume-driver" => asked.driver = Some(value),
            "volume-label" => asked.labels.push(value),
            "volume-opt" => asked.options.push(value),
            _ => return Err(refused(format!("unexpected key '{name}' in '{field}'"))),
        }
    }
    let target = target
        .filter(|target: &String| !target.is_empty())
        .ok_or_else(|| refused("target is required".into()))?;
    let only_for = |what: &str| refused(format!("cannot mix '{what}' with mount type '{kind}'"));
    match kind.as_str() {
        "bind" | "tmpfs" if asked != AskedVolume::default() => Err(only_for("volume-*")),
        "volume" if size_bytes.is_some() || mode.is_some() => Err(only_for("tmpfs-*")),
        "volume" if bind_propagation.is_some() || !recursive => Err(only_for("bind-*")),
        "volume" => {
            let pairs = |list: &[String]| -> BTreeMap<String, String> {
                let pair = |text: &String| {
                    let (name, value) = text.split_once('=').unwrap_or((text, ""));
                    (name.to_string(), value.to_string())
                };
                list.iter().map(pair).collect()
            };
            Ok(MountRequest::Volume {
                name: source.filter(|source| !source.is_empty()),
                target,
                read_only,
                no_copy: asked.no_copy.unwrap_or(false),
                subpath: asked.subpath.filter(|path| !path.is_empty()),
                driver: asked.driver.filter(|driver| !driver.is_empty()),
                options: pairs(&asked.options),
                labels: pairs(&asked.labels),
                anonymous: false,
                mode: String::new(),
            })
        }
        "bind" if size_bytes.is_some() || mode.is_some() => Err(only_for("tmpfs-*")),
        "bind" => {
            let source = source.filter(|source| !source.is_empty());
            let source = source
                .ok_or_else(|| refused("source is required when specifying type bind".into()))?;
            Ok(MountRequest::Bind {
                source,
                target,
                read_only,
                propagation: bind_propagation,
                recursive,
                create_source: false,
            })
        }
        "tmpfs" if source.is_some() => Err(only_for("source")),
        "tmpfs" if bind_propagation.is_some() => Err(only_for("bind-*")),
        "tmpfs" => {
            let options = if read_only { vec!["ro".to_string()] } else { vec![] };
            Ok(MountRequest::Tmpfs { target, size_bytes, mode, options })
        }
        "image" | "npipe" | "cluster" => Err(refused(format!(
            "the mount type {kind} is not there yet; there are bind, volume and tmpfs"
        ))),
        _ => Err(refused(format!("invalid mount type {kind}"))),
    }
}

/// What of `--mount` is for volumes only.
#[derive(Debug, Default, PartialEq)]
struct AskedVolume {
    no_copy: Option<bool>,
    subpath: Option<String>,
    driver: Option<String>,
    labels: Vec<String>,
    options: Vec<String>,
}

/// One line of comma-separated values.
fn fields(text: &str) -> Option<Vec<String>> {
    let (mut fields, mut field, mut quoted) = (Vec::new(), String::new(), false);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(std::mem::take(&mut field)),
            other => field.push(other),
        }
    }
    fields.push(field);
    (!quoted).then_some(fields)
}

/// `/inside[:options]`.
fn tmpfs(text: &str) -> Result<MountRequest, String> {
    let (target, list) = text.split_once(':').unwrap_or((text, ""));
    let (mut size_bytes, mut mode, mut options) = (None, None, Vec::new());
    for option in list.split(',').filter(|option| !option.is_empty()) {
        let bad = || format!("invalid tmpfs option '{option}'");
        match option.split_once('=') {
            // A share of the machine's memory is the kernel's to compute.
            Some(("size", value)) if !value.ends_with('%') => {
                size_bytes = Some(size(value).map_err(|_| bad())?);
            }
            Some(("mode", value)) => {
                let bits = u32::from_str_radix(value, 8).ok().filter(|bits| *bits <= 0o7777);
                mode = Some(bits.ok_or_else(bad)?);
            }
            _ => options.push(option.to_string()),
        }
    }
    Ok(MountRequest::Tmpfs { target: target.to_string(), size_bytes, mode, options })
}

/// `/dev/host[:/dev/inside][:rwm]`.
fn device(text: &str) -> Result<DeviceRequest, String> {
    let is_access = |part: &str| !part.is_empty() && part.chars().all(|c| "rwm".contains(c));
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, access) = match parts[..] {
        [source] => (source, source, "rwm"),
        [source, access] if is_access(access) => (source, source, access),
        [source, target] => (source, target, "rwm"),
        [source, target, access] if is_access(access) => (source, target, access),
        _ => return Err(format!("invalid device specification: {text}")),
    };
    if source.is_empty() || target.is_empty() {
        return Err(format!("invalid device specification: {text}"));
    }
    Ok(DeviceRequest { source: source.into(), target: target.into(), access: access.into() })
}
