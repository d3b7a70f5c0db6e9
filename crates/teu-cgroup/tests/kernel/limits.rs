//! Limits as the kernel has them afterwards, and as processes feel them.

use crate::place::{Place, Shell, content, eventually, resources};
use std::time::{Duration, Instant};
use teu_cgroup::{Controller, Version};
use teu_testkit::{Need, have};

const MIB: u64 = 1 << 20;

#[test]
fn all_that_was_asked_is_set() {
    if !have(Need::Root) {
        return;
    }
    let place = Place::new();
    let group = place.group(
        "c1",
        r#"{"memory":{"limit":67108864,"reservation":33554432},"pids":{"limit":77},
            "cpu":{"shares":512,"quota":50000,"period":200000,"cpus":"0","mems":"0"}}"#,
    );
    let check = |controller, v1: &str, v2: &str, in_v1: &str, in_v2: &str| {
        let is_v2 = group.dir(controller).unwrap().0 == Version::V2;
        let expect = if is_v2 { in_v2 } else { in_v1 };
        assert_eq!(content(&group, controller, v1, v2), expect, "{v1} {v2}");
    };
    let bytes = "67108864";
    check(Controller::Memory, "memory.limit_in_bytes", "memory.max", bytes, bytes);
    check(Controller::Memory, "memory.soft_limit_in_bytes", "memory.low", "33554432", "33554432");
    check(Controller::Pids, "pids.max", "pids.max", "77", "77");
    check(Controller::Cpu, "cpu.shares", "cpu.weight", "512", "59");
    check(Controller::Cpu, "cpu.cfs_quota_us", "cpu.max", "50000", "50000 200000");
    check(Controller::Cpuset, "cpuset.cpus", "cpuset.cpus", "0", "0");
    check(Controller::Cpuset, "cpuset.mems", "cpuset.mems", "0", "0");
    let stats = group.stats().unwrap();
    assert_eq!((stats.memory.limit, stats.pids.limit), (Some(64 * MIB), Some(77)));
}

#[test]
fn nothing_asked_is_no_limit() {
    if !have(Need::Root) {
        return;
    }
    let place = Place::new();
    let stats = place.group("c1", r#"{"memory":{"disableOOMKiller":false}}"#).stats().unwrap();
    assert_eq!((stats.memory.limit, stats.pids.limit), (None, None));
}

#[test]
fn limits_of_memory_and_swap_go_up_and_down_together() {
    if !have(Need::Root) {
        return;
    }
    let place = Place::new();
    let group = place.group("c1", "{}");
    let mut steps = vec![(64, 64), (32, 48), (128, 256), (16, 16), (-1, -1), (64, -1)];
    if !place.layout.has_swap_limit() {
        steps.clear();
    }
    for (limit, swap) in steps {
        let bytes = |mib: i64| if mib < 0 { -1 } else { mib << 20 };
        let json = format!(r#"{{"memory":{{"limit":{},"swap":{}}}}}"#, bytes(limit), bytes(swap));
        group.update(&resources(&json)).unwrap();
        let expect = u64::try_from(limit).ok().map(|mib| mib * MIB);
        assert_eq!(group.stats().unwrap().memory.limit, expect, "{json}");
    }
}

#[test]
fn a_period_alone_keeps_the_quota() {
    if !have(Need::Root) {
        return;
    }
    let place = Place::new();
    let group = place.group("c1", r#"{"cpu":{"quota":50000,"period":100000}}"#);
    group.update(&resources(r#"{"cpu":{"period":200000}}"#)).unwrap();
    let quota = content(&group, Controller::Cpu, "cpu.cfs_quota_us", "cpu.max");
    assert!(quota == "50000" || quota == "50000 200000", "{quota}");
    group.update(&resources(r#"{"cpu":{"quota":-1}}"#)).unwrap();
    let quota = content(&group, Controller::Cpu, "cpu.cfs_quota_us", "cpu.max");
    assert!(quota == "-1" || quota == "max 200000", "{quota}");
}

/// C7
#[test]
fn too_much_memory_is_the_end_and_is_counted() {
    if !have(Need::Root) {
        return;
    }
    let place = Place::new();
    let json = match place.layout.has_swap_limit() {
        true => r#"{"memory":{"limit":16777216,"swap":33554432}}"#,
        false => r#"{"memory":{"limit":16777216}}"#,
    };
    let group = place.group("c1", json);
    assert_eq!(group.oom_kills().unwrap(), 0);
    assert!(!Shell::run(&group, "exec dd if=/dev/zero of=/dev/null bs=64M count=1").succeeds());
    assert_eq!(group.oom_kills().unwrap(), 1);
    let memory = group.stats().unwrap().memory;
    assert!(memory.limit_hits > 0 && memory.raw.len() > 10, "{memory:?}");
    assert!(memory.max_usage.is_none_or(|most| most <= 16 * MIB), "{memory:?}");
}

#[test]
fn a_limit_below_what_is_in_use_is_refused_in_words() {
    if !have(Need::Root) {
        return;
    }
    let place = Place::new();
    let group = place.group("c1", "{}");
    // Memory that can go nowhere: no swap for it, and no file behind it.
    let _shell = Shell::run(&group, "x=$(head -c 16000000 /dev/zero | tr '\\0' x); sleep 100");
    eventually("the shell has its memory", || group.stats().unwrap().memory.anonymous > 12 * MIB);
    let ask = r#"{"memory":{"limit":8388608,"swap":8388608,"checkBeforeUpdate":true}}"#;
    let error = group.update(&resources(ask)).unwrap_err().to_string();
    assert!(error.contains("bytes are in use now"), "{error}");
}

/// C15
#[test]
fn no_more_tasks_than_allowed() {
    if !have(Need::Root) {
        return;
    }
    let place = Place::new();
    let group = place.group("c1", r#"{"pids":{"limit":3}}"#);
    let script = "sleep 2 & sleep 2 & sleep 2 & sleep 2 & wait";
    let _shell = Shell::run(&group, script);
    let (_, dir) = group.dir(Controller::Pids).unwrap();
    eventually("a fork is refused", || {
        assert!(group.stats().unwrap().pids.current <= 3);
        std::fs::read_to_string(dir.join("pids.events")).unwrap().trim() != "max 0"
    });
}

/// C5
#[test]
fn a_quota_holds_back() {
    if !have(Need::Root) {
        return;
    }
    let place = Place::new();
    let group = place.group("c1", r#"{"cpu":{"quota":10000,"period":100000}}"#);
    let began = Instant::now();
    let shell = Shell::run(&group, "while :; do :; done");
    eventually("it is held back", || group.stats().unwrap().cpu.throttled_periods >= 3);
    drop(shell);
    let cpu = group.stats().unwrap().cpu;
    let most = u128::from(cpu.usage_ns).saturating_sub(30_000_000) * 4;
    assert!(most < began.elapsed().as_nanos(), "{cpu:?} in {:?}", began.elapsed());
    // Which part of it was spent in programs is only sampled.
    assert!(cpu.throttled_ns > 0 && cpu.user_ns + cpu.system_ns > 0, "{cpu:?}");
}

/// C16
#[test]
fn hugepages_where_the_machine_has_them() {
    if !have(Need::Root) {
        return;
    }
    let place = Place::new();
    if place.layout.of(Controller::Hugetlb).is_none() {
        let group = place.layout.plan(&place.parent, "c1").unwrap();
        let ask = r#"{"hugepageLimits":[{"pageSize":"2MB","limit":4194304}]}"#;
        let error = group.create(&resources(ask)).unwrap_err();
        assert!(error.to_string().contains("controller `hugetlb`"), "{error}");
        return;
    }
    let group = place.group("c1", r#"{"hugepageLimits":[{"pageSize":"2MB","limit":4194304}]}"#);
    let (v1, v2) = ("hugetlb.2MB.limit_in_bytes", "hugetlb.2MB.max");
    assert_eq!(content(&group, Controller::Hugetlb, v1, v2), "4194304");
}

#[test]
fn a_disk_is_throttled_where_there_is_one() {
    if !have(Need::Root) {
        return;
    }
    let disks = std::fs::read_dir("/sys/block").map(|disks| disks.filter_map(Result::ok).collect());
    let disks: Vec<std::fs::DirEntry> = disks.unwrap_or_default();
    let Some(disk) =
        disks.iter().find_map(|disk| std::fs::read_to_string(disk.path().join("dev")).ok())
    else {
        return;
    };
    let (major, minor) = disk.trim().split_once(':').unwrap();
    let ask = format!(
        r#"{{"blockIO":{{"throttleReadBpsDevice":[{{"major":{major},"minor":{minor},"rate":1048576}}]}}}}"#
    );
    let place = Place::new();
    let group = place.group("c1", &ask);
    let (v1, v2) = ("blkio.throttle.read_bps_device", "io.max");
    let text = content(&group, Controller::Blkio, v1, v2);
    assert!(text.contains("1048576"), "{text}");
}

#[test]
fn files_of_v2_by_name() {
    if !have(Need::Root) {
        return;
    }
    let place = Place::new();
    let group = place.layout.plan(&place.parent, "c1").unwrap();
    let created = group.create(&resources(r#"{"unified":{"memory.high":"1048576"}}"#));
    if place.layout.of(Controller::Memory).unwrap().version == Version::V2 {
        created.unwrap();
        assert_eq!(content(&group, Controller::Memory, "", "memory.high"), "1048576");
        let error = group.update(&resources(r#"{"unified":{"memory.hgih":"1"}}"#)).unwrap_err();
        assert!(error.to_string().contains("memory.hgih"), "{error}");
    } else {
        assert!(created.unwrap_err().to_string().contains("no controller `memory`"));
        assert!(!group.exists());
    }
}

#[test]
fn a_start_is_quick() {
    if !have(Need::Root) {
        return;
    }
    let place = Place::new();
    let group = place.group("warm", "{}");
    let began = Instant::now();
    group.stats().unwrap();
    // No number of other groups and processes may matter; a slow machine may.
    assert!(began.elapsed() < Duration::from_millis(100));
}
