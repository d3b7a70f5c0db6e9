//! All namespaces can be combined; those not asked for are the caller's.

mod support;

use serde_json::json;
use std::fs;
use std::os::fd::AsFd;
use support::{Bundle, Sleeper, fds, finish, piped, ready, start};
use teu_runtime::{NamespaceKind, PlanFacts, StartFds};

fn link(pid: &str, kind: NamespaceKind) -> String {
    let path = format!("/proc/{pid}/ns/{}", kind.proc_name());
    fs::read_link(path).unwrap().to_string_lossy().into_owned()
}

fn oci_name(kind: NamespaceKind) -> &'static str {
    match kind {
        NamespaceKind::Mount => "mount",
        NamespaceKind::Network => "network",
        other => other.proc_name(),
    }
}

/// A bundle for a subset, without what needs a namespace that is not in it.
fn bundle(kinds: &[NamespaceKind]) -> Bundle {
    let has = |kind| kinds.contains(&kind);
    let names: Vec<_> = kinds.iter().map(|kind| oci_name(*kind)).collect();
    let mut bundle = Bundle::new(&["/bin/sleep", "100"]).namespaces(&names);
    let (user, own) = (has(NamespaceKind::User), has(NamespaceKind::Mount));
    let linux = bundle.spec["linux"].as_object_mut().unwrap();
    if user {
        let map = json!([{"containerID": 0, "hostID": 100_000, "size": 65_536}]);
        linux.insert("uidMappings".into(), map.clone());
        linux.insert("gidMappings".into(), map);
    }
    if !own || user {
        linux.remove("maskedPaths");
        linux.remove("readonlyPaths");
    }
    if !has(NamespaceKind::Uts) {
        bundle.spec.as_object_mut().unwrap().remove("hostname");
    }
    // In a user namespace only file systems of its own namespaces can be mounted.
    bundle.spec["mounts"].as_array_mut().unwrap().retain(|mount| {
        own && match mount["type"].as_str().unwrap() {
            "proc" => !user || has(NamespaceKind::Pid),
            "sysfs" => !user || has(NamespaceKind::Network),
            "mqueue" => !user || has(NamespaceKind::Ipc),
            _ => true,
        }
    });
    bundle
}

#[test]
fn every_subset_of_the_eight_is_what_was_asked_for() {
    if !ready() {
        return;
    }
    for subset in 0..256u32 {
        let chosen = |n: usize| subset >> n & 1 == 1;
        let all = NamespaceKind::ALL;
        let kinds: Vec<_> = (0..8).filter(|n| chosen(*n)).map(|n| all[n]).collect();
        let mut bundle = bundle(&kinds);
        // Mounts are for other tests; 256 times all would take minutes in an emulated guest.
        let mounts = bundle.spec["mounts"].as_array_mut().unwrap();
        mounts.retain(|mount| mount["destination"] == "/dev");
        let sleeper = Sleeper::start(bundle);
        for kind in all {
            let inside = link(&sleeper.running.pid.to_string(), kind);
            assert_eq!(
                inside != link("self", kind),
                kinds.contains(&kind),
                "{kind:?} of {kinds:?}"
            );
        }
    }
}

#[test]
fn a_user_namespace_has_root_inside_who_is_nobody_outside() {
    if !ready() {
        return;
    }
    use NamespaceKind::{Cgroup, Ipc, Mount, Network, Pid, User, Uts};
    let bundle = bundle(&[User, Mount, Pid, Network, Ipc, Uts, Cgroup]).set(
        "/process/args",
        json!(["sh", "-c", "id -u; echo x >/dev/null; head -c 2 /dev/zero | wc -c; cat /owned"]),
    );
    let owned = bundle.root().join("owned");
    fs::write(&owned, "secret").unwrap();
    fs::set_permissions(&owned, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let output = bundle.run();
    assert_eq!(output.text, "0\n2\ncat: can't open '/owned': Permission denied\n");
}

#[test]
fn clocks_of_a_time_namespace_are_set() {
    if !ready() {
        return;
    }
    let names = ["mount", "pid", "time"];
    let mut bundle = Bundle::new(&["cat", "/proc/uptime"]).namespaces(&names).set(
        "/linux/timeOffsets",
        json!({"boottime": {"secs": 604_800}, "monotonic": {"secs": 5}}),
    );
    bundle.spec.as_object_mut().unwrap().remove("hostname");
    let inside: f64 = bundle.run().good().split(' ').next().unwrap().parse().unwrap();
    let outside = fs::read_to_string("/proc/uptime").unwrap();
    let outside: f64 = outside.split(' ').next().unwrap().parse().unwrap();
    assert!((inside - outside - 604_800.0).abs() < 60.0, "{inside} {outside}");
    assert_eq!(link("self", NamespaceKind::Time), link("thread-self", NamespaceKind::Time));
}

#[test]
fn namespaces_of_another_container_are_joined_by_descriptor_and_by_path() {
    if !ready() {
        return;
    }
    let first = Sleeper::start(Bundle::new(&["sleep", "100"]));
    let pid = first.running.pid.to_string();
    let mut bundle = Bundle::new(&[
        "sh",
        "-c",
        "hostname; readlink /proc/self/ns/net; readlink /proc/self/ns/ipc; ps -o pid,args",
    ]);
    bundle.spec.as_object_mut().unwrap().remove("hostname");
    bundle.spec["linux"]["namespaces"] = json!([
        {"type": "mount"},
        {"type": "network", "path": "/only/a/name"},
        {"type": "uts", "path": format!("/proc/{pid}/ns/uts")},
        {"type": "ipc", "path": format!("/proc/{pid}/ns/ipc")},
        {"type": "pid", "path": format!("/proc/{pid}/ns/pid")},
    ]);
    let by_descriptor = vec![NamespaceKind::Network];
    let plan =
        bundle.plan_with(PlanFacts { joined_by_descriptor: by_descriptor, ..PlanFacts::default() });
    let (stdio, reader) = piped();
    let network = fs::File::open(format!("/proc/{pid}/ns/net")).unwrap();
    let join = vec![(NamespaceKind::Network, network.into())];
    let running = start(&plan, StartFds { join, ..fds(stdio) }).unwrap();
    let text = finish(running, reader).good();
    let (net, ipc) = (link(&pid, NamespaceKind::Network), link(&pid, NamespaceKind::Ipc));
    assert!(text.starts_with(&format!("box\n{net}\n{ipc}\n")), "{text}");
    assert!(text.contains("sleep 100"), "{text}");
}

#[test]
fn mounts_travel_only_as_asked() {
    if !ready() {
        return;
    }
    use teu_kernel::mount::{self, Filesystem, MountAttr, Propagation};
    // A private mount namespace for the test itself, so that no shared mount is seen by others.
    std::thread::spawn(|| {
        let fs_and_mounts = teu_kernel::clone::NewNamespaces::MOUNT;
        teu_kernel::unshare::unshare(fs_and_mounts).unwrap();
        mount::set_propagation(c"/", Propagation::Private, true).unwrap();
        for (word, seen_inside, seen_outside) in
            [("rprivate", false, false), ("rslave", true, false), ("rshared", true, true)]
        {
            let bundle = Bundle::script("sleep 100").set(
                "/process/capabilities",
                json!({"bounding": ["CAP_SYS_ADMIN"], "permitted": ["CAP_SYS_ADMIN"],
                    "effective": ["CAP_SYS_ADMIN"]}),
            );
            let source = bundle.path().join("shared");
            fs::create_dir_all(&source).unwrap();
            let tmpfs = || Filesystem::open(c"tmpfs").unwrap().mount(MountAttr::empty()).unwrap();
            let put = |at: &std::path::Path| {
                let place = mount::open_path(at).unwrap();
                mount::attach(tmpfs().as_fd(), place.as_fd()).unwrap();
            };
            put(&source);
            let name = std::ffi::CString::new(source.to_str().unwrap()).unwrap();
            mount::set_propagation(&name, Propagation::Shared, false).unwrap();
            for directory in ["by-host", "by-container"] {
                fs::create_dir(source.join(directory)).unwrap();
            }
            let bundle = bundle.add_mount(json!({"destination": "/m", "type": "bind",
                "source": source, "options": ["rbind", word]}));
            let sleeper = Sleeper::start(bundle);
            put(&source.join("by-host"));
            fs::write(source.join("by-host/file"), "").unwrap();
            let listed = sleeper.exec(&["ls", "/m/by-host"]).good();
            assert_eq!(listed == "file\n", seen_inside, "{word}");
            sleeper.exec(&["mount", "-t", "tmpfs", "t", "/m/by-container"]).good();
            sleeper.exec(&["touch", "/m/by-container/file"]).good();
            assert_eq!(source.join("by-container/file").exists(), seen_outside, "{word}");
            // Before the bundle's directory goes.
            mount::unmount_lazily(&source).unwrap();
            drop(sleeper);
        }
    })
    .join()
    .unwrap();
}

#[test]
fn mounts_inside_do_not_leak_out() {
    if !ready() {
        return;
    }
    let sleeper = Sleeper::start(Bundle::new(&["sleep", "100"]));
    let root = sleeper.plan.root.clone();
    let mounted = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let teu_runtime::RootSource::Path(root) = root else { panic!() };
    assert!(!mounted.contains(&root));
}
