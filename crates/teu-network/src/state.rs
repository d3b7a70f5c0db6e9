//! What is on disk, with versions: the network as asked for, and as it stands in the kernel.

use crate::error::state;
use crate::{Mac, NetworkError, Networks, Pool};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use teu_kernel::durable::{self, Durability};
use teu_model::{ContainerId, NetworkId};

/// The version of every file of this crate.
pub(crate) const VERSION: u32 = 1;

/// No file of ours is longer.
const LENGTH_MAX: u64 = 64 * 1024;

/// A network as its user asked for it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Config {
    pub(crate) version: u32,
    pub(crate) id: NetworkId,
    pub(crate) name: String,
}

/// A network that stands in the kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Network {
    pub(crate) version: u32,
    /// Its id.
    pub id: NetworkId,
    /// Its name, as `--network` takes it.
    pub name: String,
    /// The bridge's interface.
    pub bridge: String,
    /// The bridge's number.
    pub ifindex: u32,
    /// The bridge's hardware address.
    pub mac: Mac,
    /// Where its addresses come from.
    pub pool: Pool,
    /// The bridge's own address.
    pub gateway: Ipv4Addr,
    /// The longest packet: 1,500, or less where the host's way out takes less.
    pub mtu: u32,
    /// What a user should know about how it was made.
    pub notes: Vec<Note>,
    /// The firewall's generation at which all of it was last found in place.
    pub(crate) generation: u32,
}

/// What a user should know about a network (`teu info` shows it).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Note {
    /// net.ipv4.ip_forward was 0, and teu set it to 1.
    SwitchedForwardingOn,
    /// Another program's chain stops forwarded packets; teu put its accept rules there.
    AcceptedIn {
        /// The table, with its family.
        table: String,
        /// The chain.
        chain: String,
    },
    /// iptables-legacy has a filter table, which nf_tables cannot see.
    LegacyFirewall,
}

impl Note {
    /// For people.
    pub fn text(&self) -> String {
        match self {
            Note::SwitchedForwardingOn => {
                "teu switched IP forwarding on (net.ipv4.ip_forward=1)".to_string()
            }
            Note::AcceptedIn { table, chain } => format!(
                "another program's firewall stops forwarded packets; teu added accept rules for its bridge to {table} {chain}"
            ),
            Note::LegacyFirewall => {
                "iptables-legacy has a filter table; if its FORWARD chain drops, containers reach no other machine: iptables-legacy -I FORWARD -i BRIDGE -j ACCEPT, and -o BRIDGE".to_string()
            }
        }
    }
}

impl Networks {
    pub(crate) fn configs(&self) -> PathBuf {
        self.paths.root.join("networks")
    }

    pub(crate) fn config_file(&self, id: &NetworkId) -> PathBuf {
        self.configs().join(id.as_str()).join("config.json")
    }

    pub(crate) fn name_file(&self, name: &str) -> PathBuf {
        self.paths.root.join("names/networks").join(name)
    }

    pub(crate) fn run(&self) -> PathBuf {
        self.paths.run.join("networks")
    }

    pub(crate) fn live_file(&self, id: &NetworkId) -> PathBuf {
        self.run().join(id.as_str()).join("live.json")
    }

    pub(crate) fn addresses(&self, id: &NetworkId) -> PathBuf {
        self.run().join(id.as_str()).join("addresses")
    }

    pub(crate) fn sandbox(&self, sandbox: &ContainerId) -> PathBuf {
        self.paths.run.join("sandboxes").join(sandbox.as_str())
    }
}

#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

/// The record at `path`, if there is one. One of a newer teu is an error, and stays as it is.
pub(crate) fn load<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, NetworkError> {
    let damaged = |source| NetworkError::Damaged { path: path.to_path_buf(), source };
    let Some(bytes) = read(path)? else { return Ok(None) };
    // The version first: what else a newer teu writes is not ours to understand.
    let Versioned { version } = serde_json::from_slice(&bytes).map_err(damaged)?;
    if version > VERSION {
        return Err(NetworkError::Newer { path: path.to_path_buf(), version });
    }
    Ok(Some(serde_json::from_slice(&bytes).map_err(damaged)?))
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, NetworkError> {
    use std::io::Read;
    let mut bytes = Vec::with_capacity(2048);
    let result =
        std::fs::File::open(path).and_then(|file| file.take(LENGTH_MAX).read_to_end(&mut bytes));
    match result {
        Ok(_) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => state(Err(error), || format!("read {}", path.display())),
    }
}

/// Writes a record in one step.
pub(crate) fn save<T: Serialize>(
    path: &Path,
    record: &T,
    durability: Durability,
) -> Result<(), NetworkError> {
    let mut text = serde_json::to_vec(record)
        .map_err(|source| NetworkError::Damaged { path: path.to_path_buf(), source })?;
    text.push(b'\n');
    let written = durable::replace(path, &text, 0o600, durability);
    state(written, || format!("write {}", path.display()))
}

/// Makes a directory, with those above it, for root's eyes only.
pub(crate) fn make_directory(path: &Path) -> Result<(), NetworkError> {
    use std::os::unix::fs::DirBuilderExt;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    state(made, || format!("make the directory {}", path.display()))
}
