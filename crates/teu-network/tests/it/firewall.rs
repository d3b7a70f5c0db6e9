//! The firewall as the kernel holds it, and beside other programs' firewalls.

use crate::machine::{ask, nft, on_a_machine, run, serve};
use std::net::Ipv4Addr;
use teu_network::Note;
use teu_testkit::{Need, have};

const ANY: Ipv4Addr = Ipv4Addr::UNSPECIFIED;

fn needs() -> bool {
    have(Need::Root)
        && have(Need::Program("nft"))
        && have(Need::Program("ip"))
        && have(Need::Program("iptables"))
}

#[test]
fn the_kernel_holds_the_text() {
    if !needs() {
        return;
    }
    on_a_machine(|machine| {
        machine.networks.ensure_default().unwrap();
        let id = machine.paths.id.as_str();
        let held = run("nft", &format!("list table inet teu_{id}"));
        let held = held.replace(&format!("teu_{id}"), "teu_test");
        let held = held.replace(&format!("teu-{id}"), "teu-test");
        assert_eq!(held, include_str!("../../src/firewall.nft"));
    });
}

/// A container reaches a server outside and gets its answers; strangers do not reach the container.
#[track_caller]
fn check_beside(others: impl Fn() + Send + 'static, accepted: &'static [&'static str]) {
    on_a_machine(move |machine| {
        let outside = machine.outside();
        let server = machine.inside(&outside, || serve(ANY));
        others();
        let container = machine.container();
        let server = (Ipv4Addr::new(203, 0, 113, 2), server.port()).into();
        let answer = machine.inside(&container.netns, || ask(server));
        assert_eq!(answer.unwrap(), "203.0.113.1", "masqueraded, and answered");

        let inner = machine.inside(&container.netns, || serve(ANY));
        let inner = (container.lease.address, inner.port()).into();
        assert!(ask(inner).is_ok(), "the host itself reaches its containers");
        let other = machine.container();
        assert!(machine.inside(&other.netns, || ask(inner)).is_ok(), "so does another container");
        let stranger = machine.inside(&outside, || {
            run("ip", "route add 172.17.0.0/16 via 203.0.113.1");
            ask(inner)
        });
        assert!(stranger.is_err(), "a stranger does not");

        let network = machine.networks.ensure_default().unwrap();
        let chains: Vec<String> = network
            .notes
            .iter()
            .filter_map(|note| match note {
                Note::AcceptedIn { table, chain } => Some(format!("{table} {chain}")),
                _ => None,
            })
            .collect();
        assert_eq!(chains, accepted);
    });
}

#[test]
fn alone() {
    if needs() {
        check_beside(|| (), &[]);
    }
}

#[test]
fn beside_a_policy_of_drop() {
    if needs() {
        check_beside(|| drop(run("iptables", "-P FORWARD DROP")), &["ip filter FORWARD"]);
    }
}

#[test]
fn beside_a_last_rule_that_rejects() {
    if needs() {
        check_beside(
            || {
                run("iptables", "-A FORWARD -i nonsense0 -j ACCEPT");
                run("iptables", "-A FORWARD -m comment --comment all -j REJECT");
            },
            &["ip filter FORWARD"],
        );
    }
}

#[test]
fn beside_tables_of_nft() {
    if needs() {
        check_beside(
            || {
                let chain = |table: &str, chain: &str, rest: &str| {
                    nft(&format!(
                        "table {table} {{\n chain {chain} {{\n type filter hook {rest}\n }}\n}}\n"
                    ));
                };
                chain("inet mine", "f", "forward priority 10; policy drop;");
                chain("ip too", "g", "forward priority -5; policy accept; counter drop;");
                chain("ip6 six", "h", "forward priority 0; policy drop;");
                chain("ip in", "i", "input priority 0; policy accept;");
            },
            &["inet mine f", "ip too g"],
        );
    }
}

fn docker() {
    run("iptables", "-P FORWARD DROP");
    for chain in ["DOCKER-USER", "DOCKER", "DOCKER-ISOLATION-STAGE-1"] {
        run("iptables", &format!("-N {chain}"));
    }
    run("iptables", "-A DOCKER-USER -i bad0 -j DROP");
    run("iptables", "-A DOCKER-USER -j RETURN");
    run("iptables", "-A FORWARD -j DOCKER-USER");
    run("iptables", "-A FORWARD -j DOCKER-ISOLATION-STAGE-1");
    run("iptables", "-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT");
    run("iptables", "-A FORWARD -o docker0 -j DOCKER");
    run("iptables", "-A FORWARD -i docker0 ! -o docker0 -j ACCEPT");
    run("iptables", "-A FORWARD -i docker0 -o docker0 -j ACCEPT");
}

#[test]
fn beside_docker() {
    if needs() {
        check_beside(docker, &["ip filter DOCKER-USER"]);
    }
}

#[test]
fn iptables_can_still_show_and_change_its_table() {
    if !needs() {
        return;
    }
    on_a_machine(|machine| {
        docker();
        let before = run("iptables", "-S FORWARD");
        let network = machine.networks.ensure_default().unwrap();
        assert_eq!(run("iptables", "-S FORWARD"), before, "rules of others stay as they are");
        let id = &machine.paths.id;
        let rule = |way: &str| {
            format!(
                "-A DOCKER-USER -{way} {} -m comment --comment teu_{id} -j ACCEPT",
                network.bridge
            )
        };
        let expected = [
            "-N DOCKER-USER".to_string(),
            "-A DOCKER-USER -i bad0 -j DROP".to_string(),
            rule("o"),
            rule("i"),
            "-A DOCKER-USER -j RETURN".to_string(),
        ];
        let shown = run("iptables", "-S DOCKER-USER").replace('"', "");
        assert_eq!(shown.lines().collect::<Vec<_>>(), expected);
        run("iptables", "-I DOCKER-USER -i bad1 -j DROP");

        // Half of ours is gone: both stand again, once.
        run("iptables", "-D DOCKER-USER 3");
        machine.networks.ensure_default().unwrap();
        machine.networks.ensure_default().unwrap();
        let shown = run("iptables", "-S DOCKER-USER");
        assert_eq!(shown.matches("teu_").count(), 2, "{shown}");
    });
}

#[test]
fn another_root_is_no_stranger_to_be_opened_up() {
    if !needs() {
        return;
    }
    on_a_machine(|machine| {
        run("iptables", "-P FORWARD DROP");
        let other = machine.another_root();
        let mine = machine.container();
        let theirs = other.container();
        let served = machine.inside(&theirs.netns, || serve(ANY));
        let served = (theirs.lease.address, served.port()).into();
        assert!(machine.inside(&mine.netns, || ask(served)).is_err(), "networks are apart");
        let rules = run("iptables", "-S FORWARD");
        assert_eq!(rules.matches("-j ACCEPT").count(), 4, "{rules}");
    });
}
