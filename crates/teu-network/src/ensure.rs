//! One verb, told in order: the default network stands when this returns.
//!
//! On the way of every start, so in two halves: a look whether all is as it was last seen (one
//! message to rtnetlink, one to nf_tables, one setting; no lock), and, where it is not, the whole
//! under locks. The firewall's generation is what makes the look cheap: any change by anyone raises
//! it, and only then its chains are read.

use crate::error::{Doing, state};
use crate::state::{Config, VERSION, load, make_directory, save};
use crate::{Network, NetworkError, Networks, Note, bridge, firewall, forward, sysctl};
use std::io;
use teu_kernel::durable::Durability;
use teu_kernel::flock::Lock;
use teu_kernel::{netns, random};
use teu_model::NetworkId;
use teu_netlink::{NetlinkError, Requests, Socket, address, link, nft};

/// The name of the default network, docker's.
const DEFAULT: &str = "bridge";

/// After so many changes by others while we look, the next start looks again.
const ROUNDS_MAX: usize = 8;

impl Networks {
    /// The default network: its bridge, address, firewall and forwarding are in place.
    ///
    /// Safe to call at once from many processes; does nothing where nothing is missing, and repairs
    /// what another program removed.
    pub fn ensure_default(&self) -> Result<Network, NetworkError> {
        match self.standing(DEFAULT)? {
            Some(network) => Ok(network),
            None => self.stand_up(DEFAULT),
        }
    }

    /// What a user should know about the default network, once it has stood.
    pub fn notes(&self) -> Result<Vec<Note>, NetworkError> {
        let Some(id) = self.id_of(DEFAULT)? else { return Ok(Vec::new()) };
        Ok(self.live(&id)?.map(|network| network.notes).unwrap_or_default())
    }

    /// The network if all of it is as it was last seen.
    fn standing(&self, name: &str) -> Result<Option<Network>, NetworkError> {
        let Some(id) = self.id_of(name)? else { return Ok(None) };
        let Some(network) = self.live(&id)? else { return Ok(None) };
        let whole = interface_stands(&network)?
            && sysctl::forwarding_is_on()?
            && nft_generation()? == network.generation;
        Ok(whole.then_some(network))
    }

    fn stand_up(&self, name: &str) -> Result<Network, NetworkError> {
        make_directory(&self.configs())?;
        let _networks = state(Lock::exclusive(&self.configs()), || {
            format!("lock {}", self.configs().display())
        })?;
        let config = self.config(name)?;
        make_directory(&self.addresses(&config.id))?;
        // The pool is ours once its route is there; until then all roots of this network namespace
        // choose one after the other.
        let _namespace = Lock::exclusive(netns::CURRENT.as_ref())
            .doing(|| format!("lock {}", netns::CURRENT))?;

        let before = self.live(&config.id)?;
        let mut notes = kept_notes(before.as_ref());
        let bridge = bridge::ensure(&self.bridge_name())?;
        if !sysctl::forwarding_is_on()? {
            sysctl::set_if_there("ipv4/ip_forward", "1")?;
            notes.push(Note::SwitchedForwardingOn);
        }
        let generation = self.ensure_firewall(&mut notes)?;

        let network = Network {
            version: VERSION,
            id: config.id,
            name: config.name,
            bridge: self.bridge_name(),
            ifindex: bridge.ifindex,
            mac: bridge.mac,
            pool: bridge.pool,
            gateway: bridge.pool.gateway(),
            mtu: bridge.mtu,
            notes,
            generation,
        };
        save(&self.live_file(&network.id), &network, Durability::ThisBoot)?;
        Ok(network)
    }

    /// The firewall's generation at which nothing was found missing.
    fn ensure_firewall(&self, notes: &mut Vec<Note>) -> Result<u32, NetworkError> {
        let table = self.table_name();
        let step = || format!("write the firewall table {table}");
        let mut socket = Socket::netfilter().doing(step)?;
        forward::note_legacy(notes);
        for _ in 0..ROUNDS_MAX {
            let generation = nft::generation(&mut socket).doing(step)?;
            let mut changed = firewall::ensure(&mut socket, &table, &self.bridge_name())?;
            changed |= forward::ensure(&mut socket, &table, &self.bridge_name(), notes)?;
            if !changed {
                return Ok(generation);
            }
        }
        Ok(0)
    }

    /// What was asked for, made where it is missing. Under the lock of `networks`.
    fn config(&self, name: &str) -> Result<Config, NetworkError> {
        if let Some(id) = self.id_of(name)?
            && let Some(config) = load::<Config>(&self.config_file(&id))?
        {
            return Ok(config);
        }
        let bytes = state(random::random(), || "get random bytes".to_string())?;
        let id = NetworkId::from_random(bytes);
        let config = Config { version: VERSION, id: id.clone(), name: name.to_string() };
        make_directory(&self.configs().join(id.as_str()))?;
        save(&self.config_file(&id), &config, Durability::Synced)?;
        // The name last: until then nobody knows of the network.
        let file = self.name_file(name);
        make_directory(file.parent().unwrap_or(&self.paths.root))?;
        let text = format!("{id}\n");
        let named = teu_kernel::durable::replace(&file, text.as_bytes(), 0o600, Durability::Synced);
        state(named, || format!("write {}", file.display()))?;
        Ok(config)
    }

    fn id_of(&self, name: &str) -> Result<Option<NetworkId>, NetworkError> {
        let file = self.name_file(name);
        match std::fs::read_to_string(&file) {
            Ok(text) => Ok(NetworkId::parse(text.trim_end()).ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => state(Err(error), || format!("read {}", file.display())),
        }
    }

    /// The record of what stands; a damaged one counts as none, it is made again.
    pub(crate) fn live(&self, id: &NetworkId) -> Result<Option<Network>, NetworkError> {
        match load(&self.live_file(id)) {
            Err(NetworkError::Damaged { .. }) => Ok(None),
            other => other,
        }
    }
}

/// The bridge is up and has its address.
fn interface_stands(network: &Network) -> Result<bool, NetworkError> {
    let step = || format!("ask for the bridge {}", network.bridge);
    let mut socket = Socket::route().doing(step)?;
    let mut requests = Requests::new();
    link::get_index(&mut requests, network.ifindex);
    address::get(&mut requests, network.ifindex);
    let (mut is_up, mut has_address) = (false, false);
    let asked = socket.transact(&requests, |reply| {
        if let Some(link) = link::Link::read(reply) {
            is_up = link.up && link.name == network.bridge;
        }
        has_address |= address::read(reply) == Some((network.gateway, network.pool.prefix()));
    });
    match asked {
        Ok(()) => Ok(is_up && has_address),
        Err(NetlinkError::Refused { .. }) => Ok(false),
        Err(error) => Err(error).doing(step),
    }
}

fn nft_generation() -> Result<u32, NetworkError> {
    let step = || "ask for the firewall's generation".to_string();
    let mut socket = Socket::netfilter().doing(step)?;
    nft::generation(&mut socket).doing(step)
}

/// What stays true of an earlier record of this boot.
fn kept_notes(before: Option<&Network>) -> Vec<Note> {
    let notes = before.map(|network| network.notes.as_slice()).unwrap_or_default();
    notes.iter().filter(|note| **note == Note::SwitchedForwardingOn).cloned().collect()
}
