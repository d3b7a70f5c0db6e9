//! Addresses of interfaces: `RTM_NEWADDR`, `RTM_GETADDR` (`rtnetlink(7)`). IPv4 so far.

use crate::message::{ACK, CREATE, DUMP, REPLACE};
use crate::{NetlinkError, Reply, Requests, Socket, attributes};
use std::net::Ipv4Addr;

const RTM_NEWADDR: u16 = 20;
const RTM_DELADDR: u16 = 21;
const RTM_GETADDR: u16 = 22;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_BROADCAST: u16 = 4;
const AF_INET: u8 = 2;

fn ifaddrmsg(prefix: u8, ifindex: u32) -> [u8; 8] {
    // family, prefix length, flags, scope, index
    let [a, b, c, d] = ifindex.to_ne_bytes();
    [AF_INET, prefix, 0, 0, a, b, c, d]
}

/// Gives an interface an address with its net's broadcast address; doing it twice changes nothing.
pub fn add(requests: &mut Requests, ifindex: u32, address: Ipv4Addr, prefix: u8) {
    let host_bits = u32::MAX.checked_shr(u32::from(prefix)).unwrap_or(0);
    let flags = ACK | CREATE | REPLACE;
    requests
        .message("RTM_NEWADDR", RTM_NEWADDR, flags, &ifaddrmsg(prefix, ifindex))
        .put(IFA_LOCAL, &address.octets())
        .put(IFA_ADDRESS, &address.octets())
        .put(IFA_BROADCAST, &(address.to_bits() | host_bits).to_be_bytes());
}

/// Takes an address from an interface.
pub fn delete(requests: &mut Requests, ifindex: u32, address: Ipv4Addr, prefix: u8) {
    requests
        .message("RTM_DELADDR", RTM_DELADDR, ACK, &ifaddrmsg(prefix, ifindex))
        .put(IFA_LOCAL, &address.octets());
}

/// Asks for the IPv4 addresses of an interface; [`read`] reads the answers.
pub fn get(requests: &mut Requests, ifindex: u32) {
    requests.message("RTM_GETADDR", RTM_GETADDR, DUMP, &ifaddrmsg(0, ifindex));
}

/// An address and its prefix length from an answer; nothing where it is about something else.
pub fn read(reply: Reply<'_>) -> Option<(Ipv4Addr, u8)> {
    let prefix = *reply.payload.get(1)?;
    let local = attributes(reply.payload.get(8..)?).find(|part| part.kind == IFA_LOCAL);
    let octets = <[u8; 4]>::try_from(local?.content).ok()?;
    (reply.kind == RTM_NEWADDR && prefix <= 32).then(|| (octets.into(), prefix))
}

/// The IPv4 addresses of an interface, each with its prefix length.
pub fn list(socket: &mut Socket, ifindex: u32) -> Result<Vec<(Ipv4Addr, u8)>, NetlinkError> {
    let mut requests = Requests::new();
    get(&mut requests, ifindex);
    let mut addresses = Vec::new();
    socket.transact(&requests, |reply| addresses.extend(read(reply)))?;
    Ok(addresses)
}
