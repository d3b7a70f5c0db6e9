//! The init layer: /etc/hosts, /etc/hostname and /etc/resolv.conf, written at each start and bound over
//! the image's own, which stay untouched and out of every commit.

use crate::{EngineError, files};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use teu_kernel::durable::{Durability, replace};
use teu_model::{CreateRequest, NetworkRequest};
use teu_network::{DnsOptions, HostEntry, Lease};

/// Writes the three files into `directory`.
pub(crate) fn write(
    directory: &Path,
    request: &CreateRequest,
    hostname: &str,
    lease: Option<&Lease>,
) -> Result<(), EngineError> {
    files::make_directory(directory)?;
    let write = |name: &str, text: &str| {
        let path: PathBuf = directory.join(name);
        // Users inside read them, whoever they are.
        replace(&path, text.as_bytes(), 0o644, Durability::ThisBoot)
            .map_err(|source| EngineError::State { attempt: "write", path, source })
    };
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let asked = DnsOptions {
        servers: request.dns.clone(),
        search: request.dns_search.clone(),
        options: request.dns_options.clone(),
    };
    let (hosts, resolv_conf) = match request.network {
        // With the host's network, the host's own view of names.
        NetworkRequest::Host if asked == DnsOptions::default() => {
            (read("/etc/hosts"), read("/etc/resolv.conf"))
        }
        NetworkRequest::Host => {
            (read("/etc/hosts"), teu_network::resolv_conf(&read("/etc/resolv.conf"), &asked))
        }
        NetworkRequest::Bridge | NetworkRequest::None | NetworkRequest::Joined => {
            let own: Vec<IpAddr> =
                lease.map(|lease| IpAddr::V4(lease.address)).into_iter().collect();
            let domainname = request.domainname.as_deref().unwrap_or_default();
            let hosts =
                teu_network::hosts_file(hostname, domainname, &own, &added(request, lease)?);
            (hosts, teu_network::resolv_conf(&teu_network::host_resolv_conf(), &asked))
        }
    };
    let hosts = match request.network {
        NetworkRequest::Host => added(request, lease)?
            .iter()
            .fold(hosts, |text, entry| format!("{text}{}\t{}\n", entry.address, entry.name)),
        _ => hosts,
    };
    write("hostname", &format!("{hostname}\n"))?;
    write("hosts", &hosts)?;
    write("resolv.conf", &resolv_conf)
}

/// The three files of another container.
pub(crate) fn copy(directory: &Path, from: &Path) -> Result<(), EngineError> {
    files::make_directory(directory)?;
    for name in ["hostname", "hosts", "resolv.conf"] {
        let failed =
            |attempt, path: PathBuf| move |source| EngineError::State { attempt, path, source };
        let (source, path) = (from.join(name), directory.join(name));
        let text = std::fs::read(&source).map_err(failed("read", source))?;
        replace(&path, &text, 0o644, Durability::ThisBoot)
            .map_err(failed("write", path.clone()))?;
    }
    Ok(())
}

fn added(request: &CreateRequest, lease: Option<&Lease>) -> Result<Vec<HostEntry>, EngineError> {
    let entry = |(name, address): &(String, String)| {
        let address = match (address.as_str(), lease) {
            ("host-gateway", Some(lease)) => IpAddr::V4(lease.gateway),
            ("host-gateway", None) => IpAddr::from([127, 0, 0, 1]),
            (text, _) => text.parse().map_err(|_| {
                EngineError::bad(format!("invalid IP address in add-host: \"{text}\""))
            })?,
        };
        Ok(HostEntry { name: name.clone(), address })
    };
    request.extra_hosts.iter().map(entry).collect()
}
