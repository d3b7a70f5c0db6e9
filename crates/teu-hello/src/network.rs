//! Addresses and the way out, from /proc/net: `proc_pid_net(5)`.

use std::net::Ipv4Addr;

/// Name, value, meaning.
pub(crate) fn rows() -> Vec<(String, String, &'static str)> {
    let table = std::fs::read_to_string("/proc/net/fib_trie").unwrap_or_default();
    let mut rows: Vec<_> = local_addresses(&table)
        .into_iter()
        .map(|address| match address.is_loopback() {
            true => ("loopback".to_string(), address.to_string(), ""),
            false => ("address".to_string(), address.to_string(), "leased from the bridge's pool"),
        })
        .collect();
    if rows.is_empty() {
        rows.push(("loopback".to_string(), "down".to_string(), ""));
    }
    match gateway(&std::fs::read_to_string("/proc/net/route").unwrap_or_default()) {
        Some((device, gateway)) => {
            rows.push((
                "gateway".to_string(),
                format!("{gateway} by {device}"),
                "the bridge; what leaves is masqueraded",
            ));
        }
        None => {
            rows.push(("gateway".to_string(), "none".to_string(), "nothing outside can be reached"))
        }
    }
    rows
}

/// The addresses that `fib_trie` marks `/32 host LOCAL`, each once.
fn local_addresses(table: &str) -> Vec<Ipv4Addr> {
    let mut addresses: Vec<Ipv4Addr> = Vec::new();
    let mut last = None;
    for line in table.lines() {
        if let Some((_, address)) = line.split_once("|-- ") {
            last = address.trim().parse().ok();
        } else if line.contains("/32 host LOCAL") {
            addresses.extend(last.filter(|address| !addresses.contains(address)));
        }
    }
    addresses.sort_by_key(|address| !address.is_loopback());
    addresses
}

/// The default route: destination and mask 0; numbers are hexadecimal in the machine's byte order.
fn gateway(table: &str) -> Option<(String, Ipv4Addr)> {
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [device, "00000000", gateway, ..] = fields[..] else { return None };
        let number = u32::from_str_radix(gateway, 16).ok().filter(|number| *number != 0)?;
        Some((device.to_string(), Ipv4Addr::from(number.to_ne_bytes())))
    })
}

#[test]
fn tables() {
    let trie = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 172.17.0.2\n        /32 host LOCAL\n     |-- 127.0.0.1\n        /32 host LOCAL\nLocal:\n     |-- 172.17.0.2\n        /32 host LOCAL\n     |-- 10.0.0.0\n        /8 link UNICAST\n";
    assert_eq!(local_addresses(trie), [Ipv4Addr::new(127, 0, 0, 1), Ipv4Addr::new(172, 17, 0, 2)]);
    let routes =
        "Iface\tDestination\tGateway\neth0\t000011AC\t00000000\neth0\t00000000\t010011AC\t0003\n";
    assert_eq!(gateway(routes), Some(("eth0".into(), Ipv4Addr::new(172, 17, 0, 1))));
}
