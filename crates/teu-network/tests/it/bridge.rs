//! The default network's bridge: made once, repaired, clear of everything present.

use crate::machine::{on_a_machine, run, try_run};
use teu_network::{NetworkError, Note};
use teu_testkit::{Need, have};

#[test]
fn stands_once_and_is_repaired() {
    if !have(Need::Root) {
        return;
    }
    on_a_machine(|machine| {
        // A new network namespace begins with the host's setting.
        run("sysctl", "-qw net.ipv4.ip_forward=0");
        let network = machine.networks.ensure_default().unwrap();
        assert_eq!(network.pool.to_string(), "172.17.0.0/16");
        assert_eq!(network.mac.to_string(), "02:42:ac:11:00:01");
        assert_eq!(network.mtu, 1500);
        assert_eq!(network.notes, [Note::SwitchedForwardingOn]);
        let bridge = &network.bridge;
        let shown = run("ip", &format!("addr show {bridge}"));
        assert!(shown.contains("inet 172.17.0.1/16 brd 172.17.255.255"), "{shown}");
        assert!(!shown.contains("inet6"), "{shown}");
        assert_eq!(machine.networks.ensure_default().unwrap(), network, "a look changes nothing");

        let damages = [
            format!("ip addr flush dev {bridge}"),
            format!("ip link set {bridge} down"),
            format!("ip link del {bridge}"),
            "sysctl -qw net.ipv4.ip_forward=0".to_string(),
            "nft flush ruleset".to_string(),
            format!("nft flush table inet {}", bridge.replace('-', "_")),
            format!("nft delete element inet {} bridges {{ {bridge} }}", bridge.replace('-', "_")),
        ];
        for damage in damages {
            let (program, arguments) = damage.split_once(' ').unwrap();
            run(program, arguments);
            let repaired = machine.networks.ensure_default().unwrap();
            assert_eq!(repaired.id, network.id, "after {damage}");
            assert_eq!(repaired.pool, network.pool, "after {damage}");
            let shown = run("ip", &format!("addr show {bridge}"));
            assert!(shown.contains("172.17.0.1/16") && shown.contains(",UP"), "{damage}: {shown}");
            assert!(run("nft", "list ruleset").contains(&format!("elements = {{ \"{bridge}\" }}")));
            let forward = std::fs::read_to_string("/proc/sys/net/ipv4/ip_forward").unwrap();
            assert_eq!(forward.trim(), "1", "after {damage}");
            assert_eq!(machine.networks.ensure_default().unwrap(), repaired, "after {damage}");
        }
    });
}

#[test]
fn the_pool_is_clear_of_every_route_and_root() {
    if !have(Need::Root) {
        return;
    }
    on_a_machine(|machine| {
        run("ip", "link add vpn0 type bridge");
        run("ip", "link set vpn0 mtu 1340 up");
        run("ip", "route add 172.17.4.0/24 dev vpn0");
        // In a table that only a rule leads to, as VPNs have it; and one that leads nowhere.
        run("ip", "route add 172.18.0.0/15 dev vpn0 table 51820");
        run("ip", "route add blackhole 172.20.9.9/32");
        run("ip", "route add default dev vpn0");
        let network = machine.networks.ensure_default().unwrap();
        assert_eq!(network.pool.to_string(), "172.21.0.0/16");
        assert_eq!(network.mtu, 1340, "no more than the way out takes");

        let other = machine.another_root();
        let second = other.networks.ensure_default().unwrap();
        assert_eq!(second.pool.to_string(), "172.22.0.0/16");
        assert_ne!(second.bridge, network.bridge);
        assert!(!machine.networks.holdings().unwrap().bridges.contains(&second.bridge));

        run("ip", "route add 172.16.0.0/12 dev vpn0");
        run("ip", "route add 192.168.0.0/16 dev vpn0");
        let third = machine.another_root();
        let error = third.networks.ensure_default().unwrap_err();
        assert!(matches!(error, NetworkError::NoFreePool { tried: 31 }), "{error:?}");
        assert!(error.hint().is_some());
    });
}

#[test]
fn roots_that_begin_at_once_get_different_pools() {
    if !have(Need::Root) {
        return;
    }
    on_a_machine(|machine| {
        let machines: Vec<_> = (0..8).map(|_| machine.another_root()).collect();
        let mut pools: Vec<String> = std::thread::scope(|scope| {
            let threads: Vec<_> = machines
                .iter()
                .flat_map(|machine| [machine, machine])
                .map(|machine| scope.spawn(|| machine.networks.ensure_default().unwrap()))
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap().pool.to_string()).collect()
        });
        pools.sort();
        pools.dedup();
        assert_eq!(pools.len(), 8, "{pools:?}");
    });
}

#[test]
fn an_interface_of_that_name_is_left_alone() {
    if !have(Need::Root) {
        return;
    }
    on_a_machine(|machine| {
        let name = format!("teu-{}", machine.paths.id);
        run("ip", &format!("link add {name} type veth"));
        let error = machine.networks.ensure_default().unwrap_err();
        assert_eq!(error.to_string(), format!("the interface {name} exists and is no bridge"));
    });
}

#[test]
fn all_of_it_goes() {
    if !have(Need::Root) {
        return;
    }
    on_a_machine(|machine| {
        run("iptables", "-P FORWARD DROP");
        let before = run("nft", "list ruleset");
        let container = machine.container();
        let holdings = machine.networks.holdings().unwrap();
        assert_eq!(holdings.bridges.len(), 1);
        assert_eq!(holdings.veths, std::slice::from_ref(&container.endpoint.host_ifname));
        assert_eq!(holdings.tables.len(), 1);
        assert_eq!(holdings.rules_elsewhere, 2);
        assert_eq!(holdings.leases[0].sandbox, Some(container.lease.sandbox.clone()));
        assert_eq!(holdings.leases[0].host_ifname, Some(container.endpoint.host_ifname));

        let error = machine.networks.take_down().unwrap_err();
        assert!(matches!(error, NetworkError::InUse { leases: 1, .. }), "{error:?}");
        machine.networks.release(&container.lease.sandbox).unwrap();
        drop(container.netns);
        machine.networks.take_down().unwrap();
        machine.networks.take_down().unwrap();
        let name = format!("link show teu-{}", machine.paths.id);
        assert!(!try_run("ip", &name).1);
        assert_eq!(run("nft", "list ruleset"), before);
        machine.networks.ensure_default().unwrap();
    });
}
