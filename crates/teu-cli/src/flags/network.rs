//! Network, names and name servers.

use super::{CreateFlags, Flag, Takes};
use std::net::IpAddr;
use teu_model::{CreateRequest, NetworkRequest};

/// As typed.
#[derive(Clone, Debug, Default)]
pub struct NetworkFlags {
    network: Option<String>,
    hostname: Option<String>,
    domainname: Option<String>,
    dns: Vec<String>,
    add_host: Vec<String>,
}

/// Their definitions.
pub const NETWORK: &[Flag<CreateFlags>] = &[
    Flag {
        long: "network",
        short: None,
        takes: Takes::Value("network"),
        doc: "Connect the container to a network (bridge, none, host)",
        set: |typed, value| {
            typed.network.network = Some(value.to_string());
            Ok(())
        },
    },
    // Docker's older name for it, which it still takes.
    Flag {
        long: "net",
        short: None,
        takes: Takes::Value("network"),
        doc: "The same as --network",
        set: |typed, value| {
            typed.network.network = Some(value.to_string());
            Ok(())
        },
    },
    Flag {
        long: "hostname",
        short: Some('h'),
        takes: Takes::Value("string"),
        doc: "Container host name",
        set: |typed, value| {
            typed.network.hostname = Some(value.to_string());
            Ok(())
        },
    },
    Flag {
        long: "domainname",
        short: None,
        takes: Takes::Value("string"),
        doc: "Container NIS domain name",
        set: |typed, value| {
            typed.network.domainname = Some(value.to_string());
            Ok(())
        },
    },
    Flag {
        long: "dns",
        short: None,
        takes: Takes::Value("list"),
        doc: "Set custom DNS servers",
        set: |typed, value| {
            typed.network.dns.push(value.to_string());
            Ok(())
        },
    },
    Flag {
        long: "add-host",
        short: None,
        takes: Takes::Value("list"),
        doc: "Add a custom host-to-IP mapping (host:ip)",
        set: |typed, value| {
            typed.network.add_host.push(value.to_string());
            Ok(())
        },
    },
];

impl NetworkFlags {
    /// Into the request.
    pub fn resolve(self, request: &mut CreateRequest) -> Result<(), String> {
        request.network = match self.network.as_deref() {
            None | Some("" | "default" | "bridge") => NetworkRequest::Bridge,
            Some("none") => NetworkRequest::None,
            Some("host") => NetworkRequest::Host,
            Some(other) if other.starts_with("container:") => {
                let name = &other["container:".len()..];
                if name.is_empty() {
                    return Err("invalid container format container:<name|id>".to_string());
                }
                request.kernel.network_of = Some(name.to_string());
                NetworkRequest::Joined
            }
            Some(other) => {
                return Err(format!(
                    "network {other} not found: there are bridge, none and host; networks of one's own come later"
                ));
            }
        };
        request.hostname = self.hostname.filter(|name| !name.is_empty());
        request.domainname = self.domainname.filter(|name| !name.is_empty());
        for server in &self.dns {
            let address = server.parse::<IpAddr>();
            request.dns.push(address.map_err(|_| format!("{server} is not an ip address"))?);
        }
        for host in &self.add_host {
            request.extra_hosts.push(one_host(host)?);
        }
        Ok(())
    }
}

/// `name:address` or `name=address`; an IPv6 address may stand in brackets.
fn one_host(text: &str) -> Result<(String, String), String> {
    let bad = || format!("bad format for add-host: \"{text}\"");
    // The address may have colons too: the name ends at the first separator.
    let (name, address) = text.split_once(['=', ':']).ok_or_else(bad)?;
    let bare = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(address);
    if name.is_empty() {
        return Err(bad());
    }
    if bare != "host-gateway" && bare.parse::<IpAddr>().is_err() {
        return Err(format!("invalid IP address in add-host: \"{address}\""));
    }
    Ok((name.to_string(), bare.to_string()))
}

#[test]
fn hosts() {
    let check = |text: &str, expected: &str| {
        let got = one_host(text).map_or_else(|error| error, |(name, ip)| format!("{name} {ip}"));
        assert_eq!(got, expected, "{text}");
    };
    check("a:10.0.0.1", "a 10.0.0.1");
    check("a=::1", "a ::1");
    check("a:[::1]", "a ::1");
    check("a:host-gateway", "a host-gateway");
    check("a", "bad format for add-host: \"a\"");
    check(":1.2.3.4", "bad format for add-host: \":1.2.3.4\"");
    check("a:300.0.0.1", "invalid IP address in add-host: \"300.0.0.1\"");
}
