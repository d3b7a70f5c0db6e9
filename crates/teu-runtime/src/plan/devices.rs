//! The nodes and links of /dev.

use super::mounts;
use crate::error::PlanError;
use serde::{Deserialize, Serialize};
use teu_oci::runtime::LinuxDevice;

/// One device node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DevicePlan {
    /// Where, from the container's root, without `/` before.
    pub path: String,
    /// What kind.
    pub kind: DeviceType,
    /// Major number.
    pub major: u32,
    /// Minor number.
    pub minor: u32,
    /// Permission bits.
    pub mode: u32,
    /// Owner inside.
    pub uid: u32,
    /// Group inside.
    pub gid: u32,
}

/// The kinds of device nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeviceType {
    /// Character device.
    Character,
    /// Block device.
    Block,
    /// A named pipe.
    Fifo,
}

/// What every container has: config-linux.md, "Default Devices".
const USUAL: [(&str, u32, u32); 6] = [
    ("null", 1, 3),
    ("zero", 1, 5),
    ("full", 1, 7),
    ("random", 1, 8),
    ("urandom", 1, 9),
    ("tty", 5, 0),
];

/// runtime-linux.md, "Dev symbolic links", and `ptmx` of config-linux.md.
const LINKS: [(&str, &str); 5] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
];

pub(super) fn links() -> Vec<(String, String)> {
    LINKS.iter().map(|(name, target)| (name.to_string(), target.to_string())).collect()
}

/// The usual nodes, then those asked for; one that is asked for replaces a usual one of its path.
pub(super) fn nodes(asked: &[LinuxDevice]) -> Result<Vec<DevicePlan>, PlanError> {
    let mut nodes: Vec<DevicePlan> = USUAL
        .iter()
        .map(|&(name, major, minor)| DevicePlan {
            path: format!("dev/{name}"),
            kind: DeviceType::Character,
            major,
            minor,
            mode: 0o666,
            uid: 0,
            gid: 0,
        })
        .collect();
    for device in asked {
        let node = node(device)?;
        nodes.retain(|usual| usual.path != node.path);
        nodes.push(node);
    }
    Ok(nodes)
}

fn node(device: &LinuxDevice) -> Result<DevicePlan, PlanError> {
    let bad = |value: String, why: &str| PlanError::Bad {
        field: "linux.devices",
        value,
        why: why.to_string(),
    };
    let kind = match device.kind.as_str() {
        "c" | "u" => DeviceType::Character,
        "b" => DeviceType::Block,
        "p" => DeviceType::Fifo,
        other => return Err(bad(other.to_string(), "a device's type is c, u, b or p")),
    };
    let number = |number: i64, most: u32| {
        u32::try_from(number)
            .ok()
            .filter(|number| *number <= most)
            .ok_or_else(|| bad(number.to_string(), "not the number of a device"))
    };
    let path = mounts::inside("linux.devices", &device.path)?;
    if path.is_empty() {
        return Err(bad(device.path.clone(), "not a place for a device"));
    }
    Ok(DevicePlan {
        path,
        kind,
        // The kernel keeps 12 bits of a major and 20 of a minor number.
        major: number(device.major, 0xfff)?,
        minor: number(device.minor, 0xf_ffff)?,
        mode: device.file_mode.unwrap_or(0o666) & 0o7777,
        uid: device.uid.unwrap_or(0),
        gid: device.gid.unwrap_or(0),
    })
}

#[test]
fn asked_devices_replace_usual_ones_and_are_checked() {
    let device = |path: &str, kind: &str, major| LinuxDevice {
        path: path.into(),
        kind: kind.into(),
        major,
        minor: 3,
        ..LinuxDevice::default()
    };
    let all =
        nodes(&[device("/dev/../dev/zero", "c", 9), device("/dev/net/tun", "u", 10)]).unwrap();
    assert_eq!(all.iter().filter(|node| node.path == "dev/zero").count(), 1);
    assert_eq!((all.len(), all.last().unwrap().path.as_str()), (7, "dev/net/tun"));
    for (path, kind, major) in [
        ("/dev/x", "x", 1),
        ("/dev/x", "c", -1),
        ("/dev/x", "c", 1 << 40),
        ("/", "c", 1),
        ("x", "c", 1),
    ] {
        assert!(nodes(&[device(path, kind, major)]).is_err(), "{path} {kind} {major}");
    }
}
