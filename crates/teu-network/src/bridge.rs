//! The bridge of a network: made once, adopted when it stands, completed when its maker died.

use crate::error::Doing;
use crate::{Mac, NetworkError, Pool, host_resolv_conf, pool, resolv, sysctl};
use std::net::{IpAddr, Ipv4Addr};
use teu_netlink::{Requests, Socket, address, link, route};

/// docker's, and Ethernet's.
const MTU: u32 = 1500;
/// Every link that carries IPv6 takes as much.
const MTU_MIN: u32 = 1280;

/// A bridge that stands.
pub(crate) struct Bridge {
    pub(crate) ifindex: u32,
    pub(crate) mac: Mac,
    pub(crate) pool: Pool,
    pub(crate) mtu: u32,
}

/// Makes `name` a bridge with an address, up. The caller holds the namespace's lock.
pub(crate) fn ensure(name: &str) -> Result<Bridge, NetworkError> {
    let step = || format!("make the bridge {name}");
    let mut socket = Socket::route().doing(step)?;
    let found = link::find(&mut socket, name).doing(step)?;
    let link = match found {
        Some(link) if link.kind.as_deref() == Some("bridge") => link,
        Some(_) => return Err(NetworkError::NameTaken { name: name.to_string() }),
        None => make(&mut socket, name)?,
    };

    let addresses = address::list(&mut socket, link.ifindex).doing(step)?;
    let own = |&(address, prefix): &(Ipv4Addr, u8)| {
        Pool::new(address, prefix).filter(|pool| pool.gateway() == address)
    };
    let pool = match addresses.iter().find_map(own) {
        Some(pool) => pool,
        None => choose_pool(&mut socket)?,
    };
    let mut requests = Requests::new();
    address::add(&mut requests, link.ifindex, pool.gateway(), pool.prefix());
    link::set_up(&mut requests, link.ifindex);
    socket.send(&requests).doing(|| format!("give {name} the address {}", pool.gateway()))?;
    let mac = Mac(link.mac.unwrap_or_default());
    Ok(Bridge { ifindex: link.ifindex, mac, pool, mtu: link.mtu })
}

/// A bridge, not yet up, and closed to IPv6: a container must not send the host router
/// advertisements (CVE-2020-13401), and an address of its own would first have to be checked for
/// duplicates (a second).
fn make(socket: &mut Socket, name: &str) -> Result<link::Link, NetworkError> {
    let step = || format!("make the bridge {name}");
    let pool = choose_pool(socket)?;
    let mac = Mac::of_address(pool.gateway());
    let mut requests = Requests::new();
    link::new_bridge(&mut requests, name, mac.0, way_out_mtu(socket).doing(step)?);
    socket.send(&requests).doing(step)?;
    sysctl::set_if_there(&format!("ipv6/conf/{name}/accept_ra"), "0")?;
    sysctl::set_if_there(&format!("ipv6/conf/{name}/disable_ipv6"), "1")?;
    let made = link::find(socket, name).doing(step)?;
    made.ok_or_else(|| NetworkError::NameTaken { name: name.to_string() })
}

/// The first pool that meets no route, of any table, and no name server of the host (which may be
/// known by the default route alone).
fn choose_pool(socket: &mut Socket) -> Result<Pool, NetworkError> {
    let routes = route::list(socket).doing(|| "ask for this host's routes".to_string())?;
    let routes = routes.iter().map(|route| (route.destination, route.prefix));
    let resolv_conf = host_resolv_conf();
    let servers = resolv::servers(&resolv_conf).filter_map(|server| match server {
        IpAddr::V4(address) => Some((address, 32)),
        IpAddr::V6(_) => None,
    });
    let taken: Vec<(Ipv4Addr, u8)> = routes.chain(servers).collect();
    let tried = pool::candidates().count();
    pool::choose(&taken).ok_or(NetworkError::NoFreePool { tried })
}

/// What passes through the interfaces of the default routes: a container that sends more loses
/// packets wherever a firewall eats the message that says so.
fn way_out_mtu(socket: &mut Socket) -> Result<u32, teu_netlink::NetlinkError> {
    let mut mtu = MTU;
    let defaults = route::list(socket)?.into_iter().filter(|route| route.prefix == 0);
    for ifindex in defaults.filter_map(|route| route.ifindex) {
        if let Some(link) = link::find_index(socket, ifindex)? {
            mtu = mtu.min(link.mtu);
        }
    }
    Ok(mtu.max(MTU_MIN))
}
