//! File systems that K makes: their type, options and flags.

use super::{change, text, way};
use crate::child::{Cgroups, Hierarchy, HierarchyMount, NewFilesystem, What, describe};
use crate::error::{Stage, StartError};
use crate::plan::{CgroupHierarchy, MountPlan, Way};
use std::ffi::CString;
use std::os::fd::AsFd;
use std::path::Path;
use teu_kernel::mount::{self, MountAttr};

type Options = Vec<(String, Option<String>)>;

pub(super) fn new(
    plan: &MountPlan,
    kind: &str,
    options: &Options,
) -> Result<NewFilesystem, StartError> {
    with_device(plan, kind, None, options)
}

pub(super) fn with_device(
    plan: &MountPlan,
    kind: &str,
    device: Option<&str>,
    options: &Options,
) -> Result<NewFilesystem, StartError> {
    let part = |value: &str| text(Stage::Mount, value);
    let mut list: Vec<(CString, Option<CString>)> = Vec::with_capacity(options.len() + 1);
    if let Some(device) = device {
        list.push((part("source")?, Some(part(device)?)));
    }
    for (name, value) in options {
        list.push((part(name)?, value.as_deref().map(part).transpose()?));
    }
    Ok(NewFilesystem {
        kind: part(kind)?,
        options: list,
        attributes: MountAttr::from_bits_retain(plan.set | plan.set_all),
        // A new file system is private anyway.
        propagation: Some(plan.travel.way).filter(|it| *it != Way::Private).map(way),
    })
}

pub(super) fn dev(plan: &MountPlan, options: &Options) -> Result<What, StartError> {
    let mut filesystem = new(plan, "tmpfs", options)?;
    let readonly = filesystem.attributes.contains(MountAttr::RDONLY);
    filesystem.attributes -= MountAttr::RDONLY;
    Ok(What::Dev { filesystem, readonly })
}

pub(super) fn cgroups(
    plan: &MountPlan,
    hierarchies: &[CgroupHierarchy],
    own_namespace: bool,
) -> Result<What, StartError> {
    let mut tmpfs = new(plan, "tmpfs", &vec![("mode".to_string(), Some("755".to_string()))])?;
    let readonly = tmpfs.attributes.contains(MountAttr::RDONLY);
    tmpfs.attributes -= MountAttr::RDONLY;
    let mut links = Vec::new();
    for hierarchy in hierarchies {
        for link in &hierarchy.links {
            links.push((text(Stage::Mount, link)?, text(Stage::Mount, &hierarchy.name)?));
        }
    }
    let hierarchies = hierarchies
        .iter()
        .map(|hierarchy| {
            let what = if own_namespace {
                HierarchyMount::New(seen_from_inside(plan, hierarchy)?)
            } else {
                HierarchyMount::Tree(own_group(plan, hierarchy)?)
            };
            Ok(Hierarchy { name: text(Stage::Mount, &hierarchy.name)?, what })
        })
        .collect::<Result<_, StartError>>()?;
    Ok(What::Cgroups(Cgroups { tmpfs, readonly, hierarchies, links }))
}

/// In a cgroup namespace the mount of a hierarchy begins at the container's own group.
fn seen_from_inside(
    plan: &MountPlan,
    hierarchy: &CgroupHierarchy,
) -> Result<NewFilesystem, StartError> {
    let kind = if hierarchy.v2 { "cgroup2" } else { "cgroup" };
    let mut options = vec![];
    for option in hierarchy.options.iter().filter(|_| !hierarchy.v2) {
        match option.split_once('=') {
            // A hierarchy with a name has no controller.
            Some((name, value)) => {
                options.push(("none".to_string(), None));
                options.push((name.to_string(), Some(value.to_string())));
            }
            None => options.push((option.clone(), None)),
        }
    }
    with_device(plan, kind, Some("cgroup"), &options)
}

fn own_group(
    plan: &MountPlan,
    hierarchy: &CgroupHierarchy,
) -> Result<std::os::fd::OwnedFd, StartError> {
    mount::open_path(Path::new(&hierarchy.group))
        .and_then(|group| mount::clone_tree(group.as_fd(), Path::new(""), false))
        .and_then(|mount| change(mount.as_fd(), plan).map(|()| mount))
        .map_err(|error| {
            let what = format!("{} ({})", describe(plan), hierarchy.group);
            StartError::new(Stage::Mount, what, &error)
        })
}
