//! What this root holds in the kernel and on disk, for `fsck`; and how all of it goes.

use crate::error::{Doing, state};
use crate::lease::Lease;
use crate::state::load;
use crate::{NetworkError, Networks, firewall, forward};
use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use teu_kernel::flock::Lock;
use teu_kernel::netns;
use teu_model::{ContainerId, NetworkId};
use teu_netlink::{Requests, Socket, link, nft};

/// Everything that carries this root's id. Other roots' things are never in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holdings {
    /// Bridges.
    pub bridges: Vec<String>,
    /// Host's ends of cables; each one's sandbox is that of the lease with its name.
    pub veths: Vec<String>,
    /// Tables of the firewall.
    pub tables: Vec<String>,
    /// How many rules of ours stand in tables of others.
    pub rules_elsewhere: usize,
    /// Addresses that are held.
    pub leases: Vec<HeldLease>,
}

/// An address that is held, as `fsck` needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeldLease {
    /// In which network.
    pub network: NetworkId,
    /// The address.
    pub address: Ipv4Addr,
    /// Whose it is; nothing where the file does not say so (it is damaged, and may be removed).
    pub sandbox: Option<ContainerId>,
    /// The name of the host's end of its cable.
    pub host_ifname: Option<String>,
}

impl Networks {
    /// What this root holds, in the calling thread's network namespace and on disk.
    pub fn holdings(&self) -> Result<Holdings, NetworkError> {
        let mut route = Socket::route().doing(asking)?;
        let links = link::list(&mut route).doing(asking)?;
        let of_kind = |kind: &str, prefix: &str| -> Vec<String> {
            let ours = links
                .iter()
                .filter(|link| link.kind.as_deref() == Some(kind) && link.name.starts_with(prefix));
            ours.map(|link| link.name.clone()).collect()
        };
        let mut socket = Socket::netfilter().doing(asking)?;
        let name = self.table_name();
        let table = nft::table(&mut socket, firewall::table(&name)).doing(asking)?;
        Ok(Holdings {
            bridges: of_kind("bridge", &self.bridge_name()),
            veths: of_kind("veth", &self.veth_prefix()),
            tables: table.into_iter().map(|table| table.name).collect(),
            rules_elsewhere: forward::ours(&mut socket, &name).doing(asking)?.len(),
            leases: self.leases()?,
        })
    }

    /// All addresses that are held, in every network.
    pub fn leases(&self) -> Result<Vec<HeldLease>, NetworkError> {
        let mut leases = Vec::new();
        for network in names(&self.run())? {
            let Ok(network) = NetworkId::parse(&network) else { continue };
            let directory = self.addresses(&network);
            for name in names(&directory)? {
                let Ok(address) = name.parse() else { continue };
                let lease = match load::<Lease>(&directory.join(&name)) {
                    // Given back meanwhile.
                    Ok(None) => continue,
                    Ok(lease) => lease,
                    Err(NetworkError::Damaged { .. }) => None,
                    Err(error) => return Err(error),
                };
                let (sandbox, host_ifname) =
                    lease.map(|lease| (lease.sandbox, lease.host_ifname)).unzip();
                leases.push(HeldLease { network: network.clone(), address, sandbox, host_ifname });
            }
        }
        Ok(leases)
    }

    /// Gives back the addresses of sandboxes that do not exist any more; tells which.
    pub fn release_abandoned(
        &self,
        exists: &dyn Fn(&ContainerId) -> bool,
    ) -> Result<Vec<HeldLease>, NetworkError> {
        let mut abandoned = self.leases()?;
        abandoned.retain(|lease| !lease.sandbox.as_ref().is_some_and(exists));
        for lease in &abandoned {
            if let Some(sandbox) = &lease.sandbox {
                self.release(sandbox)?;
            }
            self.remove_without_record(lease)?;
        }
        Ok(abandoned)
    }

    /// Removes a lease whose sandbox has no record of it (any more). Only if it is still the same
    /// sandbox's: the address may have a new owner by now.
    fn remove_without_record(&self, lease: &HeldLease) -> Result<(), NetworkError> {
        let name = self.addresses(&lease.network).join(lease.address.to_string());
        let sandbox = match load::<Lease>(&name) {
            Ok(None) => return Ok(()),
            Ok(Some(found)) => Some(found.sandbox),
            Err(NetworkError::Damaged { .. }) => None,
            Err(error) => return Err(error),
        };
        if sandbox != lease.sandbox {
            return Ok(());
        }
        match std::fs::remove_file(&name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => state(result, || format!("remove {}", name.display())),
        }
    }

    /// What is wrong with this root's firewall table, if there is one.
    pub fn firewall_fault(&self) -> Result<Option<(String, String)>, NetworkError> {
        let mut socket = Socket::netfilter().doing(asking)?;
        let name = self.table_name();
        let fault = firewall::fault(&mut socket, &name, &self.bridge_name())?;
        Ok(fault.map(|fault| (name, fault)))
    }

    /// The firewall table as it should be.
    pub fn restore_firewall(&self) -> Result<(), NetworkError> {
        let _namespace = Lock::exclusive(netns::CURRENT.as_ref())
            .doing(|| format!("lock {}", netns::CURRENT))?;
        let mut socket = Socket::netfilter().doing(asking)?;
        firewall::restore(&mut socket, &self.table_name(), &self.bridge_name())
    }

    /// Removes the host's end of a cable, and with it the other. Only one that carries this root's id.
    pub fn remove_veth(&self, name: &str) -> Result<(), NetworkError> {
        let mut route = Socket::route().doing(asking)?;
        if name.starts_with(&self.veth_prefix())
            && let Some(veth) = link::find(&mut route, name).doing(asking)?
        {
            let mut requests = Requests::new();
            link::delete(&mut requests, veth.ifindex);
            route.send(&requests).doing(|| format!("remove the interface {name}"))?;
        }
        Ok(())
    }

    /// Takes the default network out of the kernel: its rules, table and bridge. Its record stays,
    /// and the next [`Networks::ensure_default`] makes it again. IP forwarding stays as it is:
    /// another program may count on it by now.
    pub fn take_down(&self) -> Result<(), NetworkError> {
        let leases = self.leases()?.len();
        if leases > 0 {
            return Err(NetworkError::InUse { name: self.bridge_name(), leases });
        }
        let _namespace = Lock::exclusive(netns::CURRENT.as_ref())
            .doing(|| format!("lock {}", netns::CURRENT))?;
        let mut socket = Socket::netfilter().doing(asking)?;
        forward::remove(&mut socket, &self.table_name())?;
        firewall::remove(&mut socket, &self.table_name())?;
        let mut route = Socket::route().doing(asking)?;
        if let Some(bridge) = link::find(&mut route, &self.bridge_name()).doing(asking)? {
            let mut requests = Requests::new();
            link::delete(&mut requests, bridge.ifindex);
            route.send(&requests).doing(|| format!("remove the bridge {}", bridge.name))?;
        }
        Ok(())
    }
}

fn asking() -> String {
    "ask the kernel for this root's networks".to_string()
}

fn names(directory: &Path) -> Result<Vec<String>, NetworkError> {
    let entries = match std::fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => state(entries, || format!("list {}", directory.display()))?,
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    Ok(names.collect())
}
