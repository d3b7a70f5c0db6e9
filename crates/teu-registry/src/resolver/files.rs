//! /etc/hosts and /etc/resolv.conf, as hosts(5) and resolv.conf(5) tell them.

use super::TIMEOUT_MAX;
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

/// Of larger files the beginning counts.
const FILE_SIZE_MAX: u64 = 4 << 20;

/// A file's text; nothing where it cannot be read, as the C library has it.
pub(super) fn read(path: &Path) -> String {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path);
    let read = file.and_then(|file| file.take(FILE_SIZE_MAX).read_to_end(&mut bytes));
    read.map_or_else(|_| String::new(), |_| String::from_utf8_lossy(&bytes).into_owned())
}

/// The addresses that the text of a hosts file gives to `name`, IPv4 first.
pub(crate) fn addresses_in_hosts(text: &str, name: &str) -> Vec<IpAddr> {
    let mut found: Vec<IpAddr> = text
        .lines()
        .filter_map(|line| {
            let mut words = line.split('#').next()?.split_whitespace();
            let address = words.next()?.parse().ok()?;
            words.any(|word| word.eq_ignore_ascii_case(name)).then_some(address)
        })
        .collect();
    found.sort_by_key(IpAddr::is_ipv6);
    found
}

/// What resolv.conf decides.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ResolvConf {
    pub servers: Vec<SocketAddr>,
    pub search: Vec<String>,
    pub dots_min: usize,
    pub attempts: u32,
    pub timeout: Duration,
}

impl ResolvConf {
    /// Limits and defaults are those of resolv.conf(5).
    pub fn parse(text: &str) -> ResolvConf {
        let mut conf = ResolvConf {
            servers: Vec::new(),
            search: Vec::new(),
            dots_min: 1,
            attempts: 2,
            timeout: Duration::from_secs(5),
        };
        for line in text.lines().filter(|line| !line.starts_with(['#', ';'])) {
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") => {
                    // A zone (`%eth0`) is for link-local servers, which are not asked.
                    let address = words.next().and_then(|word| word.parse::<IpAddr>().ok());
                    conf.servers.extend(address.map(|address| SocketAddr::new(address, 53)));
                }
                Some("search" | "domain") => {
                    conf.search =
                        words.map(|word| word.trim_end_matches('.').to_string()).collect();
                }
                Some("options") => words.for_each(|word| conf.option(word)),
                _ => {}
            }
        }
        conf.servers.truncate(3);
        conf.search.truncate(6);
        if conf.servers.is_empty() {
            conf.servers.push((Ipv4Addr::LOCALHOST, 53).into());
        }
        conf
    }

    fn option(&mut self, word: &str) {
        let Some((name, Ok(value))) =
            word.split_once(':').map(|(name, value)| (name, value.parse::<u32>()))
        else {
            return;
        };
        match name {
            "ndots" => self.dots_min = value.min(15) as usize,
            "attempts" => self.attempts = value.clamp(1, 5),
            "timeout" => {
                self.timeout = Duration::from_secs(value.max(1).into()).min(TIMEOUT_MAX);
            }
            _ => {}
        }
    }

    /// The full names to ask for, in order.
    pub fn candidates(&self, name: &str, absolute: bool) -> Vec<String> {
        if absolute {
            return vec![name.to_string()];
        }
        let searched = self.search.iter().filter(|domain| !domain.is_empty());
        let mut names: Vec<String> = searched.map(|domain| format!("{name}.{domain}")).collect();
        let enough_dots = name.matches('.').count() >= self.dots_min;
        names.insert(if enough_dots { 0 } else { names.len() }, name.to_string());
        names
    }
}

#[test]
fn hosts() {
    let text = "127.0.0.1 localhost\n::5 reg # reg2\n10.0.0.1\treg.example Reg\nbad reg\n";
    let find =
        |name| addresses_in_hosts(text, name).iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(find("reg"), ["10.0.0.1", "::5"]);
    assert_eq!(find("reg2"), [""; 0]);
}

#[test]
fn resolv_conf() {
    let conf = ResolvConf::parse(
        "# x\nnameserver 1.1.1.1\nnameserver fe80::1%eth0\nnameserver ::1\nsearch a.example b.\noptions ndots:2 timeout:99 attempts:0 rotate",
    );
    assert_eq!(conf.servers, ["1.1.1.1:53".parse().unwrap(), "[::1]:53".parse().unwrap()]);
    assert_eq!((conf.dots_min, conf.attempts, conf.timeout), (2, 1, TIMEOUT_MAX));
    assert_eq!(conf.candidates("x", false), ["x.a.example", "x.b", "x"]);
    assert_eq!(conf.candidates("x.y.z", false), ["x.y.z", "x.y.z.a.example", "x.y.z.b"]);
    assert_eq!(conf.candidates("x", true), ["x"]);
    assert_eq!(ResolvConf::parse("").servers, ["127.0.0.1:53".parse().unwrap()]);
}
