//! A container's /etc/resolv.conf: the host's, made to work from inside.
//!
//! A name server at a loopback address is the host's own and not reachable from a container. So
//! where the host has only such ones, the servers behind it are looked up where the usual local
//! resolvers write them; where none does, docker's fall-back stands in: Google's public servers.

use crate::hosts::word;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr};

/// The host's own, then where local resolvers (systemd-resolved, NetworkManager's and resolvconf's
/// dnsmasq) say whom they ask.
const FILES: [&str; 5] = [
    "/etc/resolv.conf",
    "/run/systemd/resolve/resolv.conf",
    "/run/NetworkManager/no-stub-resolv.conf",
    "/run/dnsmasq/resolv.conf",
    "/run/resolvconf/resolv.conf",
];

const FALL_BACK: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(8, 8, 8, 8)), IpAddr::V4(Ipv4Addr::new(8, 8, 4, 4))];

/// What `--dns`, `--dns-search` and `--dns-option` ask for; what is empty comes from the host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DnsOptions {
    /// Name servers.
    pub servers: Vec<IpAddr>,
    /// Domains to search; one of `.` means none.
    pub search: Vec<String>,
    /// Options, such as `ndots:2`.
    pub options: Vec<String>,
}

/// The text of the first of the host's files that names a server a container can reach; the host's
/// own where none does.
pub fn host_resolv_conf() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let usable = FILES.iter().map(|path| read(path)).find(|text| reachable(text).next().is_some());
    usable.unwrap_or_else(|| read(FILES[0]))
}

/// The container's file, from the host's and what was asked for.
pub fn resolv_conf(host: &str, asked: &DnsOptions) -> String {
    let mut servers = asked.servers.clone();
    if servers.is_empty() {
        servers.extend(reachable(host));
    }
    if servers.is_empty() {
        servers.extend(FALL_BACK);
    }
    let mut file = String::new();
    for server in servers {
        writeln!(file, "nameserver {server}").unwrap_or(());
    }
    let search = words(&asked.search, host, &["search", "domain"]);
    let options = words(&asked.options, host, &["options"]);
    if !search.is_empty() && search != ["."] {
        writeln!(file, "search {}", search.join(" ")).unwrap_or(());
    }
    if !options.is_empty() {
        writeln!(file, "options {}", options.join(" ")).unwrap_or(());
    }
    file
}

/// All name servers of a file.
pub(crate) fn servers(text: &str) -> impl Iterator<Item = IpAddr> {
    let values = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        (words.next() == Some("nameserver")).then(|| words.next()).flatten()
    });
    // A zone (fe80::1%eth0) names an interface of the host's; such a server is not for others.
    values.filter_map(|value| value.parse().ok())
}

/// Those that a container reaches: it has IPv4 only, and a loopback interface of its own.
fn reachable(text: &str) -> impl Iterator<Item = IpAddr> {
    servers(text)
        .filter(|server| server.is_ipv4() && !server.is_loopback() && !server.is_unspecified())
}

/// What was asked for, else the words of the host's last line with one of these keys: the last one
/// counts, says `resolv.conf(5)`.
fn words(asked: &[String], host: &str, keys: &[&str]) -> Vec<String> {
    if !asked.is_empty() {
        return asked.iter().map(|text| word(text)).filter(|word| !word.is_empty()).collect();
    }
    let mut lines = host.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let last = lines.rfind(|words| words.first().is_some_and(|key| keys.contains(key)));
    last.iter().flatten().skip(1).map(|word| word.to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(host: &str, asked: &DnsOptions, expected: &str) {
        assert_eq!(resolv_conf(host, asked), expected, "from {host:?} and {asked:?}");
    }

    #[test]
    fn from_the_host() {
        let nothing = DnsOptions::default();
        check(
            "# made by x\nnameserver 10.0.0.1\nnameserver 10.0.0.2\nsearch a.org b.org\noptions ndots:2 edns0\n",
            &nothing,
            "nameserver 10.0.0.1\nnameserver 10.0.0.2\nsearch a.org b.org\noptions ndots:2 edns0\n",
        );
        let fall_back = "nameserver 8.8.8.8\nnameserver 8.8.4.4\n";
        check("", &nothing, fall_back);
        check("nameserver 127.0.0.53\n", &nothing, fall_back);
        check("nameserver ::1\nnameserver fe80::1%eth0\nnameserver\n", &nothing, fall_back);
        check("nameserver 127.0.0.1\nnameserver 9.9.9.9\n", &nothing, "nameserver 9.9.9.9\n");
        check("domain a.org\nnameserver 9.9.9.9", &nothing, "nameserver 9.9.9.9\nsearch a.org\n");
        check(
            "search a.org\nsearch b.org\nnameserver 9.9.9.9",
            &nothing,
            "nameserver 9.9.9.9\nsearch b.org\n",
        );
    }

    #[test]
    fn as_asked() {
        let asked = DnsOptions {
            servers: vec!["1.1.1.1".parse().unwrap(), "2606:4700::1111".parse().unwrap()],
            search: vec![".".into()],
            options: vec!["ndots:1\nnameserver 6.6.6.6".into()],
        };
        check(
            "nameserver 10.0.0.1\nsearch a.org\noptions rotate\n",
            &asked,
            "nameserver 1.1.1.1\nnameserver 2606:4700::1111\noptions ndots:1nameserver6.6.6.6\n",
        );
        let loopback =
            DnsOptions { servers: vec!["127.0.0.1".parse().unwrap()], ..DnsOptions::default() };
        check("nameserver 10.0.0.1\n", &loopback, "nameserver 127.0.0.1\n");
    }
}
