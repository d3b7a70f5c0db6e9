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
    dns_search: Vec<String>,
    dns_options: Vec<String>,
    expose: Vec<String>,
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
        long: "dns-search",
        short: None,
        takes: Takes::Value("list"),
        doc: "Set custom DNS search domains; one of . means none",
        set: |typed, value| {
            typed.network.dns_search.push(value.to_string());
            Ok(())
        },
    },
    Flag {
        long: "dns-option",
        short: None,
        takes: Takes::Value("list"),
        doc: "Set DNS options",
        set: |typed, value| {
            typed.network.dns_options.push(value.to_string());
            Ok(())
        },
    },
    // Docker's older name for it, which it still takes.
    Flag {
        long: "dns-opt",
        short: None,
        takes: Takes::Value("list"),
        doc: "The same as --dns-option",
        set: |typed, value| {
            typed.network.dns_options.push(value.to_string());
            Ok(())
        },
    },
    Flag {
        long: "expose",
        short: None,
        takes: Takes::Value("list"),
        doc: "Expose a port or a range of ports: 80, 8000-8010/udp",
        set: |typed, value| {
            typed.network.expose.push(value.to_string());
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
        for domain in &self.dns_search {
            request.dns_search.push(search_domain(domain)?);
        }
        request.dns_options = self.dns_options;
        for ports in &self.expose {
            request.exposed.extend(exposed(ports)?);
        }
        request.exposed.sort_unstable();
        request.exposed.dedup();
        for host in &self.add_host {
            request.extra_hosts.push(one_host(host)?);
        }
        Ok(())
    }
}

/// A domain's name, or `.`; docker's words.
fn search_domain(text: &str) -> Result<String, String> {
    let domain = text.trim();
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let labels = domain.strip_suffix('.').unwrap_or(domain);
    let has_letter = domain.bytes().any(|byte| byte.is_ascii_alphabetic());
    if domain == "." || has_letter && labels.split('.').all(is_label) {
        return Ok(domain.to_string());
    }
    Err(format!("{text} is not a valid domain"))
}

/// `80`, `80/udp`, `8000-8010/tcp`: each port; docker's words.
fn exposed(text: &str) -> Result<Vec<String>, String> {
    if text.contains(':') {
        return Err(format!("invalid port format for --expose: {text}"));
    }
    let bad = |why: String| format!("invalid range format for --expose: {text}, error: {why}");
    let (range, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let protocol = if protocol.is_empty() { "tcp" } else { protocol };
    if range.is_empty() {
        return Err(bad("empty string specified for ports.".to_string()));
    }
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    let number = |text: &str| {
        let out_of_range = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty();
        let why = if out_of_range { "value out of range" } else { "invalid syntax" };
        text.parse::<u16>()
            .map_err(|_| bad(format!("strconv.ParseUint: parsing \"{text}\": {why}")))
    };
    let (first, last) = (number(first)?, number(last)?);
    if last < first {
        return Err(bad(format!("Invalid range specified for the Port: {range}")));
    }
    if !["tcp", "udp", "sctp"].contains(&protocol) {
        return Err(format!("invalid protocol for --expose: {protocol}"));
    }
    Ok((first..=last).map(|port| format!("{port}/{protocol}")).collect())
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

#[test]
fn domains_and_ports() {
    for good in ["a", "a.org", "a-b.c1.", ".", " a "] {
        assert_eq!(search_domain(good).unwrap(), good.trim());
    }
    for bad in ["", "1.2", "-a.org", "a..b", "a_b"] {
        assert_eq!(search_domain(bad).unwrap_err(), format!("{bad} is not a valid domain"));
    }
    assert_eq!(exposed("80").unwrap(), ["80/tcp"]);
    assert_eq!(exposed("8-10/udp").unwrap(), ["8/udp", "9/udp", "10/udp"]);
    for (bad, why) in [
        ("80:80", "invalid port format for --expose: 80:80"),
        ("x", "error: strconv.ParseUint: parsing \"x\": invalid syntax"),
        ("70000", "error: strconv.ParseUint: parsing \"70000\": value out of range"),
        ("9-8", "error: Invalid range specified for the Port: 9-8"),
        ("80/x", "invalid protocol for --expose: x"),
        ("", "empty string specified for ports."),
    ] {
        let told = exposed(bad).unwrap_err();
        assert!(told.contains(why), "{bad}: {told}");
    }
}
