//! What can go wrong with a network, on what, and what to do about it.

use crate::Pool;
use std::io;
use std::path::PathBuf;
use teu_kernel::libc;
use teu_netlink::NetlinkError;

/// A network verb that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// The kernel did not do what a step asked of it.
    #[error("cannot {doing}")]
    Kernel {
        /// The step, as "make the bridge teu-ab12".
        doing: String,
        /// Why.
        source: NetlinkError,
    },
    /// A network namespace or a setting in it could not be reached.
    #[error("cannot {doing}")]
    Namespace {
        /// The step.
        doing: String,
        /// Why.
        source: io::Error,
    },
    /// A file of ours could not be read or written.
    #[error("cannot {doing}")]
    State {
        /// The step, with the file's path.
        doing: String,
        /// Why.
        source: io::Error,
    },
    /// A file of ours does not hold what it should.
    #[error("{} is damaged", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// A file of a newer teu.
    #[error("{} was written by a newer teu (version {version})", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
    /// Every pool meets a route.
    #[error(
        "no free address pool: every one of the {tried} candidates overlaps a route of this host"
    )]
    NoFreePool {
        /// How many there were.
        tried: usize,
    },
    /// No address is left.
    #[error("all addresses of {pool} are in use")]
    PoolFull {
        /// The network's pool.
        pool: Pool,
    },
    /// A bridge takes 1,023 ports.
    #[error("the bridge {bridge} has no free port: Linux gives a bridge 1023")]
    BridgeFull {
        /// Its name.
        bridge: String,
    },
    /// An interface of our bridge's name that is no bridge.
    #[error("the interface {name} exists and is no bridge")]
    NameTaken {
        /// Its name.
        name: String,
    },
    /// Containers still hang on the network.
    #[error("the network {name} is in use by {leases} containers")]
    InUse {
        /// Its name.
        name: String,
        /// How many addresses are leased.
        leases: usize,
    },
}

impl NetworkError {
    /// Advice, where there is some.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoFreePool { .. } => {
                Some("remove a route, or run without the bridge: --network host or --network none")
            }
            Self::PoolFull { .. } | Self::BridgeFull { .. } => {
                Some("stop containers that are no longer needed: teu ps")
            }
            Self::NameTaken { .. } => Some("rename that interface: ip link set NAME name OTHER"),
            Self::Damaged { .. } => Some("remove the file; it is made again"),
            Self::Kernel { source, .. } => hint_for(source.raw_os_error()?),
            Self::Namespace { source, .. } => hint_for(source.raw_os_error()?),
            _ => None,
        }
    }
}

fn hint_for(number: i32) -> Option<&'static str> {
    match number {
        libc::EPERM => Some("networks need root (CAP_NET_ADMIN); --network host needs nothing"),
        libc::EOPNOTSUPP | libc::EPROTONOSUPPORT | libc::EAFNOSUPPORT => Some(
            "the kernel lacks bridge, veth or nf_tables: modprobe -a bridge veth nf_tables nft_masq nft_ct",
        ),
        libc::EROFS => Some(
            "/proc/sys is read-only here; give this machine or container the right to write it",
        ),
        _ => None,
    }
}

/// `Result::map_err` with the step in words, made only where it fails.
pub(crate) trait Doing<T> {
    fn doing(self, step: impl FnOnce() -> String) -> Result<T, NetworkError>;
}

impl<T> Doing<T> for Result<T, NetlinkError> {
    fn doing(self, step: impl FnOnce() -> String) -> Result<T, NetworkError> {
        self.map_err(|source| NetworkError::Kernel { doing: step(), source })
    }
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, step: impl FnOnce() -> String) -> Result<T, NetworkError> {
        self.map_err(|source| NetworkError::Namespace { doing: step(), source })
    }
}

/// The same for files of ours.
pub(crate) fn state<T>(
    result: io::Result<T>,
    step: impl FnOnce() -> String,
) -> Result<T, NetworkError> {
    result.map_err(|source| NetworkError::State { doing: step(), source })
}
