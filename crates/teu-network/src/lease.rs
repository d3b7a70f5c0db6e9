//! An address for a sandbox, which no other gets while it is held.
//!
//! One file with two names, made by `link(2)`, which fails where the name exists: so a lease is there
//! or not, whole from its first moment, and nobody waits for a lock.
//!
//! ```text
//!  1  sandboxes/<id>/networks/<network>   written: which address is meant, and the cable's name
//!  2  networks/<id>/addresses/<address>   linked to it: it is held; or the next address is tried
//! ```
//! Whoever dies in between leaves a record that holds nothing, and its release finds that out.
//! Addresses are given in turn, from the one given last (`cursor`, a hint): an address just given
//! back may still be answered for by its dying namespace.

use crate::error::state;
use crate::state::{VERSION, load, make_directory, save};
use crate::{Network, NetworkError, Networks};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use teu_kernel::durable::Durability;
use teu_kernel::random;
use teu_model::{ContainerId, NetworkId};

/// A hardware address.
#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// docker's rule: 02:42 and the address. So an address that comes back has the hardware address
    /// that its neighbours remember.
    pub fn of_address(address: Ipv4Addr) -> Mac {
        let [a, b, c, d] = address.octets();
        Mac([0x02, 0x42, a, b, c, d])
    }
}

/// An address that a sandbox holds in one network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Lease {
    pub(crate) version: u32,
    /// In which network.
    pub network: NetworkId,
    /// Who holds it: the container that made the sandbox.
    pub sandbox: ContainerId,
    /// The address.
    pub address: Ipv4Addr,
    /// The length of its net.
    pub prefix: u8,
    /// Where its packets to elsewhere go.
    pub gateway: Ipv4Addr,
    /// The hardware address of the container's end.
    pub mac: Mac,
    /// What the host's end will be called: `t<root><random>`, never used twice.
    pub host_ifname: String,
}

impl Networks {
    /// A free address of `network` for `sandbox`; the same again where it already has one.
    pub fn lease(&self, network: &Network, sandbox: &ContainerId) -> Result<Lease, NetworkError> {
        let records = self.sandbox(sandbox).join("networks");
        let record = records.join(network.id.as_str());
        if let Some(lease) = self.held(&record)? {
            return Ok(lease);
        }
        let addresses = self.addresses(&network.id);
        let mut lease = self.new_lease(network, sandbox)?;
        make_directory(&records)?;

        let cursor = addresses.with_file_name("cursor");
        let last = std::fs::read_to_string(&cursor).unwrap_or_default();
        let last = last.trim_end().parse().ok().and_then(|last| network.pool.number(last));
        for number in in_turn(last, network.pool.size()) {
            lease.address = network.pool.address(number);
            lease.mac = Mac::of_address(lease.address);
            let name = addresses.join(lease.address.to_string());
            if !is_free(&name)? {
                continue;
            }
            save(&record, &lease, Durability::ThisBoot)?;
            match std::fs::hard_link(&record, &name) {
                Ok(()) => {
                    // A hint: where it cannot be written, the next search is longer.
                    std::fs::write(&cursor, format!("{}\n", lease.address)).unwrap_or(());
                    return Ok(lease);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => state(Err(error), || format!("lease {}", lease.address))?,
            }
        }
        self.release(sandbox)?;
        Err(NetworkError::PoolFull { pool: network.pool })
    }

    /// The lease that `record` tells of, if its address is really held by it.
    pub(crate) fn held(&self, record: &Path) -> Result<Option<Lease>, NetworkError> {
        let lease: Lease = match load(record) {
            Ok(Some(lease)) => lease,
            // Cut off while it was written: nothing was linked to it yet.
            Ok(None) | Err(NetworkError::Damaged { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let name = self.addresses(&lease.network).join(lease.address.to_string());
        Ok(is_same_file(record, &name)?.then_some(lease))
    }

    fn new_lease(&self, network: &Network, sandbox: &ContainerId) -> Result<Lease, NetworkError> {
        let bytes: [u8; 4] = state(random::random(), || "get random bytes".to_string())?;
        let unique = u32::from_be_bytes(bytes);
        Ok(Lease {
            version: VERSION,
            network: network.id.clone(),
            sandbox: sandbox.clone(),
            address: network.gateway,
            prefix: network.pool.prefix(),
            gateway: network.gateway,
            mac: Mac::default(),
            host_ifname: format!("{}{unique:08x}", self.veth_prefix()),
        })
    }
}

/// The numbers of a pool's addresses for containers, each once, beginning after `last`. Neither the
/// net's own (0), nor the gateway's (1), nor the broadcast address (the last).
fn in_turn(last: Option<u32>, size: u32) -> impl Iterator<Item = u32> {
    let usable = size.saturating_sub(3);
    let start = last.map_or(0, |last| last.saturating_sub(1));
    (0..usable).map(move |step| 2 + (start + step) % usable)
}

fn is_free(name: &Path) -> Result<bool, NetworkError> {
    let exists = state(name.try_exists(), || format!("look for {}", name.display()))?;
    Ok(!exists)
}

fn is_same_file(a: &Path, b: &Path) -> Result<bool, NetworkError> {
    use std::os::unix::fs::MetadataExt;
    let number = |path: &Path| match std::fs::symlink_metadata(path) {
        Ok(file) => Ok(Some((file.dev(), file.ino()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => state(Err(error), || format!("look at {}", path.display())),
    };
    let (a, b) = (number(a)?, number(b)?);
    Ok(a.is_some() && a == b)
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, last] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{last:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for Mac {
    type Error = String;
    fn try_from(text: String) -> Result<Mac, String> {
        let mut mac = Mac::default();
        let mut parts = text.split(':');
        for byte in &mut mac.0 {
            let part = parts
                .next()
                .filter(|part| part.len() == 2 && part.bytes().all(|c| c.is_ascii_hexdigit()));
            let part = part.and_then(|part| u8::from_str_radix(part, 16).ok());
            *byte = part.ok_or_else(|| format!("`{text}` is no hardware address"))?;
        }
        if parts.next().is_some() { Err(format!("`{text}` is too long")) } else { Ok(mac) }
    }
}

impl From<Mac> for String {
    fn from(mac: Mac) -> String {
        mac.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_in_turn() {
        let turn = |last, size| in_turn(last, size).collect::<Vec<_>>();
        assert_eq!(turn(None, 8), [2, 3, 4, 5, 6]);
        assert_eq!(turn(Some(3), 8), [4, 5, 6, 2, 3]);
        assert_eq!(turn(Some(6), 8), [2, 3, 4, 5, 6]);
        assert_eq!(turn(Some(1), 4), [2]);
        assert_eq!(turn(Some(0), 4), [2]);
    }

    #[test]
    fn hardware_addresses_read_back() {
        let mac = Mac::of_address(Ipv4Addr::new(172, 17, 0, 2));
        assert_eq!(mac.to_string(), "02:42:ac:11:00:02");
        assert_eq!(Mac::try_from(mac.to_string()), Ok(mac));
        for bad in
            ["", "02:42:ac:11:00", "02:42:ac:11:00:02:03", "02:42:ac:11:00:zz", "+2:42:ac:11:00:02"]
        {
            assert!(Mac::try_from(bad.to_string()).is_err(), "{bad}");
        }
    }
}
