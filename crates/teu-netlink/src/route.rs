//! Routes: `RTM_NEWROUTE`, `RTM_GETROUTE` (`rtnetlink(7)`). IPv4 so far.

use crate::message::{ACK, CREATE, DUMP, REPLACE};
use crate::{NetlinkError, Requests, Socket, attributes};
use std::net::Ipv4Addr;

const RTM_NEWROUTE: u16 = 24;
const RTM_GETROUTE: u16 = 26;
const RTA_DST: u16 = 1;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;
const AF_INET: u8 = 2;
const RT_TABLE_MAIN: u8 = 254;
const RTPROT_BOOT: u8 = 3;
const RTN_UNICAST: u8 = 1;

/// A route of any table and kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Where to.
    pub destination: Ipv4Addr,
    /// How many bits of `destination` count: 0 is the default route.
    pub prefix: u8,
    /// Through which interface; nothing for those that lead nowhere.
    pub ifindex: Option<u32>,
}

/// The default route through `gateway`; doing it twice changes nothing.
pub fn add_default(requests: &mut Requests, gateway: Ipv4Addr, ifindex: u32) {
    // rtmsg: family, dst_len, src_len, tos, table, protocol, scope (universe), type, flags (32)
    let rtmsg = [AF_INET, 0, 0, 0, RT_TABLE_MAIN, RTPROT_BOOT, 0, RTN_UNICAST, 0, 0, 0, 0];
    requests
        .message("RTM_NEWROUTE", RTM_NEWROUTE, ACK | CREATE | REPLACE, &rtmsg)
        .put(RTA_GATEWAY, &gateway.octets())
        .put_u32(RTA_OIF, ifindex);
}

/// All IPv4 routes of all tables, those of addresses (table `local`) included.
pub fn list(socket: &mut Socket) -> Result<Vec<Route>, NetlinkError> {
    let mut requests = Requests::new();
    let mut rtmsg = [0; 12];
    rtmsg[0] = AF_INET;
    requests.message("RTM_GETROUTE", RTM_GETROUTE, DUMP, &rtmsg);
    let mut routes = Vec::new();
    socket.transact(&requests, |reply| {
        if reply.kind == RTM_NEWROUTE {
            routes.extend(read(reply.payload));
        }
    })?;
    Ok(routes)
}

fn read(payload: &[u8]) -> Option<Route> {
    let mut route =
        Route { destination: Ipv4Addr::UNSPECIFIED, prefix: *payload.get(1)?, ifindex: None };
    for part in attributes(payload.get(12..)?) {
        match part.kind {
            RTA_DST => route.destination = <[u8; 4]>::try_from(part.content).ok()?.into(),
            RTA_OIF => route.ifindex = part.u32(),
            _ => {}
        }
    }
    (route.prefix <= 32).then_some(route)
}
