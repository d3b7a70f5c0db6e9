//! What the user decided about registries. The door fills it in; nothing here reads the environment.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

/// Where to ask, whom to trust, whose passwords to use.
#[derive(Clone, Debug)]
pub struct RegistryConfig {
    /// `HOST`, `HOST:PORT` or `a.b.c.d/n`: plain http and unverified certificates are accepted there,
    /// as docker's `insecure-registries`. Loopback always counts as listed.
    pub insecure: Vec<String>,
    /// Registry → bases (`https://mirror.example`) that are asked before it.
    pub mirrors: BTreeMap<String, Vec<String>>,
    /// Directories laid out as docker's certs.d: `<host[:port]>/*.crt`, `*.cert` with `*.key`.
    pub ca_dirs: Vec<PathBuf>,
    /// Candidates for the system's trust store; the first that exists is used.
    pub system_roots: Vec<PathBuf>,
    /// docker's `config.json`, for its `auths`, `credHelpers` and `credsStore`.
    pub docker_config: Option<PathBuf>,
    /// Proxy for plain http, as a URL.
    pub http_proxy: Option<String>,
    /// Proxy for https, as a URL.
    pub https_proxy: Option<String>,
    /// Hosts asked without a proxy: names, `.suffixes`, or `*`.
    pub no_proxy: Vec<String>,
    /// The `User-Agent` of every request.
    pub user_agent: String,
}

impl Default for RegistryConfig {
    fn default() -> RegistryConfig {
        RegistryConfig {
            insecure: Vec::new(),
            mirrors: BTreeMap::new(),
            ca_dirs: vec!["/etc/docker/certs.d".into(), "/etc/teu/certs.d".into()],
            system_roots: [
                "/etc/ssl/certs/ca-certificates.crt",
                "/etc/pki/tls/certs/ca-bundle.crt",
                "/etc/ssl/ca-bundle.pem",
                "/etc/ssl/cert.pem",
            ]
            .map(PathBuf::from)
            .to_vec(),
            docker_config: None,
            http_proxy: None,
            https_proxy: None,
            no_proxy: Vec::new(),
            user_agent: concat!("teu/", env!("CARGO_PKG_VERSION")).to_string(),
        }
    }
}

impl RegistryConfig {
    /// Whether plain http may be spoken with `authority` (`host` or `host:port`).
    pub(crate) fn is_insecure(&self, authority: &str) -> bool {
        let host = host_of(authority);
        let address = host.parse::<IpAddr>().ok();
        let loopback = host == "localhost" || address.is_some_and(|address| address.is_loopback());
        loopback
            || self.insecure.iter().any(|listed| {
                listed == authority
                    || host_of(listed) == host && port_of(listed).is_none()
                    || address.is_some_and(|address| in_network(address, listed))
            })
    }

    /// The proxy for a request to `host`, if it is to take one.
    pub(crate) fn proxy(&self, https: bool, authority: &str) -> Option<&str> {
        let host = host_of(authority);
        let exempt = |listed: &String| {
            let suffix = listed.trim_start_matches('.');
            listed == "*"
                || listed == authority
                || host == suffix
                || host.strip_suffix(suffix).is_some_and(|before| before.ends_with('.'))
        };
        let loopback = host == "localhost"
            || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        if loopback || self.no_proxy.iter().any(exempt) {
            return None;
        }
        if https { self.https_proxy.as_deref() } else { self.http_proxy.as_deref() }
    }
}

/// `host` of `host:port`, without the brackets of an IPv6 address.
pub(crate) fn host_of(authority: &str) -> &str {
    match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => authority.split(':').next().unwrap_or(authority),
    }
}

fn port_of(authority: &str) -> Option<&str> {
    let end = authority.rfind(']').unwrap_or(0);
    authority[end..].split_once(':').map(|(_, port)| port)
}

fn in_network(address: IpAddr, network: &str) -> bool {
    let Some((base, bits)) = network.split_once('/') else { return false };
    let (Ok(base), Ok(bits)) = (base.parse::<IpAddr>(), bits.parse::<u32>()) else { return false };
    let (address, base, width) = match (address, base) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (u128::from(a.to_bits()), u128::from(b.to_bits()), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits(), b.to_bits(), 128),
        _ => return false,
    };
    bits <= width && (bits == 0 || (address ^ base) >> (width - bits) == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_be_asked_in_the_clear() {
        let config = RegistryConfig {
            insecure: ["lab.example", "box.example:5000", "10.1.0.0/16", "fd00::/8"]
                .map(String::from)
                .to_vec(),
            ..RegistryConfig::default()
        };
        for yes in [
            "localhost",
            "localhost:5000",
            "127.0.0.1:5000",
            "127.9.9.9",
            "[::1]:5000",
            "lab.example",
            "lab.example:443",
            "box.example:5000",
            "10.1.200.3:80",
            "[fd00::5]:5000",
        ] {
            assert!(config.is_insecure(yes), "{yes}");
        }
        for no in
            ["docker.io", "box.example", "10.2.0.1", "localhost.evil.example", "x.lab.example"]
        {
            assert!(!config.is_insecure(no), "{no}");
        }
    }

    #[test]
    fn proxies() {
        let config = RegistryConfig {
            https_proxy: Some("http://proxy:3128".into()),
            no_proxy: vec![".corp.example".into(), "direct.example".into()],
            ..RegistryConfig::default()
        };
        assert!(config.proxy(true, "quay.io").is_some());
        assert!(config.proxy(false, "quay.io").is_none());
        for direct in ["a.corp.example:5000", "direct.example", "127.0.0.1:5000"] {
            assert!(config.proxy(true, direct).is_none(), "{direct}");
        }
        assert!(config.proxy(true, "notcorp.example").is_some());
    }
}
