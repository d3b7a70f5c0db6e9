//! Between clone and exec.
//!
//! Runs as: a copy of the parent with one thread. In a start it is the first process of the
//! container and still sees the host's files until `pivot_root`; in an exec it is already inside.
//! May not: allocate, take a lock, log; from the first line on, because the parent may have had
//! threads. Everything it needs was made beforehand ([`Start`], [`Program`]); what fails goes
//! through the socket as step, index and errno.
//!
//! ```text
//!  start::run      session → cgroups → root → mounts → /dev → terminal → masks → pivot_root ┐
//!  helper::run     join what exists, clocks ─► clone ─► (start::run, or for an exec) ───────┤
//!                                                                                           ▼
//!  program::run    stdio → close the rest → cwd → groups, user, capabilities → find program
//!                  ── ready, gate ──► filter of system calls → exec
//! ```
//! Not here: what to do (decided in `plan/`), and opening what the plan names (`prepare.rs`).

mod console;
mod devices;
mod helper;
mod hide;
mod ids;
mod init;
mod mounts;
mod place;
mod program;
pub(crate) mod report;
mod root;
mod start;

use crate::plan::{ConsoleSize, DevicePlan, MountPlan};
use std::ffi::CString;
use std::os::fd::OwnedFd;
use teu_kernel::capability::Sets;
use teu_kernel::clone::NewNamespaces;
use teu_kernel::exec::Strings;
use teu_kernel::seccomp::{Flags, Instruction};

pub(crate) use helper::run as run_helper;
pub(crate) use start::run as run_start;

/// What K does before it becomes its program.
#[derive(Debug)]
pub(crate) struct Start {
    pub cgroup_files: Vec<OwnedFd>,
    pub new_cgroup_namespace: bool,
    /// A user namespace is new: its maps are awaited. New or joined: become its root.
    pub await_maps: bool,
    pub become_root: bool,
    pub root: Root,
    pub hostname: Option<CString>,
    pub domainname: Option<CString>,
    pub program: Program,
}

/// What becomes of the root.
#[derive(Debug)]
pub(crate) enum Root {
    /// In a mount namespace of its own: built from a detached mount.
    Build(Box<Build>),
    /// Without one: only `chroot`, with nothing mounted.
    Chroot(OwnedFd),
    /// A mount namespace was joined, and its root with it.
    Joined,
}

/// All that is mounted, made and hidden.
#[derive(Debug)]
pub(crate) struct Build {
    pub root: OwnedFd,
    pub readonly: bool,
    /// Given to the root at the end, if anything but "private".
    pub propagation: Option<teu_kernel::mount::Propagation>,
    pub mounts: Vec<Mount>,
    pub devices: Vec<Device>,
    /// Name in /dev, target.
    pub device_links: Vec<(CString, CString)>,
    /// Path below /proc/sys, value.
    pub sysctls: Vec<(CString, CString)>,
    /// The working directory from the root on, to be made where it is missing.
    pub cwd: CString,
    pub masked: Vec<CString>,
    /// A detached mount of /dev/null, seen to be that, if anything is masked.
    pub null: Option<OwnedFd>,
    pub readonly_paths: Vec<CString>,
}

/// One mount, made ready.
#[derive(Debug)]
pub(crate) struct Mount {
    pub target: CString,
    pub what: What,
    /// May lie on the container's procfs.
    pub inside_proc: bool,
}

#[derive(Debug)]
pub(crate) enum What {
    /// A detached mount that already has its flags.
    Tree { mount: OwnedFd, directory: bool },
    /// A file system to be made in K's namespaces.
    New(NewFilesystem),
    /// procfs: its place may be no link.
    Proc(NewFilesystem),
    /// /dev: write-protected only at the end, if at all.
    Dev { filesystem: NewFilesystem, readonly: bool },
    /// A tmpfs with one directory for each hierarchy.
    Cgroups(Cgroups),
}

/// Several hierarchies of cgroups, in one directory.
#[derive(Debug)]
pub(crate) struct Cgroups {
    pub tmpfs: NewFilesystem,
    /// Given to the tmpfs when its directories are made.
    pub readonly: bool,
    pub hierarchies: Vec<Hierarchy>,
    /// Other names for them.
    pub links: Vec<(CString, CString)>,
}

#[derive(Debug)]
pub(crate) struct Hierarchy {
    pub name: CString,
    pub what: HierarchyMount,
}

#[derive(Debug)]
pub(crate) enum HierarchyMount {
    New(NewFilesystem),
    Tree(OwnedFd),
}

/// A file system and its options.
#[derive(Debug)]
pub(crate) struct NewFilesystem {
    pub kind: CString,
    pub options: Vec<(CString, Option<CString>)>,
    pub attributes: teu_kernel::mount::MountAttr,
    /// Something mounted in it can be seen outside: `shared` was asked for.
    pub propagation: Option<teu_kernel::mount::Propagation>,
}

/// A device node.
#[derive(Debug)]
pub(crate) struct Device {
    /// The directory, from the root on.
    pub directory: CString,
    pub name: CString,
    pub plan: DevicePlan,
    /// In a user namespace: the host's node, to be bound, since none can be made.
    pub node: Option<OwnedFd>,
}

/// The last steps, of a start and of an exec alike.
#[derive(Debug)]
pub(crate) struct Program {
    /// Standard input, output, error; none where there is a terminal.
    pub stdio: Option<[OwnedFd; 3]>,
    pub console_size: Option<ConsoleSize>,
    pub arguments: Strings,
    pub environment: Strings,
    /// The program's possible paths, in order.
    pub candidates: Vec<CString>,
    /// They come from `$PATH`: one that is missing is passed over.
    pub from_path: bool,
    pub cwd: CString,
    pub uid: u32,
    pub gid: u32,
    pub groups: Vec<u32>,
    pub umask: u32,
    pub bounding: u64,
    pub capabilities: Sets,
    pub ambient: u64,
    pub no_new_privileges: bool,
    pub filter: Option<(Vec<Instruction>, Flags)>,
    pub keyring: CString,
    /// With teu's init as PID 1: where the arguments that `ps` shows lie in memory.
    pub init: Option<(u64, u64)>,
}

/// What a helper does before it makes K: everything that can only be done to a process that then
/// has a child.
#[derive(Debug)]
pub(crate) struct Helper {
    pub join: Vec<(OwnedFd, NewNamespaces)>,
    /// Make a time namespace, with these offsets.
    pub time: Option<CString>,
    /// Namespaces that K gets.
    pub new: NewNamespaces,
}

/// One mount of a plan and its number, for messages.
pub(crate) fn describe(mount: &MountPlan) -> String {
    use crate::plan::MountSource;
    let what = match &mount.source {
        MountSource::Bind { path, .. } => path.as_str(),
        MountSource::Handed => "a mount handed in",
        MountSource::Proc { .. } => "proc",
        MountSource::Dev { .. } => "tmpfs",
        MountSource::New { kind, .. } => kind.as_str(),
        MountSource::CgroupTree { .. } => "cgroup",
    };
    format!("{what} at /{}", mount.target)
}
