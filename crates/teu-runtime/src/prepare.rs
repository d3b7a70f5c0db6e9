//! What a plan names, opened: the last step that may allocate and that sees the host as the caller
//! does.
//!
//! A bind mount's source becomes a detached mount here, with its flags and its propagation: in K it
//! only gets a place (CVE-2026-115521: nothing is left to be write-protected later). Because it is
//! copied from the caller's mount namespace, what is shared stays shared with the host.

mod filesystem;
mod program;

use crate::child::{self, Build, Device, Helper, Mount, Root, Start, What};
use crate::error::{Stage, StartError};
use crate::parent::StartFds;
use crate::plan::{
    DevicePlan, DeviceType, Join, MountPlan, MountSource, NamespaceKind, Plan, RootSource, Travel,
    Way,
};
use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use teu_kernel::clone::NewNamespaces;
use teu_kernel::mount::{self, MountAttr, Propagation, SetAttr};
use teu_kernel::{child_fs, libc};

pub(crate) use program::program;

/// A plan with all that it names.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub start: Start,
    /// Namespaces that `clone3` makes for K.
    pub new: NewNamespaces,
    /// Where K cannot be made by the caller itself.
    pub helper: Option<Helper>,
    pub cgroup_v2: Option<OwnedFd>,
}

pub(crate) fn prepare(plan: &Plan, fds: StartFds) -> Result<Prepared, StartError> {
    let StartFds { root, stdio, cgroup_v2, join, mounts } = fds;
    let root = root_of(plan, root, mounts)?;
    let joined = joined(&plan.join, join)?;
    let has = |kind| plan.new.contains(&kind);
    // The cgroup namespace is left to K, which first has to be in its group.
    let at_clone = flags(&plan.new) - NewNamespaces::CGROUP - NewNamespaces::TIME;
    let time =
        has(NamespaceKind::Time).then(|| text(Stage::Time, &plan.time_offsets)).transpose()?;
    let helper = (time.is_some() || !joined.is_empty()).then_some(Helper {
        join: joined,
        time,
        new: at_clone,
    });
    let optional =
        |name: &Option<String>| name.as_deref().map(|name| text(Stage::Hostname, name)).transpose();
    Ok(Prepared {
        start: Start {
            cgroup_files: cgroup_files(&plan.process.cgroup.tasks)?,
            new_cgroup_namespace: has(NamespaceKind::Cgroup),
            await_maps: has(NamespaceKind::User),
            become_root: plan.namespaces().contains(&NamespaceKind::User),
            root,
            hostname: optional(&plan.hostname)?,
            domainname: optional(&plan.domainname)?,
            program: program(&plan.id, &plan.process, plan.init, stdio)?,
        },
        new: at_clone,
        helper,
        cgroup_v2: cgroup_v2.filter(|_| plan.process.cgroup.into_v2),
    })
}

/// The `CLONE_NEW*` bits of `kinds`.
pub(crate) fn flags(kinds: &[NamespaceKind]) -> NewNamespaces {
    kinds.iter().map(|kind| flag(*kind)).fold(NewNamespaces::empty(), |all, one| all | one)
}

fn flag(kind: NamespaceKind) -> NewNamespaces {
    match kind {
        NamespaceKind::User => NewNamespaces::USER,
        NamespaceKind::Mount => NewNamespaces::MOUNT,
        NamespaceKind::Pid => NewNamespaces::PID,
        NamespaceKind::Network => NewNamespaces::NETWORK,
        NamespaceKind::Ipc => NewNamespaces::IPC,
        NamespaceKind::Uts => NewNamespaces::UTS,
        NamespaceKind::Cgroup => NewNamespaces::CGROUP,
        NamespaceKind::Time => NewNamespaces::TIME,
    }
}

/// A C string; the plan has refused zero bytes wherever a user can bring them.
pub(crate) fn text(stage: Stage, text: &str) -> Result<CString, StartError> {
    CString::new(text)
        .map_err(|_| StartError::new(stage, text, &io::Error::from_raw_os_error(libc::EINVAL)))
}

/// Opened by the caller, whose rights count: K may be root in a user namespace only.
pub(crate) fn cgroup_files(paths: &[String]) -> Result<Vec<OwnedFd>, StartError> {
    let open = |path: &String| {
        let file = File::options().write(true).open(path);
        file.map(OwnedFd::from).map_err(|error| StartError::new(Stage::Cgroup, path, &error))
    };
    paths.iter().map(open).collect()
}

fn joined(
    wanted: &[Join],
    mut given: Vec<(NamespaceKind, OwnedFd)>,
) -> Result<Vec<(OwnedFd, NewNamespaces)>, StartError> {
    let mut joined = Vec::new();
    for Join { kind, path } in wanted {
        let error = |error: &io::Error| StartError::new(Stage::Join, kind.proc_name(), error);
        let place = given.iter().position(|(given, _)| given == kind);
        let file = match (place, path) {
            (Some(place), _) => given.swap_remove(place).1,
            (None, Some(path)) => File::open(path).map_err(|e| error(&e))?.into(),
            (None, None) => return Err(error(&io::Error::from_raw_os_error(libc::EBADF))),
        };
        joined.push((file, flag(*kind)));
    }
    Ok(joined)
}

fn root_of(plan: &Plan, given: Option<OwnedFd>, mounts: Vec<OwnedFd>) -> Result<Root, StartError> {
    if !plan.has_own_mounts() {
        if plan.join.iter().any(|join| join.kind == NamespaceKind::Mount) {
            return Ok(Root::Joined);
        }
        return Ok(Root::Chroot(root_directory(plan, given)?));
    }
    let root = match (&plan.root, given) {
        (RootSource::Descriptor, given) => given.ok_or_else(no_root)?,
        (RootSource::Path(path), _) => {
            let directory = root_directory(plan, None)?;
            mount::clone_tree(directory.as_fd(), Path::new(""), true)
                .map_err(|error| StartError::new(Stage::Open, path, &error))?
        }
    };
    Ok(Root::Build(Box::new(build(plan, root, mounts)?)))
}

fn root_directory(plan: &Plan, given: Option<OwnedFd>) -> Result<OwnedFd, StartError> {
    match (&plan.root, given) {
        (RootSource::Descriptor, given) => given.ok_or_else(no_root),
        (RootSource::Path(path), _) => mount::open_path(Path::new(path))
            .and_then(|root| {
                let is_directory = child_fs::about(root.as_fd())?.is_directory();
                let not_one = io::Error::from_raw_os_error(libc::ENOTDIR);
                if is_directory { Ok(root) } else { Err(not_one) }
            })
            .map_err(|error| StartError::new(Stage::Open, path, &error)),
    }
}

fn no_root() -> StartError {
    StartError::new(Stage::Root, "", &io::Error::from_raw_os_error(libc::EBADF))
}

fn build(plan: &Plan, root: OwnedFd, handed: Vec<OwnedFd>) -> Result<Build, StartError> {
    let texts = |stage, list: &[String]| -> Result<Vec<CString>, StartError> {
        list.iter().map(|one| text(stage, one)).collect()
    };
    let pairs = |stage, list: &[(String, String)]| -> Result<Vec<_>, StartError> {
        list.iter().map(|(name, value)| Ok((text(stage, name)?, text(stage, value)?))).collect()
    };
    let mut handed = handed.into_iter();
    let in_user_namespace = plan.namespaces().contains(&NamespaceKind::User);
    Ok(Build {
        root,
        readonly: plan.root_readonly,
        propagation: Some(way(plan.root_propagation.way))
            .filter(|way| *way != Propagation::Private),
        mounts: plan
            .mounts
            .iter()
            .map(|mount| mount_of(mount, &mut handed))
            .collect::<Result<_, _>>()?,
        devices: plan
            .devices
            .iter()
            .map(|device| device_of(device, in_user_namespace))
            .collect::<Result<_, _>>()?,
        device_links: pairs(Stage::Device, &plan.device_links)?,
        sysctls: pairs(Stage::Sysctl, &plan.sysctls)?,
        cwd: text(Stage::WorkingDirectory, plan.process.cwd.trim_start_matches('/'))?,
        null: if plan.masked.is_empty() { None } else { Some(null()?) },
        masked: texts(Stage::Mask, &plan.masked)?,
        readonly_paths: texts(Stage::ReadOnly, &plan.readonly)?,
    })
}

pub(crate) fn way(way: Way) -> Propagation {
    match way {
        Way::Private => Propagation::Private,
        Way::Slave => Propagation::Slave,
        Way::Shared => Propagation::Shared,
        Way::Unbindable => Propagation::Unbindable,
    }
}

/// Covers hidden files. What stands at /dev/null must be that: a cover that can be written, or that
/// shows something, would be the opposite of one (CVE-2025-31133).
fn null() -> Result<OwnedFd, StartError> {
    let open = || {
        let null = mount::open_path(Path::new("/dev/null"))?;
        if !child_fs::about(null.as_fd())?.is_character(1, 3) {
            return Err(io::Error::from_raw_os_error(libc::ENODEV));
        }
        mount::clone_tree(null.as_fd(), Path::new(""), false)
    };
    open().map_err(|error| StartError::new(Stage::Open, "/dev/null", &error))
}

fn mount_of(
    plan: &MountPlan,
    handed: &mut impl Iterator<Item = OwnedFd>,
) -> Result<Mount, StartError> {
    let failed = |error: &io::Error| StartError::new(Stage::Mount, child::describe(plan), error);
    let what = match &plan.source {
        MountSource::Bind { path, recursive } => {
            let source = mount::open_path(Path::new(path))
                .map_err(|error| StartError::new(Stage::Open, path, &error))?;
            let directory =
                child_fs::about(source.as_fd()).map_err(|error| failed(&error))?.is_directory();
            let mount = mount::clone_tree(source.as_fd(), Path::new(""), *recursive)
                .and_then(|mount| change(mount.as_fd(), plan).map(|()| mount))
                .map_err(|error| failed(&error))?;
            What::Tree { mount, directory }
        }
        MountSource::Handed => {
            let missing = io::Error::from_raw_os_error(libc::EBADF);
            let mount = handed.next().ok_or_else(|| failed(&missing))?;
            What::Tree { mount, directory: true }
        }
        MountSource::Proc { options } => What::Proc(filesystem::new(plan, "proc", options)?),
        MountSource::Dev { options } => filesystem::dev(plan, options)?,
        MountSource::New { kind, device, options } => {
            What::New(filesystem::with_device(plan, kind, device.as_deref(), options)?)
        }
        MountSource::CgroupTree { hierarchies, own_namespace } => {
            filesystem::cgroups(plan, hierarchies, *own_namespace)?
        }
    };
    let inside_proc = crate::plan::may_lie_in_proc(&plan.target);
    Ok(Mount { target: text(Stage::Mount, &plan.target)?, what, inside_proc })
}

/// The flags and the propagation of a copied mount, before anybody can reach it.
fn change(mount: BorrowedFd<'_>, plan: &MountPlan) -> io::Result<()> {
    let bits = |bits| Some(MountAttr::from_bits_retain(bits));
    let Travel { way: direction, recursive } = plan.travel;
    let propagation = Some(way(direction));
    let own = SetAttr {
        set: bits(plan.set),
        clear: bits(plan.clear),
        propagation: propagation.filter(|_| !recursive),
        ..SetAttr::default()
    };
    let all = SetAttr {
        set: bits(plan.set_all),
        clear: bits(plan.clear_all),
        propagation: propagation.filter(|_| recursive),
        recursive: true,
        ..SetAttr::default()
    };
    for change in [all, own] {
        let empty = MountAttr::empty();
        if change.set != Some(empty) || change.clear != Some(empty) || change.propagation.is_some()
        {
            mount::set_attr(mount, &change)?;
        }
    }
    Ok(())
}

fn device_of(plan: &DevicePlan, in_user_namespace: bool) -> Result<Device, StartError> {
    let (directory, name) = plan.path.rsplit_once('/').unwrap_or(("", &plan.path));
    // A user namespace lets nobody make device nodes; a pipe it does.
    let bind = in_user_namespace && plan.kind != DeviceType::Fifo;
    Ok(Device {
        directory: text(Stage::Device, directory)?,
        name: text(Stage::Device, name)?,
        node: bind.then(|| host_node(plan)).transpose()?,
        plan: plan.clone(),
    })
}

fn host_node(plan: &DevicePlan) -> Result<OwnedFd, StartError> {
    let path = format!("/{}", plan.path);
    let open = || {
        let node = mount::open_path(Path::new(&path))?;
        if child_fs::about(node.as_fd())?.device != (plan.major, plan.minor) {
            return Err(io::Error::from_raw_os_error(libc::ENODEV));
        }
        mount::clone_tree(node.as_fd(), Path::new(""), false)
    };
    open().map_err(|error| StartError::new(Stage::Device, &path, &error))
}
