//! A container's /etc/hosts, as docker writes it. Pure.

use std::fmt::Write;
use std::net::IpAddr;

const DEFAULT: &str = "127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
ff00::0\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
";

/// A name that `--add-host` gives an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostEntry {
    /// The name.
    pub name: String,
    /// Its address.
    pub address: IpAddr,
}

/// The file: the loopback names, what was added, and the container's own name at each of its
/// addresses. White space and control characters in names are left out: a name cannot make a line.
pub fn hosts_file(
    hostname: &str,
    domainname: &str,
    addresses: &[IpAddr],
    added: &[HostEntry],
) -> String {
    let mut file = DEFAULT.to_string();
    let own = if domainname.is_empty() {
        word(hostname)
    } else {
        format!("{}.{} {}", word(hostname), word(domainname), word(hostname))
    };
    let added = added.iter().map(|entry| (entry.address, word(&entry.name)));
    let own = addresses.iter().map(|&address| (address, own.clone()));
    for (address, names) in added.chain(own) {
        writeln!(file, "{address}\t{names}").unwrap_or(());
    }
    file
}

/// `text` without what would end a word or a line.
pub(crate) fn word(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && !c.is_control()).collect()
}

#[test]
fn names_and_addresses() {
    let address: IpAddr = "172.17.0.2".parse().unwrap();
    let added =
        [HostEntry { name: "db\n6.6.6.6 bank".into(), address: "10.0.0.1".parse().unwrap() }];
    let file = hosts_file("web", "example.org", &[address], &added);
    assert_eq!(
        file.strip_prefix(DEFAULT).unwrap(),
        "10.0.0.1\tdb6.6.6.6bank\n172.17.0.2\tweb.example.org web\n"
    );
    assert!(hosts_file("web", "", &[address], &[]).ends_with("\n172.17.0.2\tweb\n"));
    assert_eq!(hosts_file("web", "", &[], &[]), DEFAULT);
}
