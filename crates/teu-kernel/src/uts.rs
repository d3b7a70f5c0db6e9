//! The names of the machine, of which each UTS namespace has its own: `sethostname(2)`, `setdomainname(2)`.

use std::io;

/// The host name, at most 64 bytes.
pub fn set_hostname(name: &[u8]) -> io::Result<()> {
    Ok(rustix::system::sethostname(name)?)
}

/// The NIS domain name, at most 64 bytes.
pub fn set_domainname(name: &[u8]) -> io::Result<()> {
    Ok(rustix::system::setdomainname(name)?)
}
