//! What went wrong, at which step, on what, and why.
//!
//! A [`StartError`] crosses two processes before it is told: K writes a step, a number and an errno
//! into its socket, the parent adds the name of the thing, the monitor sends it to the command.
//! It is therefore plain data.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::io;
use teu_oci::runtime::NamespaceKind;

/// A `config.json` that cannot be carried out, or a combination that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A part without which nothing can start.
    #[error("the bundle's config.json has no `{field}`")]
    Missing {
        /// Its name in `config.json`.
        field: &'static str,
    },
    /// A value that this field cannot have.
    #[error("`{field}` cannot be `{value}`: {why}")]
    Bad {
        /// The field in `config.json`.
        field: &'static str,
        /// What it held.
        value: String,
        /// What it should hold.
        why: String,
    },
    /// A field that asks for something teu does not do yet.
    #[error("`{field}` is not supported yet")]
    Unsupported {
        /// The field in `config.json`.
        field: String,
    },
    /// A field that has a meaning only with a namespace of the container's own.
    #[error("`{field}` needs a {} namespace of the container's own", kind.proc_name())]
    NeedsNamespace {
        /// The field in `config.json`.
        field: String,
        /// Which namespace.
        kind: NamespaceKind,
    },
    /// Two entries for one kind of namespace.
    #[error("`linux.namespaces` names {} twice", kind.proc_name())]
    NamespaceTwice {
        /// Which.
        kind: NamespaceKind,
    },
    /// A kernel setting that belongs to the whole machine. runc's words.
    #[error("sysctl \"{name}\" is not in a separate kernel namespace")]
    GlobalSysctl {
        /// As given.
        name: String,
    },
    /// The capabilities or the filter of system calls cannot be made.
    #[error("cannot make the container's policy: {why}")]
    Policy {
        /// What the maker of the policy said.
        why: String,
    },
}

impl PlanError {
    /// Advice, where there is some.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            PlanError::GlobalSysctl { .. } => Some(
                "only settings of the container's own namespaces can be given: net.*, kernel.shm*, \
                 kernel.msg*, kernel.sem, fs.mqueue.*, kernel.domainname",
            ),
            PlanError::NeedsNamespace { .. } => {
                Some("add that namespace to the request, or leave the setting out")
            }
            _ => None,
        }
    }
}

/// An errno that can be written down and sent on. Its text is the C library's, in lower case, as Go
/// programs print it and callers match it.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Errno(pub i32);

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = io::Error::from_raw_os_error(self.0).to_string();
        let text = text.split(" (os error").next().unwrap_or(&text);
        let mut letters = text.chars();
        let first = letters.next().map(|letter| letter.to_ascii_lowercase());
        write!(f, "{}{}", first.unwrap_or('?'), letters.as_str())
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({self})", self.0)
    }
}

impl std::error::Error for Errno {}

impl From<&io::Error> for Errno {
    fn from(error: &io::Error) -> Errno {
        Errno(error.raw_os_error().unwrap_or(teu_kernel::libc::EINVAL))
    }
}

/// The steps of a start, in their order. One letter of K's report names one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[repr(u8)]
pub enum Stage {
    /// Opening what the plan names: bind sources, namespaces, cgroup files.
    Open = 1,
    /// `clone3(2)`.
    Clone,
    /// Joining a namespace that exists.
    Join,
    /// Clocks of a new time namespace.
    Time,
    /// Maps of a new user namespace.
    IdMap,
    /// Joining the cgroups.
    Cgroup,
    /// Putting the root where it can be built.
    Root,
    /// One mount.
    Mount,
    /// One device node.
    Device,
    /// The terminal.
    Console,
    /// One kernel setting.
    Sysctl,
    /// Hiding a path.
    Mask,
    /// Write-protecting a path.
    ReadOnly,
    /// Host name and domain name.
    Hostname,
    /// Making the root the root.
    Pivot,
    /// Standard input, output and error.
    Stdio,
    /// Closing what was inherited.
    Close,
    /// The working directory.
    WorkingDirectory,
    /// User and groups.
    Ids,
    /// Capabilities.
    Capabilities,
    /// Limits.
    Rlimit,
    /// The filter of system calls.
    Seccomp,
    /// Finding the program.
    Find,
    /// Running it.
    Exec,
    /// The word that it may run never came, or its process ended on its own.
    Gate,
}

impl Stage {
    /// Back from K's report.
    pub(crate) fn from_byte(byte: u8) -> Option<Stage> {
        use Stage::*;
        const ALL: [Stage; 25] = [
            Open,
            Clone,
            Join,
            Time,
            IdMap,
            Cgroup,
            Root,
            Mount,
            Device,
            Console,
            Sysctl,
            Mask,
            ReadOnly,
            Hostname,
            Pivot,
            Stdio,
            Close,
            WorkingDirectory,
            Ids,
            Capabilities,
            Rlimit,
            Seccomp,
            Find,
            Exec,
            Gate,
        ];
        ALL.into_iter().find(|stage| *stage as u8 == byte)
    }
}

/// A start, or an exec, that failed. The words of [`Stage::Find`] and [`Stage::Exec`] are runc's,
/// because programs match them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartError {
    /// At which step.
    pub stage: Stage,
    /// On what: a path, a mount, a namespace. Empty where the step has only one thing.
    pub object: String,
    /// What the kernel said beside the number (`fsopen(2)`), or who else was involved.
    pub detail: String,
    /// Why. `None` where there is no errno: a program that `$PATH` does not lead to.
    pub source: Option<Errno>,
}

impl StartError {
    pub(crate) fn new(stage: Stage, object: impl Into<String>, error: &io::Error) -> StartError {
        StartError {
            stage,
            object: object.into(),
            detail: String::new(),
            source: Some(Errno::from(error)),
        }
    }

    /// Docker's exit code for it: 127 where the program is not there, 126 where it cannot be run,
    /// 125 where the container could not be made.
    pub fn exit_code(&self) -> u8 {
        use teu_kernel::libc::{ENOENT, ENOTDIR};
        match (self.stage, self.source) {
            (Stage::Find | Stage::Exec, None | Some(Errno(ENOENT | ENOTDIR))) => 127,
            (Stage::Find | Stage::Exec, Some(_)) => 126,
            _ => 125,
        }
    }

    /// Advice, where there is some.
    pub fn hint(&self) -> Option<&'static str> {
        use teu_kernel::libc::{ENOENT, ENOSPC, EPERM};
        match (self.stage, self.source.map(|errno| errno.0)) {
            (Stage::Clone, Some(ENOSPC)) => Some(
                "a limit on namespaces is reached: see /proc/sys/user/max_*_namespaces and \
                 /proc/sys/fs/mount-max",
            ),
            (Stage::Clone, Some(EPERM)) => {
                Some("making namespaces needs root, or a user namespace that this machine allows")
            }
            (Stage::Open, Some(ENOENT)) => Some("the path must exist before the container starts"),
            (Stage::WorkingDirectory, _) => Some("choose a directory with --workdir"),
            _ => None,
        }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let object = &self.object;
        match self.stage {
            Stage::Open => write!(f, "cannot open {object}"),
            Stage::Clone => write!(f, "cannot make a process in new namespaces"),
            Stage::Join => write!(f, "cannot join the {object} namespace"),
            Stage::Time => write!(f, "cannot set the clocks of the time namespace"),
            Stage::IdMap => write!(f, "cannot map the ids of the user namespace"),
            Stage::Cgroup => write!(f, "cannot join the cgroup {object}"),
            Stage::Root => write!(f, "cannot prepare the root file system"),
            Stage::Mount => write!(f, "cannot mount {object}"),
            Stage::Device => write!(f, "cannot make the device {object}"),
            Stage::Console => write!(f, "cannot make the container's terminal"),
            Stage::Sysctl => write!(f, "cannot set the sysctl {object}"),
            Stage::Mask => write!(f, "cannot hide {object}"),
            Stage::ReadOnly => write!(f, "cannot write-protect {object}"),
            Stage::Hostname => write!(f, "cannot set the host name"),
            Stage::Pivot => write!(f, "cannot change the root"),
            Stage::Stdio => write!(f, "cannot set standard input, output and error"),
            Stage::Close => write!(f, "cannot close the inherited descriptors"),
            Stage::WorkingDirectory => {
                write!(f, "chdir to cwd (\"{object}\") set in config.json failed")
            }
            Stage::Ids => write!(f, "cannot become the user {object}"),
            Stage::Capabilities => write!(f, "cannot set the capabilities"),
            Stage::Rlimit => write!(f, "cannot set the limit {object}"),
            Stage::Seccomp => write!(f, "cannot load the filter of system calls"),
            Stage::Find if self.source.is_none() => {
                write!(f, "exec: \"{object}\": executable file not found in $PATH")
            }
            Stage::Find if self.exit_code() == 127 => {
                write!(f, "exec: \"{object}\": stat {object}")
            }
            Stage::Find => write!(f, "exec: \"{object}\""),
            Stage::Exec => write!(f, "exec {object}"),
            Stage::Gate => write!(f, "the container's first process ended before its program ran"),
        }?;
        if self.detail.is_empty() { Ok(()) } else { write!(f, " ({})", self.detail) }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|errno| errno as &dyn std::error::Error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error as _;

    fn told(stage: Stage, object: &str, errno: Option<i32>) -> (String, u8) {
        let source = errno.map(Errno);
        let error = StartError { stage, object: object.into(), detail: String::new(), source };
        let cause = error.source().map_or(String::new(), |cause| format!(": {cause}"));
        (format!("{error}{cause}"), error.exit_code())
    }

    #[test]
    fn programs_that_cannot_run_are_told_in_runcs_words() {
        use teu_kernel::libc::{EACCES, EISDIR, ENOENT, ENOEXEC};
        let check = |stage, object, errno, text: &str, code| {
            assert_eq!(told(stage, object, errno), (text.to_string(), code));
        };
        let not_found = "exec: \"sl\": executable file not found in $PATH";
        check(Stage::Find, "sl", None, not_found, 127);
        let no_file = "exec: \"/sl\": stat /sl: no such file or directory";
        check(Stage::Find, "/sl", Some(ENOENT), no_file, 127);
        check(Stage::Find, "/etc", Some(EISDIR), "exec: \"/etc\": is a directory", 126);
        check(Stage::Find, "/f", Some(EACCES), "exec: \"/f\": permission denied", 126);
        check(Stage::Exec, "/f", Some(ENOEXEC), "exec /f: exec format error", 126);
    }

    #[test]
    fn stages_come_back_from_their_byte() {
        assert_eq!(Stage::from_byte(Stage::Gate as u8), Some(Stage::Gate));
        assert_eq!(Stage::from_byte(Stage::Open as u8), Some(Stage::Open));
        assert_eq!((Stage::from_byte(0), Stage::from_byte(26)), (None, None));
    }

    #[test]
    fn an_error_survives_the_way_to_the_command() {
        let error =
            StartError::new(Stage::Mount, "proc at /proc", &io::Error::from_raw_os_error(1));
        let text = serde_json::to_string(&error).unwrap();
        assert_eq!(serde_json::from_str::<StartError>(&text).unwrap(), error);
    }
}
