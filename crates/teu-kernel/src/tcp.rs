//! Connections that nobody waits for: `tcp(7)`, nonblocking.

use rustix::net::{AddressFamily, SocketFlags, SocketType};
use std::io;
use std::net::SocketAddrV4;
use std::os::fd::{BorrowedFd, OwnedFd};

/// Begins a connection in the calling thread's network namespace. It is made, or has failed, when it can be
/// written to: [`outcome`].
pub fn connect(to: SocketAddrV4) -> io::Result<OwnedFd> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
    match rustix::net::connect(&socket, &to) {
        Ok(()) | Err(rustix::io::Errno::INPROGRESS) => Ok(socket),
        Err(error) => Err(error.into()),
    }
}

/// What became of a connection (`SO_ERROR`).
pub fn outcome(socket: BorrowedFd<'_>) -> io::Result<()> {
    rustix::net::sockopt::socket_error(socket)?.map_err(io::Error::from)
}

#[test]
fn a_connection_is_made_or_refused() {
    use crate::poll::{PollFd, PollFlags, poll};
    use std::net::{Ipv4Addr, TcpListener};
    use std::os::fd::AsFd;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let done = |port| {
        let socket = connect(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))?;
        poll(&mut [PollFd::new(&socket, PollFlags::OUT)], None)?;
        outcome(socket.as_fd())
    };
    done(port).unwrap();
    drop(listener);
    assert_eq!(done(port).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
}
