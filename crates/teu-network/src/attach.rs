//! A container's cable: made, plugged in at both ends, and known to its neighbours.
//!
//! Each line is one send, so as to wait for the kernel's one network lock (rtnl) as few times as
//! possible:
//! ```text
//!  host    RTM_NEWLINK   veth, its peer inside the namespace; host's end up, port of the bridge
//!  inside  lo up · address · eth0 up · default route
//!  host    look at both interfaces · neighbour · bridge's table
//! ```
//! The last line is not for show. The kernel works off changes of carriers at most once a second,
//! unless somebody looks: without it the first connection may wait for that second. And what host and
//! bridge remember of an address's last owner is replaced.
//!
//! Nothing is taken back here: all of it goes with the namespace.

use crate::error::Doing;
use crate::{Lease, Mac, Network, NetworkError, Networks, sysctl};
use std::os::fd::{AsFd, BorrowedFd};
use teu_kernel::{libc, netns};
use teu_netlink::link::{self, Link, Veth};
use teu_netlink::{NetlinkError, Requests, Socket, address, neighbour, route};

/// How the container's end is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttachOptions<'a> {
    /// Its name.
    pub ifname: &'a str,
    /// Whether the namespace's default route leads through this network.
    pub default_route: bool,
}

impl Default for AttachOptions<'_> {
    fn default() -> Self {
        AttachOptions { ifname: "eth0", default_route: true }
    }
}

/// A cable that is plugged in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Endpoint {
    /// The host's end. Its name stays taken for a while after the container; the number never comes back.
    pub host_ifindex: u32,
    /// The host's end's name.
    pub host_ifname: String,
    /// The container's end, as numbered inside.
    pub ifindex: u32,
    /// The container's end's hardware address.
    pub mac: Mac,
}

/// The loopback interface has this number in every namespace.
const LOOPBACK: u32 = 1;

impl Networks {
    /// Plugs the network namespace `inside` into `network`. It must be empty of other interfaces of
    /// that name. On an error the namespace is of no use any more; what was made goes with it.
    pub fn attach(
        &self,
        network: &Network,
        lease: &Lease,
        inside: BorrowedFd<'_>,
        options: &AttachOptions<'_>,
    ) -> Result<Endpoint, NetworkError> {
        let mut host = Socket::route().doing(opening)?;
        let mut inner = inner_socket(inside)?;
        let (host_ifindex, ifindex) = make_cable(&mut host, network, lease, inside, options)?;
        raise(&mut inner, ifindex, lease, options)
            .doing(|| format!("set up {} in the container", options.ifname))?;
        announce(&mut host, network, lease, host_ifindex)
            .doing(|| format!("announce {} to the host", lease.address))?;
        let host_ifname = lease.host_ifname.clone();
        Ok(Endpoint { host_ifindex, host_ifname, ifindex, mac: lease.mac })
    }
}

/// Switches the loopback interface of a namespace on, for containers without a network.
pub fn loopback_up(inside: BorrowedFd<'_>) -> Result<(), NetworkError> {
    let home = netns::current().doing(visiting)?;
    let mut socket =
        netns::visit(home.as_fd(), inside, Socket::route).doing(visiting)?.doing(opening)?;
    let mut requests = Requests::new();
    link::set_up(&mut requests, LOOPBACK);
    socket.send(&requests).doing(|| "set up lo in the container".to_string())
}

fn opening() -> String {
    "open a netlink socket".to_string()
}

fn visiting() -> String {
    "visit the container's network namespace".to_string()
}

/// A socket into the namespace, whose interfaces to come are closed to IPv6: this network has none,
/// and a container must take neither an address nor a route from a neighbour's router advertisement
/// (CVE-2020-13401, CVE-2024-32473). `lo` keeps ::1.
fn inner_socket(inside: BorrowedFd<'_>) -> Result<Socket, NetworkError> {
    let home = netns::current().doing(visiting)?;
    let visit = || {
        sysctl::set_if_there("ipv6/conf/default/disable_ipv6", "1")?;
        sysctl::set_if_there("ipv6/conf/default/accept_ra", "0")?;
        Socket::route().doing(opening)
    };
    netns::visit(home.as_fd(), inside, visit).doing(visiting)?
}

/// The numbers of both ends: the host's, and the container's.
fn make_cable(
    host: &mut Socket,
    network: &Network,
    lease: &Lease,
    inside: BorrowedFd<'_>,
    options: &AttachOptions<'_>,
) -> Result<(u32, u32), NetworkError> {
    let step = || format!("make the interface {}", lease.host_ifname);
    let mut requests = Requests::new();
    let veth = Veth {
        host_name: &lease.host_ifname,
        master: network.ifindex,
        peer_name: options.ifname,
        peer_mac: lease.mac.0,
        peer_netns: inside,
        mtu: network.mtu,
    };
    link::new_veth(&mut requests, &veth);
    let mut made: Option<Link> = None;
    match host.transact(&requests, |reply| made = made.take().or(Link::read(reply))) {
        Err(error) if error.raw_os_error() == Some(libc::EXFULL) => {
            return Err(NetworkError::BridgeFull { bridge: network.bridge.clone() });
        }
        result => result.doing(step)?,
    }
    // Linux before 6.2 does not echo what it made.
    let made = match made {
        Some(link) => Some(link),
        None => link::find(host, &lease.host_ifname).doing(step)?,
    };
    let gone = NetlinkError::Malformed { request: "RTM_NEWLINK" };
    let made = made.ok_or(gone).doing(step)?;
    // Left out where both ends have one number, which happens in different namespaces.
    Ok((made.ifindex, made.link.unwrap_or(made.ifindex)))
}

fn raise(
    inner: &mut Socket,
    ifindex: u32,
    lease: &Lease,
    options: &AttachOptions<'_>,
) -> Result<(), NetlinkError> {
    let mut requests = Requests::new();
    link::set_up(&mut requests, LOOPBACK);
    address::add(&mut requests, ifindex, lease.address, lease.prefix);
    link::set_up(&mut requests, ifindex);
    if options.default_route {
        route::add_default(&mut requests, lease.gateway, ifindex);
    }
    inner.send(&requests)
}

fn announce(
    host: &mut Socket,
    network: &Network,
    lease: &Lease,
    host_ifindex: u32,
) -> Result<(), NetlinkError> {
    let mut requests = Requests::new();
    link::get_index(&mut requests, host_ifindex);
    link::get_index(&mut requests, network.ifindex);
    neighbour::replace(&mut requests, network.ifindex, lease.address, lease.mac.0);
    neighbour::replace_port(&mut requests, host_ifindex, lease.mac.0);
    match host.send(&requests) {
        // The port does not learn yet, because the kernel (before 6.8, say) still knows of no
        // carrier; the bridge then learns from the container's first packet.
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => Ok(()),
        result => result,
    }
}
