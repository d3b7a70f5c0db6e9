//! The eight namespaces: `namespaces(7)`.

use std::fs;

/// Each with what it isolates.
const KINDS: [(&str, &str); 8] = [
    ("mnt", "mounts"),
    ("pid", "process ids"),
    ("net", "devices, addresses, ports, firewall"),
    ("ipc", "System V IPC, POSIX queues"),
    ("uts", "host and domain name"),
    ("user", "user ids and capabilities"),
    ("cgroup", "the view of control groups"),
    ("time", "the monotonic and boot clocks"),
];

/// Name, id, and whether it is the host's.
pub(crate) fn rows(host: &str) -> Vec<(&'static str, String, &'static str)> {
    let row = |(kind, what): (&'static str, &'static str)| {
        let link = fs::read_link(format!("/proc/self/ns/{kind}"));
        let Ok(link) = link.map(|link| link.to_string_lossy().into_owned()) else {
            return (kind, "not in this kernel".to_string(), what);
        };
        let owner = match host.split(' ').find(|other| other.starts_with(&format!("{kind}:"))) {
            Some(other) if other == link => "the host's",
            Some(_) => "its own",
            None => "",
        };
        let id = link.trim_start_matches(kind).trim_matches([':', '[', ']']).to_string();
        (kind, format!("{id} {owner}").trim_end().to_string(), what)
    };
    KINDS.map(row).to_vec()
}

#[test]
fn tells_own_from_the_hosts() {
    let mine = fs::read_link("/proc/self/ns/net").unwrap().to_string_lossy().into_owned();
    let rows = rows(&format!("{mine} pid:[1]"));
    assert_eq!(rows.len(), 8);
    assert!(rows[2].1.ends_with("the host's"), "{:?}", rows[2]);
    assert!(rows[1].1.ends_with("its own"), "{:?}", rows[1]);
}
