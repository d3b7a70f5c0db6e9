//! Device nodes of the host: which a container gets, and what its device cgroup allows.

use crate::EngineError;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use teu_model::{CreateRequest, DeviceRequest};
use teu_oci::runtime::{LinuxDevice, LinuxDeviceCgroup};

/// The nodes beside the usual ones (null, zero, full, random, urandom, tty): what `--device` names;
/// with `--privileged` all of the host's.
pub(crate) fn of(request: &CreateRequest) -> Result<Vec<LinuxDevice>, EngineError> {
    let mut devices = Vec::new();
    if request.security.privileged {
        collect(Path::new("/dev"), Path::new("/dev"), &mut devices);
    }
    for asked in &request.devices {
        let before = devices.len();
        let source = Path::new(&asked.source);
        let failed = |source| EngineError::step(format!("add the device {}", asked.source), source);
        let source = source.canonicalize().map_err(failed)?;
        if source.is_dir() {
            collect(&source, Path::new(&asked.target), &mut devices);
        } else {
            devices.extend(node(&source, Path::new(&asked.target)));
        }
        if devices.len() == before {
            return Err(EngineError::bad(format!("{} is not a device node", asked.source)));
        }
    }
    Ok(devices)
}

/// The numbers of the block device at `path`, which limits go by.
pub(crate) fn block_numbers(path: &str) -> Result<(i64, i64), EngineError> {
    let failed = |source| EngineError::step(format!("find the device {path}"), source);
    let metadata = std::fs::metadata(path).map_err(failed)?;
    if !metadata.file_type().is_block_device() {
        return Err(EngineError::bad(format!("{path} is not a block device")));
    }
    let (major, minor) = teu_kernel::device::numbers(metadata.rdev());
    Ok((i64::from(major), i64::from(minor)))
}

/// A rule as typed: `c 42:* rmw`.
pub(crate) fn rule_of(text: &str) -> Result<LinuxDeviceCgroup, EngineError> {
    let bad = || EngineError::bad(format!("invalid device cgroup format '{text}'"));
    let mut words = text.split(' ');
    let (Some(kind @ ("a" | "b" | "c")), Some(numbers), Some(access), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(bad());
    };
    let (major, minor) = numbers.split_once(':').ok_or_else(bad)?;
    let number = |text: &str| match text {
        "*" => Ok(None),
        text if text.bytes().all(|c| c.is_ascii_digit()) => {
            text.parse::<i64>().map(Some).map_err(|_| bad())
        }
        _ => Err(bad()),
    };
    if access.is_empty() || access.len() > 3 || !access.chars().all(|c| "rwm".contains(c)) {
        return Err(bad());
    }
    Ok(LinuxDeviceCgroup {
        allow: true,
        kind: Some(kind.to_string()),
        major: number(major)?,
        minor: number(minor)?,
        access: Some(access.to_string()),
    })
}

/// What the device cgroup allows: all with `--privileged`, else what every container may and the asked ones.
pub(crate) fn rules(request: &CreateRequest, devices: &[LinuxDevice]) -> Vec<LinuxDeviceCgroup> {
    let rule = |allow, kind: &str, major, minor, access: &str| LinuxDeviceCgroup {
        allow,
        kind: Some(kind.into()),
        major,
        minor,
        access: Some(access.into()),
    };
    if request.security.privileged {
        return vec![rule(true, "a", None, None, "rwm")];
    }
    let mut rules = teu_cgroup::default_device_rules();
    for device in devices {
        let access = access_of(&request.devices, device);
        rules.push(rule(true, &device.kind, Some(device.major), Some(device.minor), access));
    }
    rules
}

fn access_of<'a>(asked: &'a [DeviceRequest], device: &LinuxDevice) -> &'a str {
    let owner = asked.iter().find(|asked| Path::new(&device.path).starts_with(&asked.target));
    owner.map_or("rwm", |asked| &asked.access)
}

/// The nodes below `source`, as they will be named below `target`. What cannot be read is left out,
/// as are the terminals and memory that a container has of its own.
fn collect(source: &Path, target: &Path, devices: &mut Vec<LinuxDevice>) {
    let Ok(entries) = std::fs::read_dir(source) else { return };
    let mut names: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    names.sort();
    for path in names {
        let Some(name) = path.file_name() else { continue };
        let own = ["pts", "shm", "fd", "mqueue", ".lxc", ".udev", "console", "ptmx"];
        if source == Path::new("/dev") && own.iter().any(|own| name == *own) {
            continue;
        }
        match path.symlink_metadata() {
            Ok(metadata) if metadata.is_dir() => collect(&path, &target.join(name), devices),
            Ok(_) => devices.extend(node(&path, &target.join(name))),
            Err(_) => {}
        }
    }
}

pub(crate) fn node(source: &Path, target: &Path) -> Option<LinuxDevice> {
    let metadata = source.symlink_metadata().ok()?;
    let kind = match metadata.file_type() {
        kind if kind.is_char_device() => "c",
        kind if kind.is_block_device() => "b",
        _ => return None,
    };
    let (major, minor) = teu_kernel::device::numbers(metadata.rdev());
    Some(LinuxDevice {
        path: target.to_str()?.to_string(),
        kind: kind.into(),
        major: i64::from(major),
        minor: i64::from(minor),
        file_mode: Some(metadata.permissions().mode() & 0o7777),
        uid: Some(metadata.uid()),
        gid: Some(metadata.gid()),
    })
}
