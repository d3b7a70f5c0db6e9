//! Which addresses a network has: chosen clear of every route of the host. Pure.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

/// An IPv4 net, such as 172.17.0.0/16.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pool {
    network: Ipv4Addr,
    prefix: u8,
}

/// A text that is no pool.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is no address pool; one looks like 172.17.0.0/16, with 8 to 30 bits")]
pub struct BadPool {
    /// What was given.
    pub given: String,
}

impl Pool {
    /// The net of `prefix` bits that `address` lies in. A pool has room for a gateway and one
    /// container at least, and for 16 million at most.
    pub fn new(address: Ipv4Addr, prefix: u8) -> Option<Pool> {
        (8..=30).contains(&prefix).then(|| Pool {
            network: Ipv4Addr::from_bits(address.to_bits() & mask(prefix)),
            prefix,
        })
    }

    /// Its number of bits.
    pub fn prefix(self) -> u8 {
        self.prefix
    }

    /// The first address, the bridge's.
    pub fn gateway(self) -> Ipv4Addr {
        self.address(1)
    }

    /// How many addresses it has, those of the net, the bridge and the broadcast included.
    pub fn size(self) -> u32 {
        1 << (32 - self.prefix)
    }

    /// The address with this number; counts round at the end.
    pub(crate) fn address(self, number: u32) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.network.to_bits() | (number & !mask(self.prefix)))
    }

    /// The number of `address` in this pool.
    pub(crate) fn number(self, address: Ipv4Addr) -> Option<u32> {
        self.contains(address).then(|| address.to_bits() & !mask(self.prefix))
    }

    /// Whether `address` is one of it.
    pub fn contains(self, address: Ipv4Addr) -> bool {
        address.to_bits() & mask(self.prefix) == self.network.to_bits()
    }

    /// Whether a route of `prefix` bits to `destination` and this pool share an address.
    fn meets(self, destination: Ipv4Addr, prefix: u8) -> bool {
        let common = mask(prefix.min(self.prefix));
        destination.to_bits() & common == self.network.to_bits() & common
    }
}

fn mask(prefix: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0)
}

/// What is tried for the default network, in docker's order.
pub(crate) fn candidates() -> impl Iterator<Item = Pool> {
    let wide = (17..32).map(|second| (Ipv4Addr::new(172, second, 0, 0), 16));
    let narrow = (0..16).map(|step| (Ipv4Addr::new(192, 168, step * 16, 0), 20));
    wide.chain(narrow).filter_map(|(address, prefix)| Pool::new(address, prefix))
}

/// The first candidate that meets none of `taken` (nets by address and bits). Default routes do not
/// count: they lead to everything.
pub(crate) fn choose(taken: &[(Ipv4Addr, u8)]) -> Option<Pool> {
    let is_clear = |pool: &Pool| !taken.iter().any(|&(to, bits)| bits != 0 && pool.meets(to, bits));
    candidates().find(is_clear)
}

impl fmt::Display for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

impl FromStr for Pool {
    type Err = BadPool;
    fn from_str(text: &str) -> Result<Pool, BadPool> {
        let parse = || {
            let (address, prefix) = text.split_once('/')?;
            Pool::new(address.parse().ok()?, prefix.parse().ok()?)
        };
        parse().ok_or_else(|| BadPool { given: text.chars().take(100).collect() })
    }
}

impl TryFrom<String> for Pool {
    type Error = BadPool;
    fn try_from(text: String) -> Result<Pool, BadPool> {
        text.parse()
    }
}

impl From<Pool> for String {
    fn from(pool: Pool) -> String {
        pool.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(routes: &[&str], expected: &str) {
        let taken: Vec<(Ipv4Addr, u8)> = routes
            .iter()
            .map(|route| {
                let (address, prefix) = route.split_once('/').unwrap();
                (address.parse().unwrap(), prefix.parse().unwrap())
            })
            .collect();
        let chosen = choose(&taken).map_or("none".to_string(), |pool| pool.to_string());
        assert_eq!(chosen, expected, "beside {routes:?}");
    }

    #[test]
    fn a_pool_meets_no_route() {
        check(&[], "172.17.0.0/16");
        check(&["0.0.0.0/0", "10.0.0.0/8"], "172.17.0.0/16");
        check(&["172.17.0.0/16"], "172.18.0.0/16");
        check(&["172.17.3.9/32"], "172.18.0.0/16");
        check(&["172.17.0.0/16", "172.18.255.0/24"], "172.19.0.0/16");
        check(&["172.16.0.0/12"], "192.168.0.0/20");
        check(&["172.16.0.0/12", "192.168.1.0/24"], "192.168.16.0/20");
        check(&["172.16.0.0/12", "192.168.0.0/16"], "none");
        check(&["128.0.0.0/1"], "none");
    }

    #[test]
    fn counts_addresses() {
        let pool: Pool = "172.17.9.9/16".parse().unwrap();
        assert_eq!(pool.to_string(), "172.17.0.0/16");
        assert_eq!(pool.gateway(), Ipv4Addr::new(172, 17, 0, 1));
        assert_eq!(pool.address(65_536 + 2), Ipv4Addr::new(172, 17, 0, 2));
        assert_eq!(pool.number(Ipv4Addr::new(172, 17, 1, 0)), Some(256));
        assert_eq!(pool.number(Ipv4Addr::new(172, 18, 1, 0)), None);
        for bad in
            ["", "172.17.0.0", "172.17.0.0/33", "172.17.0.0/31", "0.0.0.0/0", "x/16", "1.2.3.4/-1"]
        {
            assert!(bad.parse::<Pool>().is_err(), "{bad}");
        }
    }
}
