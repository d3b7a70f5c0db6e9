//! Device rules as processes feel them: by v1's files or by the eBPF filter of v2.

use crate::place::{Place, Shell, resources};
use std::process::Command;
use teu_cgroup::{Group, default_device_rules};
use teu_oci::runtime::LinuxResources;
use teu_testkit::{Need, TempDir, have};

/// A null device and a kernel log, apart from those of /dev.
struct Nodes(TempDir);

impl Nodes {
    fn new(name: &str) -> Nodes {
        let nodes = Nodes(TempDir::new(name));
        for (node, numbers) in [("null", ["1", "3"]), ("kmsg", ["1", "11"])] {
            let made =
                Command::new("mknod").arg(nodes.0.join(node)).arg("c").args(numbers).status();
            assert!(made.unwrap().success());
        }
        nodes
    }

    /// Whether a process of `group` can open the node, by the shell's `<`, `>` or `<>`.
    fn opens(&self, group: &Group, how: &str, node: &str) -> bool {
        Shell::run(group, &format!(": {how} {}", self.0.join(node).display())).succeeds()
    }

    fn makes(&self, group: &Group, node: &str) -> bool {
        Shell::run(group, &format!("exec mknod {} {node}", self.0.join("new").display())).succeeds()
            && std::fs::remove_file(self.0.join("new")).is_ok()
    }
}

fn defaults() -> LinuxResources {
    LinuxResources { devices: default_device_rules(), ..LinuxResources::default() }
}

/// C10
#[test]
fn the_default_is_a_short_list() {
    if !have(Need::Root) {
        return;
    }
    let (place, nodes) = (Place::new(), Nodes::new("devices-default"));
    let group = place.layout.plan(&place.parent, "c1").unwrap();
    group.create(&defaults()).unwrap();
    assert!(nodes.opens(&group, "<>", "null"));
    assert!(!nodes.opens(&group, "<", "kmsg"));
    assert!(!nodes.opens(&group, ">", "kmsg"));
    // Any node may be made, and not used.
    assert!(nodes.makes(&group, "b 8 0"));
    assert!(nodes.makes(&group, "c 1 11"));
}

#[test]
fn no_rule_is_no_filter() {
    if !have(Need::Root) {
        return;
    }
    let (place, nodes) = (Place::new(), Nodes::new("devices-none"));
    for (name, json) in [("c1", "{}"), ("c2", r#"{"devices":[{"allow":true,"access":"rwm"}]}"#)] {
        let group = place.group(name, json);
        assert!(nodes.opens(&group, "<", "kmsg"), "{name}");
    }
}

#[test]
fn rules_change_while_processes_run() {
    if !have(Need::Root) {
        return;
    }
    let (place, nodes) = (Place::new(), Nodes::new("devices-update"));
    let group = place.layout.plan(&place.parent, "c1").unwrap();
    group.create(&defaults()).unwrap();
    let shell = Shell::run(&group, "sleep 100");
    let mut more = defaults();
    more.devices.extend(
        resources(r#"{"devices":[{"allow":true,"type":"c","major":1,"minor":11,"access":"r"}]}"#)
            .devices,
    );
    group.update(&more).unwrap();
    assert!(nodes.opens(&group, "<", "kmsg"));
    assert!(!nodes.opens(&group, ">", "kmsg"));
    assert!(nodes.opens(&group, "<>", "null"));
    group.update(&defaults()).unwrap();
    assert!(!nodes.opens(&group, "<", "kmsg"));
    group.update(&resources(r#"{"devices":[{"allow":true}]}"#)).unwrap();
    assert!(nodes.opens(&group, "<>", "kmsg"));
    // Not a word about devices leaves them as they are.
    group.update(&resources(r#"{"devices":[{"allow":false}]}"#)).unwrap();
    group.update(&resources(r#"{"pids":{"limit":10}}"#)).unwrap();
    assert!(!nodes.opens(&group, "<", "null"));
    drop(shell);
}

#[test]
fn all_but_one() {
    if !have(Need::Root) {
        return;
    }
    let (place, nodes) = (Place::new(), Nodes::new("devices-but"));
    let group = place.group(
        "c1",
        r#"{"devices":[{"allow":true},{"allow":false,"type":"c","major":1,"minor":11,"access":"w"}]}"#,
    );
    assert!(nodes.opens(&group, "<", "kmsg"));
    assert!(!nodes.opens(&group, ">", "kmsg"));
    assert!(!nodes.opens(&group, "<>", "kmsg"));
    assert!(nodes.opens(&group, "<>", "null"));
}
