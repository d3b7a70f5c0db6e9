//! Messages to and from the kernel's network: `netlink(7)`, of which `rtnetlink(7)` (interfaces,
//! addresses, routes) and `NETLINK_NETFILTER` (nf_tables) are used here.
//!
//! A request is answered within `send`: when it returns, the answers wait in the socket, so a
//! `receive` for an answer that is due never sleeps for long.

use rustix::net::{
    AddressFamily, Protocol, RecvFlags, ReturnFlags, SendFlags, SocketFlags, SocketType,
};
use std::io::{self, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

/// Whom a socket speaks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// `NETLINK_ROUTE`: interfaces, addresses, routes, neighbours.
    Route,
    /// `NETLINK_NETFILTER`: nf_tables.
    Netfilter,
}

/// The option level of netlink sockets; `libc` has it for some targets only.
const SOL_NETLINK: libc::c_int = 270;
const NETLINK_EXT_ACK: libc::c_int = 11;
const NETLINK_GET_STRICT_CHK: libc::c_int = 12;
const NETLINK_CAP_ACK: libc::c_int = 10;

/// A socket into the caller's network namespace, where it stays whatever the caller joins later.
///
/// Refusals come with the kernel's own words (`NETLINK_EXT_ACK`, Linux 4.12), answers do not repeat
/// the request (`NETLINK_CAP_ACK`, 4.3), and questions are taken literally: a filter that the
/// kernel does not know is an error instead of an answer about everything
/// (`NETLINK_GET_STRICT_CHK`, 4.20).
pub fn open(family: Family) -> io::Result<OwnedFd> {
    let protocol: Option<Protocol> = match family {
        Family::Route => None,
        Family::Netfilter => Some(rustix::net::netlink::NETFILTER),
    };
    let socket = rustix::net::socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        protocol,
    )?;
    for option in [NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK] {
        switch_on(&socket, option)?;
    }
    Ok(socket)
}

/// Sends one or several messages at once. The kernel takes all of it or nothing.
pub fn send(socket: BorrowedFd<'_>, messages: &[u8]) -> io::Result<()> {
    let sent =
        rustix::io::retry_on_intr(|| rustix::net::send(socket, messages, SendFlags::NOSIGNAL))?;
    if sent == messages.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

/// The next datagram (one or several messages): how many bytes of `buffer` it filled. One that is
/// longer than `buffer` is an error, never cut.
pub fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    let message = rustix::io::retry_on_intr(|| {
        let mut parts = [IoSliceMut::new(buffer)];
        let mut ancillary = rustix::net::RecvAncillaryBuffer::default();
        rustix::net::recvmsg(socket, &mut parts, &mut ancillary, RecvFlags::empty())
    })?;
    if message.flags.contains(ReturnFlags::TRUNC) {
        let text = "the kernel's answer is longer than its reader expects";
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    Ok(message.bytes)
}

fn switch_on(socket: &OwnedFd, option: libc::c_int) -> io::Result<()> {
    let on: libc::c_int = 1;
    let length = size_of_val(&on) as libc::socklen_t;
    // SAFETY: `on` outlives the call, which reads `length` bytes of it; the socket is open.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            SOL_NETLINK,
            option,
            (&raw const on).cast::<libc::c_void>(),
            length,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[test]
fn opens_without_rights() {
    open(Family::Route).unwrap();
}
