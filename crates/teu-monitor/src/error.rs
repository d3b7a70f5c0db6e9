//! What can go wrong between a command and a monitor.

use crate::request::Refusal;
use std::io;
use std::path::PathBuf;
use teu_runtime::StartError;

/// What was tried, and why it failed.
#[derive(Debug, thiserror::Error)]
pub enum MonitorError {
    /// No process could be made.
    #[error("cannot start the monitor of the container")]
    Spawn {
        /// The kernel's word.
        source: io::Error,
    },
    /// No monitor listens there: it ended, or was killed.
    #[error("no monitor is beside the container of {}", run_dir.display())]
    NotThere {
        /// The container's directory below /run.
        run_dir: PathBuf,
    },
    /// A monitor may be there and cannot be reached.
    #[error("cannot reach the monitor of {}", run_dir.display())]
    Connect {
        /// The container's directory below /run.
        run_dir: PathBuf,
        /// The kernel's word.
        source: io::Error,
    },
    /// The monitor ended in the middle of the conversation.
    #[error("the container's monitor is gone")]
    Lost,
    /// A frame could not be sent or received.
    #[error("cannot {what} the container's monitor")]
    Talk {
        /// `ask` or `hear`.
        what: &'static str,
        /// The kernel's word.
        source: io::Error,
    },
    /// It speaks another language.
    #[error("the container's monitor speaks version {theirs} of the protocol, this teu {ours}")]
    Version {
        /// The monitor's.
        theirs: u32,
        /// This binary's.
        ours: u32,
    },
    /// The container, or the exec, could not be started.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The monitor said no.
    #[error("{}", refused(what, why))]
    Refused {
        /// What was asked.
        what: &'static str,
        /// Its reason.
        why: Refusal,
        /// The kernel's word, where it was the kernel that refused.
        source: Option<io::Error>,
    },
    /// It did not answer as the protocol says.
    #[error("the container's monitor answered something unexpected")]
    Unexpected {
        /// Its answer.
        answer: String,
    },
    /// Standard input, standard output, standard error or the terminal of the command.
    #[error("cannot {what}")]
    Local {
        /// What was tried.
        what: &'static str,
        /// The kernel's word.
        source: io::Error,
    },
}

fn refused(what: &str, why: &Refusal) -> String {
    match why {
        Refusal::NotRunning => "the container is not running".to_string(),
        Refusal::NoSuchExec => "no exec has this id".to_string(),
        Refusal::ExecExists => "an exec has this id already".to_string(),
        Refusal::NoTerminal => "the process has no terminal".to_string(),
        Refusal::OutOfOrder => format!("the container's monitor cannot {what} now"),
        Refusal::Unknown { what: seen } => {
            format!("the container's monitor does not know how to {what} ({seen})")
        }
        Refusal::Kernel { what: object, .. } => format!("cannot {what}: {object}"),
    }
}

impl MonitorError {
    pub(crate) fn refused(what: &'static str, why: Refusal) -> MonitorError {
        let source = match &why {
            Refusal::Kernel { errno, .. } => Some(io::Error::from_raw_os_error(*errno)),
            _ => None,
        };
        MonitorError::Refused { what, why, source }
    }

    /// Advice, where there is some.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            MonitorError::Start(error) => error.hint(),
            MonitorError::Version { .. } => Some(
                "the container was started by a newer teu: use that one, or stop the container",
            ),
            MonitorError::Spawn { source }
                if source.raw_os_error() == Some(teu_kernel::libc::EPERM) =>
            {
                Some("teu protects its binary by a mount of its own, which needs root")
            }
            _ => None,
        }
    }
}
