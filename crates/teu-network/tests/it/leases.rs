//! Addresses: never two owners, whole after any crash, given back once and for all.

use crate::machine::{new_id, on_a_machine};
use std::collections::HashSet;
use std::os::fd::AsFd;
use teu_kernel::netns;
use teu_network::AttachOptions;
use teu_testkit::{Need, have};

#[test]
fn fifty_at_once_do_not_clash() {
    if !have(Need::Root) {
        return;
    }
    on_a_machine(|machine| {
        let attached: Vec<_> = std::thread::scope(|scope| {
            let start = || {
                let network = machine.networks.ensure_default().unwrap();
                let lease = machine.networks.lease(&network, &new_id()).unwrap();
                let netns = machine.new_namespace();
                let options = AttachOptions::default();
                let end = machine.networks.attach(&network, &lease, netns.as_fd(), &options);
                (netns, lease, end.unwrap())
            };
            let threads: Vec<_> = (0..50).map(|_| scope.spawn(start)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let addresses: HashSet<_> = attached.iter().map(|(_, lease, _)| lease.address).collect();
        let numbers: HashSet<_> = attached.iter().map(|(_, _, end)| end.host_ifindex).collect();
        assert_eq!((addresses.len(), numbers.len()), (50, 50));
        let holdings = machine.networks.holdings().unwrap();
        assert_eq!((holdings.leases.len(), holdings.veths.len()), (50, 50));
        assert_eq!(holdings.bridges.len(), 1);
        for (_, lease, _) in &attached {
            machine.networks.release(&lease.sandbox).unwrap();
        }
        assert_eq!(machine.networks.leases().unwrap(), []);
        assert!(!machine.paths.run.join("sandboxes").read_dir().unwrap().any(|_| true));
    });
}

#[test]
fn given_back_once_however_often_it_is_asked() {
    if !have(Need::Root) {
        return;
    }
    on_a_machine(|machine| {
        let network = machine.networks.ensure_default().unwrap();
        let (first, second) = (new_id(), new_id());
        let lease = machine.networks.lease(&network, &first).unwrap();
        assert_eq!(lease.address.to_string(), "172.17.0.2");
        assert_eq!(lease.mac.to_string(), "02:42:ac:11:00:02");
        assert_eq!(machine.networks.lease(&network, &first).unwrap(), lease, "the same again");
        machine.networks.release(&first).unwrap();
        machine.networks.release(&first).unwrap();
        machine.networks.release(&new_id()).unwrap();
        let next = machine.networks.lease(&network, &second).unwrap();
        assert_eq!(next.address.to_string(), "172.17.0.3", "in turn, not at once");

        // Whose record is not the lease's own must not take the address from its owner.
        let records = machine.paths.run.join("sandboxes").join(first.as_str()).join("networks");
        std::fs::create_dir_all(&records).unwrap();
        let record = serde_json_of(&next).replace(second.as_str(), first.as_str());
        std::fs::write(records.join(network.id.as_str()), record).unwrap();
        machine.networks.release(&first).unwrap();
        assert_eq!(machine.networks.leases().unwrap().len(), 1);
    });
}

fn serde_json_of(lease: &teu_network::Lease) -> String {
    format!(
        r#"{{"version":1,"network":"{}","sandbox":"{}","address":"{}","prefix":{},"gateway":"{}","mac":"{}","host_ifname":"{}"}}"#,
        lease.network,
        lease.sandbox,
        lease.address,
        lease.prefix,
        lease.gateway,
        lease.mac,
        lease.host_ifname
    )
}

#[test]
fn what_a_crash_leaves_is_found_and_given_back() {
    if !have(Need::Root) {
        return;
    }
    on_a_machine(|machine| {
        let network = machine.networks.ensure_default().unwrap();
        let (alive, dead, cut) = (new_id(), new_id(), new_id());
        machine.networks.lease(&network, &alive).unwrap();
        let lost = machine.networks.lease(&network, &dead).unwrap();
        // Killed while the record was written, or before the link was made.
        let sandboxes = machine.paths.run.join("sandboxes");
        for (id, content) in [(&cut, String::new()), (&new_id(), serde_json_of(&lost))] {
            let records = sandboxes.join(id.as_str()).join("networks");
            std::fs::create_dir_all(&records).unwrap();
            std::fs::write(records.join(network.id.as_str()), content).unwrap();
            machine.networks.release(id).unwrap();
            assert!(!sandboxes.join(id.as_str()).exists());
        }
        // Killed before there was a record, or when the last one was removed.
        std::fs::create_dir(sandboxes.join(cut.as_str())).unwrap();
        machine.networks.release(&cut).unwrap();
        assert!(!sandboxes.join(cut.as_str()).exists());
        assert_eq!(machine.networks.leases().unwrap().len(), 2);

        // A lease whose record is gone, and a damaged one.
        let addresses =
            machine.paths.run.join("networks").join(network.id.as_str()).join("addresses");
        std::fs::remove_dir_all(sandboxes.join(dead.as_str())).unwrap();
        std::fs::write(addresses.join("172.17.0.99"), "{").unwrap();
        let abandoned = machine.networks.release_abandoned(&|id| *id == alive).unwrap();
        let mut given_back: Vec<String> =
            abandoned.iter().map(|lease| lease.address.to_string()).collect();
        given_back.sort();
        assert_eq!(given_back, ["172.17.0.3", "172.17.0.99"]);
        let left = machine.networks.leases().unwrap();
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].sandbox, Some(alive));
    });
}

#[test]
fn records_of_a_newer_teu_are_refused_and_stay() {
    if !have(Need::Root) {
        return;
    }
    on_a_machine(|machine| {
        let network = machine.networks.ensure_default().unwrap();
        let live = machine.paths.run.join("networks").join(network.id.as_str()).join("live.json");
        std::fs::write(&live, r#"{"version":7,"unknown":true}"#).unwrap();
        let error = machine.networks.ensure_default().unwrap_err();
        assert!(error.to_string().ends_with("was written by a newer teu (version 7)"), "{error}");
        for damaged in ["", "{", "[]", r#"{"version":1}"#, "\u{0}\u{1}"] {
            std::fs::write(&live, damaged).unwrap();
            assert_eq!(machine.networks.ensure_default().unwrap(), {
                let mut again = machine.networks.ensure_default().unwrap();
                again.notes.clear();
                again
            });
        }
    });
}

#[test]
fn the_thread_comes_home() {
    if !have(Need::Root) {
        return;
    }
    on_a_machine(|machine| {
        let before = std::fs::read_link(netns::CURRENT).unwrap();
        let netns = machine.new_namespace();
        teu_network::loopback_up(netns.as_fd()).unwrap();
        machine.container();
        assert_eq!(std::fs::read_link(netns::CURRENT).unwrap(), before);
        let lo = machine.inside(&netns, || crate::machine::run("ip", "addr show lo"));
        assert!(lo.contains("127.0.0.1/8"), "{lo}");
    });
}
