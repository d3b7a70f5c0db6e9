//! Who has which hardware address: `RTM_NEWNEIGH` (`rtnetlink(7)`), for ARP and for a bridge's table
//! of ports.

use crate::Requests;
use crate::link::Mac;
use crate::message::{ACK, CREATE, REPLACE};
use std::net::Ipv4Addr;

const RTM_NEWNEIGH: u16 = 28;
const NDA_DST: u16 = 1;
const NDA_LLADDR: u16 = 2;
const AF_INET: u8 = 2;
const AF_BRIDGE: u8 = 7;
const NUD_REACHABLE: u8 = 0x02;
const NTF_MASTER: u8 = 0x04;

fn ndmsg(family: u8, ifindex: u32, state: u8, flags: u8) -> [u8; 12] {
    // family, pad (8 and 16 bits), index (32), state (16), flags, type
    let [a, b, c, d] = ifindex.to_ne_bytes();
    let [e, f] = u16::from(state).to_ne_bytes();
    [family, 0, 0, 0, a, b, c, d, e, f, flags, 0]
}

/// Tells the host who has `address` behind interface `ifindex` now, whatever it remembered. The
/// entry ages as one that was asked for.
pub fn replace(requests: &mut Requests, ifindex: u32, address: Ipv4Addr, mac: Mac) {
    let header = ndmsg(AF_INET, ifindex, NUD_REACHABLE, 0);
    requests
        .message("RTM_NEWNEIGH", RTM_NEWNEIGH, ACK | CREATE | REPLACE, &header)
        .put(NDA_DST, &address.octets())
        .put(NDA_LLADDR, &mac);
}

/// Tells a bridge that `mac` is behind its port `ifindex` now, and no longer behind another. The
/// entry ages as one that was learnt.
pub fn replace_port(requests: &mut Requests, ifindex: u32, mac: Mac) {
    let header = ndmsg(AF_BRIDGE, ifindex, NUD_REACHABLE, NTF_MASTER);
    requests
        .message("RTM_NEWNEIGH", RTM_NEWNEIGH, ACK | CREATE | REPLACE, &header)
        .put(NDA_LLADDR, &mac);
}
