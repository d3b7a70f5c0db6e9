//! The list of mounts, as steps.

use super::options::Options;
use super::{NamespaceKind, PlanFacts, Travel, Way};
use crate::error::PlanError;
use serde::{Deserialize, Serialize};
use std::path::{Component, Path};
use teu_oci::runtime::Mount;

/// One mount.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountPlan {
    /// Where, from the container's root, without `/` before; empty for the root itself.
    pub target: String,
    /// What.
    pub source: MountSource,
    /// `MOUNT_ATTR_*` that it gets.
    pub set: u64,
    /// `MOUNT_ATTR_*` that it loses.
    pub clear: u64,
    /// The same for all mounts below it.
    pub set_all: u64,
    /// The same for all mounts below it.
    pub clear_all: u64,
    /// How mounts travel through it.
    pub travel: Travel,
}

/// What is mounted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MountSource {
    /// A file or directory of the host.
    Bind {
        /// Its path.
        path: String,
        /// With all mounts below it.
        recursive: bool,
    },
    /// A detached mount, handed in: the next of [`StartFds::mounts`](crate::StartFds::mounts).
    Handed,
    /// procfs, the only one whose place may not be a link.
    Proc {
        /// For `fsconfig(2)`.
        options: Vec<(String, Option<String>)>,
    },
    /// The tmpfs for /dev, filled with nodes before anybody can see it.
    Dev {
        /// For `fsconfig(2)`.
        options: Vec<(String, Option<String>)>,
    },
    /// Any other file system.
    New {
        /// Its type.
        kind: String,
        /// What it is made of; most have none.
        device: Option<String>,
        /// For `fsconfig(2)`.
        options: Vec<(String, Option<String>)>,
    },
    /// A directory with one mount per hierarchy: cgroup v1 and hybrid.
    CgroupTree {
        /// The mounts.
        hierarchies: Vec<CgroupHierarchy>,
        /// Seen through a cgroup namespace of its own; else bind mounts of the group's directories.
        own_namespace: bool,
    },
}

/// A cgroup hierarchy of this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CgroupHierarchy {
    /// Its directory's name below /sys/fs/cgroup: `cpu,cpuacct`, `systemd`, `unified`; empty where
    /// cgroup v2 is the only one and /sys/fs/cgroup itself.
    pub name: String,
    /// Version 2.
    pub v2: bool,
    /// v1: the controllers, or `name=systemd`: what `mount -o` takes.
    pub options: Vec<String>,
    /// Other names for the same directory: `cpu` and `cpuacct` for `cpu,cpuacct`.
    pub links: Vec<String>,
    /// The container's own group in it, a directory of the host. For mounts without a cgroup namespace.
    pub group: String,
}

/// `path`, which is absolute, from the root on, with `.`, `..` and empty parts worked off.
///
/// Links in it are not: they are followed when the container is built, beneath its root.
pub(super) fn inside(field: &'static str, path: &str) -> Result<String, PlanError> {
    let bad = |why: &str| PlanError::Bad {
        field,
        value: path.chars().take(256).collect(),
        why: why.to_string(),
    };
    if !path.starts_with('/') {
        return Err(bad("the path must be absolute"));
    }
    if path.contains('\0') || path.len() > 4095 {
        return Err(bad("a path has at most 4095 bytes, and no zero byte"));
    }
    let mut parts: Vec<&str> = Vec::new();
    for component in Path::new(path).components() {
        match component {
            Component::Normal(part) => parts.extend(part.to_str()),
            Component::ParentDir => drop(parts.pop()),
            _ => {}
        }
    }
    Ok(parts.join("/"))
}

/// The files of a container's procfs that another file may lie on (lxcfs does that): runc's list.
const MAY_COVER: [&str; 12] = [
    "proc/cpuinfo",
    "proc/diskstats",
    "proc/meminfo",
    "proc/stat",
    "proc/swaps",
    "proc/uptime",
    "proc/loadavg",
    "proc/slabinfo",
    "proc/net/dev",
    "proc/sys/kernel/ns_last_pid",
    "proc/sys/crypto/fips_enabled",
    "proc/pressure",
];

/// Whether a mount at `target` may lie on procfs.
pub(crate) fn may_lie_in_proc(target: &str) -> bool {
    MAY_COVER.contains(&target)
}

/// Nothing but procfs at /proc, and in it only what is known to be harmless (CVE-2019-16884).
fn check_proc(target: &str, source: &MountSource) -> Result<(), PlanError> {
    let at_proc = target == "proc" && !matches!(source, MountSource::Proc { .. });
    let below = target.starts_with("proc/") && !may_lie_in_proc(target);
    if !at_proc && !below {
        return Ok(());
    }
    Err(PlanError::Bad {
        field: "mounts.destination",
        value: format!("/{target}"),
        why: "cannot be mounted because it is inside /proc".to_string(),
    })
}

pub(super) fn steps(
    mounts: &[Mount],
    facts: &PlanFacts,
    own: &[NamespaceKind],
) -> Result<Vec<MountPlan>, PlanError> {
    mounts.iter().map(|mount| step(mount, facts, own)).collect()
}

fn step(mount: &Mount, facts: &PlanFacts, own: &[NamespaceKind]) -> Result<MountPlan, PlanError> {
    if !mount.uid_mappings.is_empty() || !mount.gid_mappings.is_empty() {
        return Err(PlanError::Unsupported { field: "mounts.uidMappings".to_string() });
    }
    // Old bundles have destinations without a slash before.
    let target = inside("mounts.destination", &format!("/{}", mount.destination))?;
    let options = Options::parse(&mount.options)?;
    let private = Travel { way: Way::Private, recursive: true };
    let (set, clear, travel) = (options.set, options.clear, options.travel.unwrap_or(private));
    let (set_all, clear_all) = (options.set_all, options.clear_all);
    let source = source(mount, &target, options, facts, own)?;
    check_proc(&target, &source)?;
    Ok(MountPlan { target, source, set, clear, set_all, clear_all, travel })
}

fn source(
    mount: &Mount,
    target: &str,
    options: Options,
    facts: &PlanFacts,
    own: &[NamespaceKind],
) -> Result<MountSource, PlanError> {
    let kind = mount.kind.as_deref().unwrap_or("bind");
    if options.bind.is_some() || kind == "bind" {
        let recursive = options.bind.unwrap_or(false);
        return bind(mount, recursive, &options, facts);
    }
    if kind.contains('\0') || kind.is_empty() || kind.len() > 255 {
        let value = kind.chars().take(64).collect();
        return Err(PlanError::Bad { field: "mounts.type", value, why: "not a name".to_string() });
    }
    let options = options.data;
    Ok(match kind {
        "proc" => MountSource::Proc { options },
        "tmpfs" if target == "dev" => MountSource::Dev { options },
        "cgroup" => cgroup(facts, own.contains(&NamespaceKind::Cgroup))?,
        _ => MountSource::New { kind: kind.to_string(), device: device(mount, kind), options },
    })
}

/// Only a file system on a device has a source that means something; for the kernel's own ones it
/// is a word that `mount` shows.
fn device(mount: &Mount, kind: &str) -> Option<String> {
    let source = mount.source.clone().filter(|source| !source.is_empty())?;
    let named = !matches!(kind, "mqueue" | "sysfs" | "cgroup2" | "devpts") || source != "none";
    named.then_some(source)
}

fn bind(
    mount: &Mount,
    recursive: bool,
    options: &Options,
    facts: &PlanFacts,
) -> Result<MountSource, PlanError> {
    let given = mount.source.as_deref().unwrap_or("");
    if let Some((name, _)) = options.data.first() {
        let why = "a bind mount takes no options of a file system".to_string();
        return Err(PlanError::Bad { field: "mounts.options", value: name.clone(), why });
    }
    let path = facts.bundle.join(given);
    match path.to_str() {
        Some(path) if !given.is_empty() && path.starts_with('/') && !path.contains('\0') => {
            Ok(MountSource::Bind { path: path.to_string(), recursive })
        }
        _ => Err(PlanError::Bad {
            field: "mounts.source",
            value: given.to_string(),
            why: "a bind mount needs a path".to_string(),
        }),
    }
}

fn cgroup(facts: &PlanFacts, own_namespace: bool) -> Result<MountSource, PlanError> {
    match facts.cgroups.as_slice() {
        [] => Err(PlanError::Bad {
            field: "mounts.type",
            value: "cgroup".to_string(),
            why: "this machine has no cgroup hierarchy mounted".to_string(),
        }),
        // cgroup v2 alone: as runc, the whole tree where there is no cgroup namespace.
        [only] if only.v2 && only.name.is_empty() => Ok(MountSource::New {
            kind: "cgroup2".to_string(),
            device: Some("cgroup".to_string()),
            options: Vec::new(),
        }),
        several => Ok(MountSource::CgroupTree { hierarchies: several.to_vec(), own_namespace }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_below_the_root() {
        let check = |path: &str, want: &str| assert_eq!(inside("x", path).unwrap(), want);
        check("/", "");
        check("//dev/./pts/", "dev/pts");
        check("/../../etc/../proc", "proc");
        assert!(inside("x", "dev").is_err());
        assert!(inside("x", "/a\0b").is_err());
        assert!(inside("x", &"/a".repeat(5000)).is_err());
    }

    fn plan(
        kind: &str,
        target: &str,
        source: &str,
        options: &[&str],
    ) -> Result<MountPlan, PlanError> {
        let mount = Mount {
            destination: target.into(),
            kind: Some(kind.into()),
            source: Some(source.into()),
            options: options.iter().map(|option| option.to_string()).collect(),
            ..Mount::default()
        };
        let facts = PlanFacts { bundle: "/b".into(), ..PlanFacts::default() };
        step(&mount, &facts, &[])
    }

    #[test]
    fn binds_take_flags_and_no_data() {
        let step = plan("bind", "/data", "rel", &["rbind", "ro", "rslave"]).unwrap();
        assert_eq!(step.source, MountSource::Bind { path: "/b/rel".into(), recursive: true });
        assert_eq!(step.travel, Travel { way: Way::Slave, recursive: true });
        assert!(plan("bind", "/data", "/x", &["size=1"]).is_err());
        assert!(plan("bind", "/data", "", &["bind"]).is_err());
        assert!(matches!(
            plan("none", "/d", "/x", &["bind"]).unwrap().source,
            MountSource::Bind { .. }
        ));
    }

    #[test]
    fn dev_and_proc_are_known_by_type_and_place() {
        assert!(matches!(plan("tmpfs", "/dev", "t", &[]).unwrap().source, MountSource::Dev { .. }));
        assert!(matches!(plan("tmpfs", "/run", "t", &[]).unwrap().source, MountSource::New { .. }));
        assert!(matches!(
            plan("proc", "/proc", "p", &[]).unwrap().source,
            MountSource::Proc { .. }
        ));
        assert!(plan("cgroup", "/sys/fs/cgroup", "c", &[]).is_err());
        for target in ["/proc", "/proc/self", "/x/../proc/sys/kernel", "proc/1/attr"] {
            assert!(plan("bind", target, "/x", &[]).is_err(), "{target}");
            assert!(plan("tmpfs", target, "/x", &[]).is_err(), "{target}");
        }
        assert!(plan("bind", "/proc/cpuinfo", "/x", &[]).is_ok());
    }
}
