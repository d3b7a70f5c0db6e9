//! What can go wrong with groups, told once.

use crate::Controller;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// What was tried, on what.
#[derive(Debug, thiserror::Error)]
pub enum CgroupError {
    /// No cgroup file system is mounted.
    #[error("no cgroup hierarchy is mounted")]
    NoHierarchy,
    /// A limit was asked for that no controller of this machine can keep.
    #[error(
        "cannot set {setting} to `{value}`: this machine has no cgroup controller `{controller}`"
    )]
    MissingController {
        /// The controller that would be needed.
        controller: Controller,
        /// What was asked, in OCI's words.
        setting: String,
        /// To what it should be set.
        value: String,
    },
    /// The controller is there, and knows no such setting.
    #[error("cannot set {setting} to `{value}`: cgroup {version} has no such setting")]
    Unsupported {
        /// What was asked, in OCI's words.
        setting: String,
        /// To what it should be set.
        value: String,
        /// `v1` or `v2`.
        version: &'static str,
    },
    /// A value that contradicts itself or another.
    #[error("cannot set {setting} to `{value}`: {why}")]
    Invalid {
        /// What was asked, in OCI's words.
        setting: String,
        /// To what it should be set.
        value: String,
        /// Why not.
        why: String,
    },
    /// The kernel refused a value.
    #[error("cannot write `{value}` to {path}")]
    Write {
        /// File of the group.
        path: PathBuf,
        /// What was to be written.
        value: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A file of a group, or about groups, cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A group cannot be made.
    #[error("cannot create the cgroup {path}")]
    Create {
        /// Its directory.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A group of this name is there, with processes in it.
    #[error("the cgroup {path} exists and is in use")]
    Exists {
        /// Its directory.
        path: PathBuf,
    },
    /// A group cannot be removed.
    #[error("cannot remove the cgroup {path}")]
    Remove {
        /// Its directory.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// Processes stayed in a group for longer than anyone should wait.
    #[error("the cgroup {path} still holds processes {pids:?}")]
    Busy {
        /// Its directory.
        path: PathBuf,
        /// Who is in it.
        pids: Vec<u32>,
    },
    /// Some process did not come to a halt.
    #[error("the cgroup {path} was not frozen within {limit:?}")]
    NotFrozen {
        /// Its directory.
        path: PathBuf,
        /// How long was waited.
        limit: Duration,
    },
    /// A parent or name that is not a plain path below the top.
    #[error("`{path}` is not the path of a cgroup")]
    BadPath {
        /// As it was given.
        path: String,
    },
    /// A device rule that no filter can express.
    #[error("bad device rule `{rule}`: {why}")]
    DeviceRule {
        /// The rule, in the kernel's notation.
        rule: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The device filter of cgroup v2 cannot be loaded or attached.
    #[error("cannot {verb} the device filter of {path}{}", if log.is_empty() { String::new() } else { format!(" ({log})") })]
    DeviceFilter {
        /// `load`, `attach`, …
        verb: &'static str,
        /// The group's directory.
        path: PathBuf,
        /// The verifier's words, where it had any.
        log: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// systemd cannot be asked for a scope.
    #[error("cannot {verb} at systemd's {socket}")]
    Systemd {
        /// What was tried.
        verb: &'static str,
        /// The socket.
        socket: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// systemd answered with an error.
    #[error("systemd refused the scope {scope}: {message}")]
    ScopeRefused {
        /// The unit's name.
        scope: String,
        /// systemd's words.
        message: String,
    },
}

impl CgroupError {
    /// What to do about it, where there is something.
    pub fn hint(&self) -> Option<String> {
        let code = match self {
            CgroupError::Write { source, .. }
            | CgroupError::Create { source, .. }
            | CgroupError::Remove { source, .. } => source.raw_os_error(),
            CgroupError::DeviceFilter { source, .. } => source.raw_os_error(),
            _ => None,
        };
        let file = match self {
            CgroupError::Write { path, .. } => path.file_name().and_then(|name| name.to_str()),
            _ => None,
        };
        let text = match (self, code, file) {
            (CgroupError::NoHierarchy, ..) => {
                "mount one: mount -t cgroup2 none /sys/fs/cgroup".to_string()
            }
            (CgroupError::MissingController { controller, .. }, ..) => format!(
                "leave the limit out, or enable the controller: see /proc/cgroups, and \
                 `cgroup_enable={controller}` on the kernel's command line"
            ),
            (CgroupError::Unsupported { setting, .. }, ..) => format!("leave {setting} out"),
            (CgroupError::Exists { .. } | CgroupError::Busy { .. }, ..) => {
                "end its processes first: they are listed in its cgroup.procs".to_string()
            }
            (_, Some(EBUSY), Some("cgroup.subtree_control")) => {
                "processes lie in this group itself, and cgroup v2 then hands no controller down: \
                 move them into a group below it"
                    .to_string()
            }
            (_, Some(EBUSY | EINVAL), Some("memory.limit_in_bytes")) => {
                "the group uses more than that now, or its limit of memory and swap together is \
                 lower: change both at once"
                    .to_string()
            }
            (_, Some(EACCES | EINVAL | ENOSPC | ERANGE), Some("cpuset.cpus" | "cpuset.mems")) => {
                "ask only for processors and memory nodes that are online and that the parent \
                 group has"
                    .to_string()
            }
            (CgroupError::DeviceFilter { .. }, Some(EINVAL), _) => {
                "the kernel needs CONFIG_CGROUP_BPF".to_string()
            }
            (_, Some(EPERM | EACCES | EROFS), _) => {
                "this needs root, and a writable cgroup file system".to_string()
            }
            _ => return None,
        };
        Some(text)
    }
}

const EPERM: i32 = teu_kernel::libc::EPERM;
const EACCES: i32 = teu_kernel::libc::EACCES;
const EBUSY: i32 = teu_kernel::libc::EBUSY;
const EINVAL: i32 = teu_kernel::libc::EINVAL;
const ENOSPC: i32 = teu_kernel::libc::ENOSPC;
const ERANGE: i32 = teu_kernel::libc::ERANGE;
const EROFS: i32 = teu_kernel::libc::EROFS;
