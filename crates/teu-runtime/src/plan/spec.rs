//! From `config.json` to a plan, field by field.

use super::*;
use crate::error::PlanError;
use teu_oci::runtime::{Linux, LinuxIdMapping, LinuxNamespace, Spec};

impl Plan {
    /// Decides what is to be done. Whatever `spec` asks for and teu does not do is an error.
    pub fn new(spec: &Spec, facts: PlanFacts) -> Result<Plan, PlanError> {
        let process = spec.process.as_ref().ok_or(PlanError::Missing { field: "process" })?;
        let default = Linux::default();
        let linux = spec.linux.as_ref().unwrap_or(&default);
        if spec.hooks.as_ref().is_some_and(|hooks| !hooks.is_empty()) {
            return Err(PlanError::Unsupported { field: "hooks".to_string() });
        }
        if linux.mount_label.as_deref().is_some_and(|label| !label.is_empty()) {
            return Err(PlanError::Unsupported { field: "linux.mountLabel".to_string() });
        }
        let (new, join) = namespaces(&linux.namespaces, &facts)?;
        let own: Vec<NamespaceKind> =
            new.iter().copied().chain(join.iter().map(|join| join.kind)).collect();
        check_namespaces(spec, linux, &new, &own)?;
        let mounts = mounts::steps(&spec.mounts, &facts, &own)?;
        let dev = new.contains(&NamespaceKind::Mount) && has_own_dev(&mounts);
        Ok(Plan {
            id_maps: id_maps(linux, &new)?,
            time_offsets: time_offsets(linux, &new)?,
            root: root(spec, &facts)?,
            root_readonly: spec.root.as_ref().is_some_and(|root| root.readonly),
            root_propagation: root_propagation(linux)?,
            mounts,
            devices: if dev { devices::nodes(&linux.devices)? } else { Vec::new() },
            device_links: if dev { devices::links() } else { Vec::new() },
            sysctls: linux
                .sysctl
                .iter()
                .map(|(name, value)| Ok((sysctl::path(name, value, &own)?, value.clone())))
                .collect::<Result<_, PlanError>>()?,
            masked: paths("linux.maskedPaths", &linux.masked_paths)?,
            readonly: paths("linux.readonlyPaths", &linux.readonly_paths)?,
            hostname: spec.hostname.clone().filter(|name| !name.is_empty()),
            domainname: spec.domainname.clone().filter(|name| !name.is_empty()),
            process: ProcessPlan::new(process, linux.seccomp.as_ref(), facts.cgroup)?,
            init: facts.init,
            id: facts.id,
            new,
            join,
        })
    }
}

fn namespaces(
    asked: &[LinuxNamespace],
    facts: &PlanFacts,
) -> Result<(Vec<NamespaceKind>, Vec<Join>), PlanError> {
    let mut new = Vec::new();
    let mut join: Vec<Join> = Vec::new();
    for namespace in asked {
        let kind = namespace.kind;
        if new.contains(&kind) || join.iter().any(|join| join.kind == kind) {
            return Err(PlanError::NamespaceTwice { kind });
        }
        let path = namespace.path.clone().filter(|path| !path.is_empty());
        if facts.joined_by_descriptor.contains(&kind) {
            join.push(Join { kind, path: None });
        } else if let Some(path) = path {
            join.push(Join { kind, path: Some(path) });
        } else {
            new.push(kind);
        }
    }
    new.sort_unstable();
    join.sort_unstable_by_key(|join| join.kind);
    Ok((new, join))
}

/// What has a meaning only in a namespace of its own would otherwise change the host.
fn check_namespaces(
    spec: &Spec,
    linux: &Linux,
    new: &[NamespaceKind],
    own: &[NamespaceKind],
) -> Result<(), PlanError> {
    let given = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
    let needs = [
        ("mounts", !spec.mounts.is_empty(), NamespaceKind::Mount),
        ("linux.maskedPaths", !linux.masked_paths.is_empty(), NamespaceKind::Mount),
        ("linux.readonlyPaths", !linux.readonly_paths.is_empty(), NamespaceKind::Mount),
        ("linux.devices", !linux.devices.is_empty(), NamespaceKind::Mount),
        ("root.readonly", spec.root.as_ref().is_some_and(|r| r.readonly), NamespaceKind::Mount),
        ("hostname", given(&spec.hostname), NamespaceKind::Uts),
        ("domainname", given(&spec.domainname), NamespaceKind::Uts),
    ];
    for (field, asked, kind) in needs {
        // A mount namespace that is joined is another's: nothing is mounted in it.
        let there = if kind == NamespaceKind::Mount { new } else { own };
        if asked && !there.contains(&kind) {
            return Err(PlanError::NeedsNamespace { field: field.to_string(), kind });
        }
    }
    Ok(())
}

/// /dev is ours to fill unless somebody mounts a directory, or the host's devtmpfs, there.
fn has_own_dev(mounts: &[MountPlan]) -> bool {
    let dev = mounts.iter().rev().find(|mount| mount.target == "dev");
    dev.is_none_or(|mount| matches!(mount.source, MountSource::Dev { .. }))
}

fn root(spec: &Spec, facts: &PlanFacts) -> Result<RootSource, PlanError> {
    if facts.root_by_descriptor {
        return Ok(RootSource::Descriptor);
    }
    let root = spec.root.as_ref().filter(|root| !root.path.is_empty());
    let root = root.ok_or(PlanError::Missing { field: "root.path" })?;
    match facts.bundle.join(&root.path).to_str() {
        Some(path) if path.starts_with('/') && !path.contains('\0') => {
            Ok(RootSource::Path(path.to_string()))
        }
        _ => Err(PlanError::Bad {
            field: "root.path",
            value: root.path.chars().take(256).collect(),
            why: "it must be absolute, or the bundle must be".to_string(),
        }),
    }
}

fn root_propagation(linux: &Linux) -> Result<Travel, PlanError> {
    let Some(word) = linux.rootfs_propagation.as_deref().filter(|word| !word.is_empty()) else {
        return Ok(Travel::default());
    };
    options::travel(word).ok_or_else(|| PlanError::Bad {
        field: "linux.rootfsPropagation",
        value: word.chars().take(64).collect(),
        why: "it is private, slave, shared or unbindable, or one of them with r before".to_string(),
    })
}

fn paths(field: &'static str, given: &[String]) -> Result<Vec<String>, PlanError> {
    given.iter().map(|path| mounts::inside(field, path)).collect()
}

fn id_maps(linux: &Linux, new: &[NamespaceKind]) -> Result<Option<IdMaps>, PlanError> {
    let (uid, gid) = (&linux.uid_mappings, &linux.gid_mappings);
    if !new.contains(&NamespaceKind::User) {
        return if uid.is_empty() && gid.is_empty() || linux_joins_user(linux) {
            Ok(None)
        } else {
            let field = "linux.uidMappings".to_string();
            Err(PlanError::NeedsNamespace { field, kind: NamespaceKind::User })
        };
    }
    if uid.is_empty() || gid.is_empty() {
        return Err(PlanError::Missing { field: "linux.uidMappings or linux.gidMappings" });
    }
    Ok(Some(IdMaps { uid: map("linux.uidMappings", uid)?, gid: map("linux.gidMappings", gid)? }))
}

fn linux_joins_user(linux: &Linux) -> bool {
    linux.namespaces.iter().any(|namespace| namespace.kind == NamespaceKind::User)
}

/// `user_namespaces(7)`: at most 340 lines, ranges that do not wrap.
fn map(field: &'static str, ranges: &[LinuxIdMapping]) -> Result<String, PlanError> {
    let bad = |value: String, why: &str| PlanError::Bad { field, value, why: why.to_string() };
    if ranges.len() > 340 {
        return Err(bad(ranges.len().to_string(), "the kernel takes at most 340 ranges"));
    }
    let mut text = String::new();
    for LinuxIdMapping { container_id, host_id, size } in ranges {
        let line = format!("{container_id} {host_id} {size}");
        let ends = [container_id.checked_add(*size), host_id.checked_add(*size)];
        if *size == 0 || ends.contains(&None) {
            return Err(bad(line, "not a range of ids"));
        }
        text.push_str(&line);
        text.push('\n');
    }
    Ok(text)
}

fn time_offsets(linux: &Linux, new: &[NamespaceKind]) -> Result<String, PlanError> {
    if !linux.time_offsets.is_empty() && !new.contains(&NamespaceKind::Time) {
        let field = "linux.timeOffsets".to_string();
        return Err(PlanError::NeedsNamespace { field, kind: NamespaceKind::Time });
    }
    let mut text = String::new();
    for (clock, offset) in &linux.time_offsets {
        if !matches!(clock.as_str(), "monotonic" | "boottime") || offset.nanosecs > 999_999_999 {
            return Err(PlanError::Bad {
                field: "linux.timeOffsets",
                value: clock.chars().take(64).collect(),
                why: "the clocks are monotonic and boottime, with less than 10⁹ ns".to_string(),
            });
        }
        text.push_str(&format!("{clock} {} {}\n", offset.secs, offset.nanosecs));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(json: &str) -> Result<Plan, PlanError> {
        let mut value: serde_json::Value = serde_json::from_str(json).unwrap();
        let base = serde_json::json!({"args": ["sh"], "cwd": "/"});
        value.as_object_mut().unwrap().entry("process").or_insert(base);
        value.as_object_mut().unwrap().entry("root").or_insert(serde_json::json!({"path": "r"}));
        let spec: Spec = serde_json::from_value(value).unwrap();
        Plan::new(&spec, PlanFacts { bundle: "/b".into(), ..PlanFacts::default() })
    }

    #[test]
    fn a_plan_survives_the_way_to_the_monitor() {
        let made = plan(
            r#"{"hostname":"h","linux":{"namespaces":[{"type":"uts"},{"type":"mount"},{"type":"network","path":"/n"}],
                "maskedPaths":["/proc/kcore"]},"mounts":[{"destination":"/proc","type":"proc"}]}"#,
        )
        .unwrap();
        let text = serde_json::to_string(&made).unwrap();
        assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), made);
        assert_eq!(made.root, RootSource::Path("/b/r".into()));
        use NamespaceKind::*;
        assert_eq!(made.namespaces(), [Mount, Network, Uts]);
        assert_eq!((made.devices.len(), made.device_links.len()), (6, 5));
    }

    #[test]
    fn what_would_change_the_host_is_refused() {
        for json in [
            r#"{"hostname":"h"}"#,
            r#"{"domainname":"h"}"#,
            r#"{"mounts":[{"destination":"/proc","type":"proc"}]}"#,
            r#"{"linux":{"maskedPaths":["/x"]}}"#,
            r#"{"linux":{"sysctl":{"net.core.somaxconn":"1"}}}"#,
            r#"{"linux":{"timeOffsets":{"boottime":{"secs":1}}}}"#,
            r#"{"linux":{"uidMappings":[{"containerID":0,"hostID":1,"size":1}]}}"#,
            r#"{"root":{"path":"r","readonly":true}}"#,
        ] {
            let error = plan(json).unwrap_err();
            assert!(error.hint().is_some(), "{json}: {error}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for json in [
            r#"{"linux":{"namespaces":[{"type":"pid"},{"type":"pid","path":"/x"}]}}"#,
            r#"{"linux":{"namespaces":[{"type":"user"}]}}"#,
            r#"{"linux":{"namespaces":[{"type":"user"}],"uidMappings":[{"containerID":0,"hostID":4294967295,"size":2}],"gidMappings":[{"containerID":0,"hostID":1,"size":1}]}}"#,
            r#"{"linux":{"namespaces":[{"type":"time"}],"timeOffsets":{"realtime":{"secs":1}}}}"#,
            r#"{"linux":{"rootfsPropagation":"sideways"}}"#,
            r#"{"hooks":{"prestart":[{"path":"/x"}]}}"#,
            r#"{"root":{"path":""}}"#,
            r#"{"linux":{"mountLabel":"x"}}"#,
        ] {
            assert!(plan(json).is_err(), "{json}");
        }
    }
}
