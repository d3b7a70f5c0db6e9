//! What passes through a container's cable, and how soon.

use crate::machine::{ask, new_id, on_a_machine, run, serve};
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};
use teu_network::AttachOptions;
use teu_testkit::{Need, have};

const ANY: Ipv4Addr = Ipv4Addr::UNSPECIFIED;

#[test]
fn a_container_looks_as_dockers() {
    if !have(Need::Root) || !have(Need::Program("ip")) {
        return;
    }
    on_a_machine(|machine| {
        let container = machine.container();
        let inside = |arguments: &str| machine.inside(&container.netns, || run("ip", arguments));
        let eth0 = inside("addr show eth0");
        assert!(eth0.contains("link/ether 02:42:ac:11:00:02"), "{eth0}");
        assert!(eth0.contains("inet 172.17.0.2/16 brd 172.17.255.255 scope global eth0"), "{eth0}");
        assert!(eth0.contains("state UP") && eth0.contains("mtu 1500"), "{eth0}");
        assert!(!eth0.contains("inet6"), "{eth0}");
        let routes = inside("route").replace(" \n", "\n");
        assert_eq!(
            routes,
            "default via 172.17.0.1 dev eth0\n\
             172.17.0.0/16 dev eth0 proto kernel scope link src 172.17.0.2\n"
        );
        assert!(inside("addr show lo").contains("inet6 ::1/128"));
        let ra = machine.inside(&container.netns, || {
            std::fs::read_to_string("/proc/sys/net/ipv6/conf/eth0/accept_ra")
        });
        assert_eq!(ra.unwrap().trim(), "0");
        let number = format!("{}: eth0@", container.endpoint.ifindex);
        assert!(eth0.starts_with(&number), "{eth0}");
        let host = run("ip", &format!("link show {}", container.endpoint.host_ifname));
        let network = machine.networks.ensure_default().unwrap();
        assert!(host.starts_with(&format!("{}: ", container.endpoint.host_ifindex)), "{host}");
        assert!(host.contains(&format!("master {} state UP", network.bridge)), "{host}");
    });
}

#[test]
fn other_names_and_no_default_route() {
    if !have(Need::Root) {
        return;
    }
    on_a_machine(|machine| {
        let network = machine.networks.ensure_default().unwrap();
        let lease = machine.networks.lease(&network, &new_id()).unwrap();
        let netns = machine.new_namespace();
        let options = AttachOptions { ifname: "net7", default_route: false };
        machine.networks.attach(&network, &lease, netns.as_fd(), &options).unwrap();
        let routes = machine.inside(&netns, || run("ip", "route"));
        assert_eq!(routes.lines().count(), 1, "{routes}");
        assert!(routes.contains("dev net7"), "{routes}");
        let again = machine.networks.attach(&network, &lease, netns.as_fd(), &options);
        assert!(again.is_err(), "the name is taken");
    });
}

/// The kernel learns of a carrier once a second unless somebody looks; the first connection through
/// the first port of an empty bridge would wait for it.
#[test]
fn the_first_connection_does_not_wait() {
    if !have(Need::Root) {
        return;
    }
    for _ in 0..10 {
        on_a_machine(|machine| {
            let container = machine.container();
            let began = Instant::now();
            let inside = machine.inside(&container.netns, || serve(ANY));
            ask((container.lease.address, inside.port()).into()).unwrap();
            let outside = serve(ANY);
            let gateway = (container.lease.gateway, outside.port()).into();
            let from = machine.inside(&container.netns, || ask(gateway)).unwrap();
            assert_eq!(from, container.lease.address.to_string());
            let took = began.elapsed();
            assert!(took < Duration::from_millis(800), "{took:?}");
        });
    }
}

/// An address given again while its last owner's namespace still lives: the new one answers.
#[test]
fn an_address_taken_over_at_once_reaches_its_new_owner() {
    if !have(Need::Root) {
        return;
    }
    on_a_machine(|machine| {
        let network = machine.networks.ensure_default().unwrap();
        let peer = machine.container();
        let mut old = Vec::new();
        for _ in 0..10 {
            // The hint back to the start: the very same address again.
            let run_directory = machine.paths.run.join("networks").join(network.id.as_str());
            std::fs::write(run_directory.join("cursor"), "172.17.0.9\n").unwrap();
            let container = machine.container();
            assert_eq!(container.lease.address.to_string(), "172.17.0.10");
            let served = machine.inside(&container.netns, || serve(ANY));
            let served = (container.lease.address, served.port()).into();
            ask(served).unwrap();
            machine.inside(&peer.netns, || ask(served)).unwrap();
            machine.networks.release(&container.lease.sandbox).unwrap();
            old.push(container);
        }
    });
}
