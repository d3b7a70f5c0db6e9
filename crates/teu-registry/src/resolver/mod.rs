//! Names to addresses without the C library, whose static form would load plugins at run time.
//!
//! As resolver(3) does it: /etc/hosts first, then the name servers of /etc/resolv.conf in order, with
//! its search list; UDP, and TCP where an answer is cut. IPv4 addresses come before IPv6 ones: a
//! machine without an IPv6 route then loses no time.

pub(crate) mod files;
pub(crate) mod message;
mod query;

use files::ResolvConf;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;
use ureq::http::Uri;
use ureq::unversioned::resolver::ResolvedSocketAddrs;
use ureq::unversioned::transport::NextTimeout;

/// Why a name has no address.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// The name servers know no such name, or no address for it.
    #[error("no such host")]
    NoSuchHost,
    /// It cannot be asked for.
    #[error("`{name}` is no host name")]
    BadName {
        /// What was given.
        name: String,
    },
    /// No server gave a usable answer.
    #[error("the name server {server} gave no answer")]
    NoAnswer {
        /// The last one asked.
        server: SocketAddr,
        /// What happened.
        source: io::Error,
    },
    /// The server answered that it failed.
    #[error("the name server {server} failed (code {code})")]
    ServerFailed {
        /// The last one asked.
        server: SocketAddr,
        /// DNS's response code.
        code: u8,
    },
}

/// Looks names up. Reads its files afresh each time: they change under a long-lived server.
#[derive(Clone, Debug)]
pub(crate) struct Resolver {
    hosts: PathBuf,
    resolv_conf: PathBuf,
}

impl Resolver {
    /// With the files of this machine.
    pub fn of_system() -> Resolver {
        Resolver { hosts: "/etc/hosts".into(), resolv_conf: "/etc/resolv.conf".into() }
    }

    /// All addresses of `host`.
    pub fn lookup(&self, host: &str) -> Result<Vec<IpAddr>, ResolveError> {
        let name = host.trim_end_matches('.').to_ascii_lowercase();
        if let Ok(address) = name.parse() {
            return Ok(vec![address]);
        }
        if name == "localhost" || name.ends_with(".localhost") {
            return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
        }
        let known = files::addresses_in_hosts(&files::read(&self.hosts), &name);
        if !known.is_empty() {
            return Ok(known);
        }
        let conf = ResolvConf::parse(&files::read(&self.resolv_conf));
        ask_servers(&conf, host, &name)
    }
}

/// Each candidate name, each round, each server.
fn ask_servers(conf: &ResolvConf, host: &str, name: &str) -> Result<Vec<IpAddr>, ResolveError> {
    let mut failure = None;
    for candidate in conf.candidates(name, host.ends_with('.')) {
        'candidate: for _ in 0..conf.attempts {
            for &server in &conf.servers {
                match query::addresses(server, &candidate, conf.timeout) {
                    Ok(found) if !found.is_empty() => return Ok(found),
                    // This server knows: there is none. The next candidate, then.
                    Ok(_) | Err(ResolveError::NoSuchHost) => break 'candidate,
                    Err(error @ ResolveError::BadName { .. }) => return Err(error),
                    Err(error) => failure = Some(error),
                }
            }
        }
    }
    Err(failure.unwrap_or(ResolveError::NoSuchHost))
}

impl ureq::unversioned::resolver::Resolver for Resolver {
    fn resolve(
        &self,
        uri: &Uri,
        _: &ureq::config::Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let host =
            uri.authority().map_or("", |authority| crate::config::host_of(authority.as_str()));
        let standard = if uri.scheme_str() == Some("https") { 443 } else { 80 };
        let port = uri.port_u16().unwrap_or(standard);
        let found = self.lookup(host).map_err(|error| ureq::Error::Other(Box::new(error)))?;
        let mut addresses = self.empty();
        // The array holds sixteen.
        for address in found.into_iter().take(16) {
            addresses.push(SocketAddr::new(address, port));
        }
        Ok(addresses)
    }
}

/// The longest wait for one answer that a resolv.conf can ask for.
const TIMEOUT_MAX: Duration = Duration::from_secs(30);

#[test]
fn names_that_need_no_server() {
    let nowhere = Resolver { hosts: "/no/hosts".into(), resolv_conf: "/no/conf".into() };
    let first = |host: &str| nowhere.lookup(host).unwrap()[0].to_string();
    assert_eq!(first("10.1.2.3"), "10.1.2.3");
    assert_eq!(first("::1"), "::1");
    assert_eq!(first("localhost"), "127.0.0.1");
    assert_eq!(first("a.LOCALHOST."), "127.0.0.1");
}
