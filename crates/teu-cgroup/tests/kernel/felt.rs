//! What processes feel of a group, in v1, v2 and both: the mission's rows that name a guest (Q).

use crate::place::{Place, Shell, eventually};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use teu_cgroup::{Controller, Group, Version};
use teu_testkit::{Need, have};

/// C2: what the parent may not, the child may not either, whatever is written there.
#[test]
fn a_parents_limit_holds_for_its_children() {
    if !have(Need::Root) {
        return;
    }
    let place = Place::new();
    let swap = if place.layout.has_swap_limit() { r#","swap":33554432"# } else { "" };
    let parent = place.group("p", &format!(r#"{{"memory":{{"limit":33554432{swap}}}}}"#));
    let child = place.layout.plan(&parent.path(), "c").unwrap();
    let ask = r#"{"memory":{"limit":134217728}}"#;
    child.create(&crate::place::resources(ask)).unwrap();
    assert_eq!(child.stats().unwrap().memory.limit, Some(128 << 20));
    assert!(!Shell::run(&child, "exec dd if=/dev/zero of=/dev/null bs=96M count=1").succeeds());
    let most = parent.stats().unwrap().memory.max_usage;
    assert!(most.is_none_or(|most| most <= 32 << 20), "{most:?}");
    assert_eq!(child.oom_kills().unwrap(), 1);
    child.remove().unwrap();
}

/// C2, C25: one path in each tree of v1, one for all in v2; and from one group to another.
#[test]
fn a_process_moves_to_another_group() {
    if !have(Need::Root) {
        return;
    }
    let place = Place::new();
    let (from, to) = (place.group("from", "{}"), place.group("to", "{}"));
    let shell = Shell::run(&from, "sleep 100 & wait");
    eventually("both are there", || from.procs().unwrap().len() == 2);
    for pid in from.procs().unwrap() {
        to.join_pid(pid).unwrap();
    }
    assert!(from.procs().unwrap().is_empty());
    let text = fs::read_to_string(format!("/proc/{}/cgroup", shell.pid())).unwrap();
    let inside = text.lines().filter(|line| line.ends_with(&to.path())).count();
    assert!(inside >= 1 && !text.contains(&from.path()), "{text}");
    to.kill().unwrap();
}

/// C22: who has the higher score is killed, though the other one is first.
#[test]
fn the_process_with_the_higher_score_is_killed() {
    if !have(Need::Root) {
        return;
    }
    let place = Place::new();
    let swap = if place.layout.has_swap_limit() { r#","swap":25165824"# } else { "" };
    let group = place.group("c1", &format!(r#"{{"memory":{{"limit":25165824{swap}}}}}"#));
    let script = "echo -500 >/proc/self/oom_score_adj; \
        sh -c 'echo 900 >/proc/self/oom_score_adj; exec tail /dev/zero'; test $? = 137";
    assert!(Shell::run(&group, script).succeeds());
    assert_eq!(group.oom_kills().unwrap(), 1);
}

/// The whole disk on which files of the tests lie, where it is one.
fn disk() -> Option<(u64, u64)> {
    let device = fs::metadata("/var/tmp").ok()?.dev();
    let major = ((device >> 8) & 0xfff) | ((device >> 32) & 0xffff_f000);
    let minor = (device & 0xff) | ((device >> 12) & 0xffff_ff00);
    let about = format!("/sys/dev/block/{major}:{minor}");
    (Path::new(&about).exists() && !Path::new(&about).join("partition").exists())
        .then_some((major, minor))
}

fn bytes_of(group: &Group) -> u64 {
    group.stats().unwrap().block_io.iter().map(|one| one.read_bytes + one.written_bytes).sum()
}

/// C8: `blkio.throttle.write_bps_device`, `io.max`.
#[test]
fn writes_to_a_disk_are_held_back() {
    let Some((major, minor)) = disk().filter(|_| have(Need::Root)) else { return };
    let place = Place::new();
    let group = place.group(
        "c1",
        &format!(
            r#"{{"blockIO":{{"throttleWriteBpsDevice":[{{"major":{major},"minor":{minor},"rate":1048576}}]}}}}"#
        ),
    );
    let file = format!("/var/tmp/teu-test-throttle-{}", std::process::id());
    let began = Instant::now();
    let shell =
        Shell::run(&group, &format!("dd if=/dev/zero of={file} bs=64k count=32 oflag=direct"));
    let well = shell.succeeds();
    let took = began.elapsed();
    fs::remove_file(&file).unwrap();
    assert!(well);
    assert!(took > Duration::from_secs(1), "2 MiB at 1 MiB a second took {took:?}");
    assert!(bytes_of(&group) >= 2 << 20);
}

/// C8: the weight reaches BFQ. In a guest only: a module of the machine's kernel is nobody's to load here.
#[test]
fn a_weight_reaches_bfq() {
    if std::env::var_os("TEU_TEST_SLOW").is_none() || !have(Need::Root) {
        return;
    }
    let place = Place::new();
    let (version, _) = place.group("c0", "{}").dir(Controller::Blkio).unwrap();
    let loaded = Command::new("modprobe").arg("bfq").status().unwrap();
    assert!(loaded.success());
    let group = place.group("c1", r#"{"blockIO":{"weight":800}}"#);
    let (_, dir) = group.dir(Controller::Blkio).unwrap();
    let name = if version == Version::V2 { "io.bfq.weight" } else { "blkio.bfq.weight" };
    assert!(fs::read_to_string(dir.join(name)).unwrap().contains("800"));
}
