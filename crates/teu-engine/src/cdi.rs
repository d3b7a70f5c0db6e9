//! Devices by name: the Container Device Interface, version 0.5 and later.
//!
//! Whoever brings a driver writes `/etc/cdi/*.json` or `/var/run/cdi/*.json`: for each
//! `vendor.com/class=name` the nodes, mounts and variables that a container needs. Hooks are refused by
//! name, since the runtime runs none.

use crate::EngineError;
use serde::Deserialize;
use std::path::Path;
use teu_oci::runtime::{LinuxDevice, LinuxDeviceCgroup, Mount, Process};

const PLACES: [&str; 2] = ["/etc/cdi", "/var/run/cdi"];
/// More than any true specification.
const FILE_MAX: u64 = 4 << 20;

/// What devices change in a container.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Edits {
    env: Vec<String>,
    device_nodes: Vec<Node>,
    mounts: Vec<MountEdit>,
    hooks: Vec<serde_json::Value>,
    additional_gids: Vec<u32>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Node {
    path: String,
    host_path: Option<String>,
    permissions: Option<String>,
    file_mode: Option<u32>,
    uid: Option<u32>,
    gid: Option<u32>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct MountEdit {
    host_path: String,
    container_path: String,
    options: Vec<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct File {
    kind: String,
    devices: Vec<Device>,
    container_edits: Edits,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Device {
    name: String,
    container_edits: Edits,
}

/// What the devices of these names change together.
pub(crate) fn edits(names: &[String]) -> Result<Edits, EngineError> {
    edits_in(&PLACES.map(Path::new), names)
}

fn edits_in(places: &[&Path], names: &[String]) -> Result<Edits, EngineError> {
    let mut all = Edits::default();
    if names.is_empty() {
        return Ok(all);
    }
    let files = read(places)?;
    let mut unknown = Vec::new();
    let mut kinds: Vec<&str> = Vec::new();
    for name in names {
        let (kind, device) = name.split_once('=').unwrap_or((name, ""));
        let found = files
            .iter()
            .filter(|file| file.kind == kind)
            .find_map(|file| Some((file, file.devices.iter().find(|one| one.name == device)?)));
        let Some((file, device)) = found else {
            unknown.push(name.as_str());
            continue;
        };
        if !kinds.contains(&kind) {
            kinds.push(kind);
            all.add(&file.container_edits);
        }
        all.add(&device.container_edits);
    }
    if !unknown.is_empty() {
        return Err(EngineError::bad(format!(
            "CDI device injection failed: unresolvable CDI devices {}",
            unknown.join(", ")
        )));
    }
    if !all.hooks.is_empty() {
        return Err(EngineError::bad(format!(
            "CDI device injection failed: the specification of {} asks for hooks, which are not there yet",
            names.join(", ")
        )));
    }
    Ok(all)
}

fn read(places: &[&Path]) -> Result<Vec<File>, EngineError> {
    use std::io::Read;
    let mut files = Vec::new();
    for place in places {
        let Ok(entries) = std::fs::read_dir(place) else { continue };
        let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths.iter().filter(|path| path.extension().is_some_and(|e| e == "json")) {
            let mut text = Vec::new();
            std::fs::File::open(path)
                .and_then(|file| file.take(FILE_MAX).read_to_end(&mut text))
                .map_err(|source| EngineError::State {
                    attempt: "read",
                    path: path.clone(),
                    source,
                })?;
            let file = serde_json::from_slice(&text).map_err(|error| EngineError::Damaged {
                path: path.clone(),
                source: error.into(),
            })?;
            files.push(file);
        }
    }
    // A later place wins.
    files.reverse();
    Ok(files)
}

impl Edits {
    fn add(&mut self, more: &Edits) {
        self.env.extend(more.env.clone());
        self.device_nodes.extend(more.device_nodes.clone());
        self.mounts.extend(more.mounts.clone());
        self.hooks.extend(more.hooks.clone());
        self.additional_gids.extend(more.additional_gids.clone());
    }

    /// Into a container's parts.
    pub(crate) fn apply(
        self,
        process: &mut Process,
        mounts: &mut Vec<Mount>,
        nodes: &mut Vec<LinuxDevice>,
        rules: &mut Vec<LinuxDeviceCgroup>,
    ) {
        process.env.extend(self.env);
        process.user.additional_gids.extend(self.additional_gids);
        mounts.extend(self.mounts.into_iter().map(|mount| Mount {
            destination: mount.container_path,
            kind: Some(mount.kind.unwrap_or_else(|| "bind".to_string())),
            source: Some(mount.host_path),
            options: if mount.options.is_empty() { vec!["rbind".into()] } else { mount.options },
            ..Mount::default()
        }));
        for edit in self.device_nodes {
            let host = edit.host_path.as_deref().unwrap_or(&edit.path);
            let Some(node) = crate::devices::node(Path::new(host), Path::new(&edit.path)) else {
                continue;
            };
            rules.push(LinuxDeviceCgroup {
                allow: true,
                kind: Some(node.kind.clone()),
                major: Some(node.major),
                minor: Some(node.minor),
                access: Some(edit.permissions.unwrap_or_else(|| "rwm".to_string())),
            });
            nodes.push(LinuxDevice {
                file_mode: edit.file_mode.or(node.file_mode),
                uid: edit.uid.or(node.uid),
                gid: edit.gid.or(node.gid),
                ..node
            });
        }
    }
}
