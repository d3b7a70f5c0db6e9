//! Interfaces: `RTM_NEWLINK`, `RTM_GETLINK`, `RTM_DELLINK` (`rtnetlink(7)`).

use crate::message::{ACK, CREATE, DUMP, ECHO, EXCLUSIVE};
use crate::{Message, NetlinkError, Reply, Requests, Socket, attributes};
use std::os::fd::{AsRawFd, BorrowedFd};

const RTM_NEWLINK: u16 = 16;
const RTM_DELLINK: u16 = 17;
const RTM_GETLINK: u16 = 18;
const RTM_SETLINK: u16 = 19;

const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_LINK: u16 = 5;
const IFLA_MASTER: u16 = 10;
const IFLA_LINKINFO: u16 = 18;
const IFLA_STATS64: u16 = 23;
const IFLA_NET_NS_FD: u16 = 28;
const IFLA_EXT_MASK: u16 = 29;
const IFLA_NUM_TX_QUEUES: u16 = 31;
const IFLA_NUM_RX_QUEUES: u16 = 32;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const IFLA_BR_STP_STATE: u16 = 5;
const VETH_INFO_PEER: u16 = 1;
/// `RTEXT_FILTER_SKIP_STATS`: 250 bytes of counters less in the answer.
const SKIP_STATS: u32 = 1 << 3;

const IFF_UP: u32 = 1;

/// A hardware address.
pub type Mac = [u8; 6];

/// What teu asks about an interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// Its number.
    pub ifindex: u32,
    /// Its name.
    pub name: String,
    /// `bridge`, `veth`, …; nothing for hardware.
    pub kind: Option<String>,
    /// Whether it was switched on (`IFF_UP`).
    pub up: bool,
    /// The other end, in its own namespace: a veth's peer.
    pub link: Option<u32>,
    /// The bridge it is a port of.
    pub master: Option<u32>,
    /// Its hardware address.
    pub mac: Option<Mac>,
    /// The longest packet.
    pub mtu: u32,
}

impl Link {
    /// From an answer; nothing where it is about something else.
    pub fn read(reply: Reply<'_>) -> Option<Link> {
        if reply.kind != RTM_NEWLINK {
            return None;
        }
        // ifinfomsg: family, pad, type (16), index (32), flags (32), change (32).
        let mut link = Link {
            ifindex: crate::u32_of(reply.payload.get(4..8)?)?,
            up: crate::u32_of(reply.payload.get(8..12)?)? & IFF_UP != 0,
            ..Link::default()
        };
        for part in attributes(reply.payload.get(16..)?) {
            match part.kind {
                IFLA_IFNAME => link.name = part.text()?.to_string(),
                IFLA_ADDRESS => link.mac = part.content.try_into().ok(),
                IFLA_MTU => link.mtu = part.u32()?,
                IFLA_LINK => link.link = part.u32(),
                IFLA_MASTER => link.master = part.u32(),
                IFLA_LINKINFO => {
                    let kind = part.nested().find(|inner| inner.kind == IFLA_INFO_KIND);
                    link.kind = kind.and_then(|kind| kind.text()).map(str::to_string);
                }
                _ => {}
            }
        }
        Some(link)
    }
}

fn ifinfomsg(ifindex: u32, up: bool) -> [u8; 16] {
    let mut header = [0; 16];
    header[4..8].copy_from_slice(&ifindex.to_ne_bytes());
    if up {
        header[8..12].copy_from_slice(&IFF_UP.to_ne_bytes());
        header[12..16].copy_from_slice(&IFF_UP.to_ne_bytes());
    }
    header
}

/// Asks about the interface of this name.
pub fn get(requests: &mut Requests, name: &str) {
    let mut message = requests.message("RTM_GETLINK", RTM_GETLINK, ACK, &ifinfomsg(0, false));
    message.put_u32(IFLA_EXT_MASK, SKIP_STATS).put_text(IFLA_IFNAME, name);
}

/// Asks about the interface of this number.
pub fn get_index(requests: &mut Requests, ifindex: u32) {
    let mut message = requests.message("RTM_GETLINK", RTM_GETLINK, ACK, &ifinfomsg(ifindex, false));
    message.put_u32(IFLA_EXT_MASK, SKIP_STATS);
}

/// The interface of this name, if there is one.
pub fn find(socket: &mut Socket, name: &str) -> Result<Option<Link>, NetlinkError> {
    let mut requests = Requests::new();
    get(&mut requests, name);
    one(socket, &requests)
}

/// The interface of this number, if there is one.
pub fn find_index(socket: &mut Socket, ifindex: u32) -> Result<Option<Link>, NetlinkError> {
    let mut requests = Requests::new();
    get_index(&mut requests, ifindex);
    one(socket, &requests)
}

fn one(socket: &mut Socket, requests: &Requests) -> Result<Option<Link>, NetlinkError> {
    let mut link = None;
    match socket.transact(requests, |reply| link = Link::read(reply).or(link.take())) {
        Ok(()) => Ok(link),
        Err(error) if error.raw_os_error() == Some(teu_kernel::libc::ENODEV) => Ok(None),
        Err(error) => Err(error),
    }
}

/// All interfaces.
pub fn list(socket: &mut Socket) -> Result<Vec<Link>, NetlinkError> {
    let mut requests = Requests::new();
    requests
        .message("RTM_GETLINK", RTM_GETLINK, DUMP, &ifinfomsg(0, false))
        .put_u32(IFLA_EXT_MASK, SKIP_STATS);
    let mut links = Vec::new();
    socket.transact(&requests, |reply| links.extend(Link::read(reply)))?;
    Ok(links)
}

/// What went through an interface since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Packets that came in.
    pub received_packets: u64,
    /// Packets that went out.
    pub sent_packets: u64,
    /// Bytes that came in.
    pub received_bytes: u64,
    /// Bytes that went out.
    pub sent_bytes: u64,
}

/// The counters of all interfaces, by name: one request, whatever their number.
pub fn counters(socket: &mut Socket) -> Result<Vec<(String, Counters)>, NetlinkError> {
    let mut requests = Requests::new();
    requests.message("RTM_GETLINK", RTM_GETLINK, DUMP, &ifinfomsg(0, false));
    let mut all = Vec::new();
    socket.transact(&requests, |reply| all.extend(read_counters(reply)))?;
    Ok(all)
}

fn read_counters(reply: Reply<'_>) -> Option<(String, Counters)> {
    if reply.kind != RTM_NEWLINK {
        return None;
    }
    let mut name = None;
    let mut counters = Counters::default();
    for part in attributes(reply.payload.get(16..)?) {
        // rtnl_link_stats64 begins with packets in and out, bytes in and out.
        let number = |at: usize| {
            let bytes = part.content.get(at * 8..at * 8 + 8)?;
            bytes.try_into().ok().map(u64::from_ne_bytes)
        };
        match part.kind {
            IFLA_IFNAME => name = part.text().map(str::to_string),
            IFLA_STATS64 => {
                counters = Counters {
                    received_packets: number(0)?,
                    sent_packets: number(1)?,
                    received_bytes: number(2)?,
                    sent_bytes: number(3)?,
                };
            }
            _ => {}
        }
    }
    Some((name?, counters))
}

/// A new bridge without spanning tree, not yet up. Its address is fixed: a bridge without one takes
/// the lowest of its ports', and changes it when they come and go.
pub fn new_bridge(requests: &mut Requests, name: &str, mac: Mac, mtu: u32) {
    let flags = ACK | CREATE | EXCLUSIVE;
    let mut message = requests.message("RTM_NEWLINK", RTM_NEWLINK, flags, &ifinfomsg(0, false));
    message.put_text(IFLA_IFNAME, name).put(IFLA_ADDRESS, &mac).put_u32(IFLA_MTU, mtu);
    message.nest(IFLA_LINKINFO, |info| {
        info.put_text(IFLA_INFO_KIND, "bridge");
        info.nest(IFLA_INFO_DATA, |data| {
            data.put_u32(IFLA_BR_STP_STATE, 0);
        });
    });
}

/// A pair of interfaces: the host's end and, in another namespace, the container's.
#[derive(Clone, Copy, Debug)]
pub struct Veth<'a> {
    /// The host's end.
    pub host_name: &'a str,
    /// The bridge that the host's end becomes a port of.
    pub master: u32,
    /// The container's end.
    pub peer_name: &'a str,
    /// Its hardware address.
    pub peer_mac: Mac,
    /// The container's network namespace.
    pub peer_netns: BorrowedFd<'a>,
    /// The longest packet, for both ends.
    pub mtu: u32,
}

/// The pair in one request: the peer is made inside its namespace, so that nothing has to be moved
/// or renamed (each waits for RCU, milliseconds); the host's end is a port of its bridge and up.
/// One queue each: the default of one per processor costs 180 µs.
///
/// `IFF_UP` on the peer would be refused (`ENOTCONN`): the namespace raises it.
pub fn new_veth(requests: &mut Requests, veth: &Veth<'_>) {
    let flags = ACK | ECHO | CREATE | EXCLUSIVE;
    let mut message = requests.message("RTM_NEWLINK", RTM_NEWLINK, flags, &ifinfomsg(0, true));
    message.put_text(IFLA_IFNAME, veth.host_name).put_u32(IFLA_MASTER, veth.master);
    one_queue(&mut message, veth.mtu);
    message.nest(IFLA_LINKINFO, |info| {
        info.put_text(IFLA_INFO_KIND, "veth");
        info.nest(IFLA_INFO_DATA, |data| {
            data.nest(VETH_INFO_PEER, |peer| {
                peer.raw(&ifinfomsg(0, false)).put_text(IFLA_IFNAME, veth.peer_name);
                peer.put(IFLA_ADDRESS, &veth.peer_mac);
                peer.put(IFLA_NET_NS_FD, &veth.peer_netns.as_raw_fd().to_ne_bytes());
                one_queue(peer, veth.mtu);
            });
        });
    });
}

fn one_queue(message: &mut Message<'_>, mtu: u32) {
    message.put_u32(IFLA_NUM_TX_QUEUES, 1).put_u32(IFLA_NUM_RX_QUEUES, 1).put_u32(IFLA_MTU, mtu);
}

/// Switches an interface on.
pub fn set_up(requests: &mut Requests, ifindex: u32) {
    requests.message("RTM_SETLINK", RTM_SETLINK, ACK, &ifinfomsg(ifindex, true));
}

/// Removes an interface. Waits for RCU: 10 ms and more, never on a container's way.
pub fn delete(requests: &mut Requests, ifindex: u32) {
    requests.message("RTM_DELLINK", RTM_DELLINK, ACK, &ifinfomsg(ifindex, false));
}

#[test]
fn finds_the_loopback_interface() {
    let mut socket = Socket::route().unwrap();
    let lo = find(&mut socket, "lo").unwrap().unwrap();
    assert_eq!((lo.ifindex, lo.name.as_str()), (1, "lo"));
    assert_eq!(find_index(&mut socket, 1).unwrap(), Some(lo.clone()));
    assert!(list(&mut socket).unwrap().contains(&lo));
    assert_eq!(find(&mut socket, "no-such-link").unwrap(), None);
    let counters = counters(&mut socket).unwrap();
    let (_, of_lo) = counters.iter().find(|(name, _)| name == "lo").unwrap();
    assert_eq!(of_lo.received_bytes, of_lo.sent_bytes, "what goes into lo comes out of it");
}
