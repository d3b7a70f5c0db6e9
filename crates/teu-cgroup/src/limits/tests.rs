//! The same resources on machines of both kinds.

use super::*;
use crate::layout::tests::{hybrid, pure_v2};

fn v1_only() -> Layout {
    let mut layout = hybrid();
    layout.hierarchies.remove(0);
    let name = |name: &str| crate::Hierarchy {
        version: Version::V1,
        mount_point: format!("/sys/fs/cgroup/{name}").into(),
        controllers: vec![name.to_string()],
        own: "/".into(),
    };
    layout.hierarchies.extend(["cpuset", "pids", "blkio", "net_cls"].map(name));
    layout
}

/// Each step as a line: `file = value`, with `<>` for either order, `|` for the first that is there.
fn written(layout: &Layout, json: &str) -> Vec<String> {
    let resources: LinuxResources = serde_json::from_str(json).unwrap();
    let text = |(file, value): &Setting| format!("{file} = {value}");
    let line = |step: &Step| match &step.action {
        Action::Write(one) => text(one),
        Action::WriteIfThere(one) => format!("{}?", text(one)),
        Action::EitherOrder(one, other) => format!("{} <> {}", text(one), text(other)),
        Action::FirstThatIsThere(all) => all.iter().map(text).collect::<Vec<_>>().join(" | "),
        Action::SecondWord(one) => format!("{} (second)", text(one)),
        Action::Below { file, limit } => format!("{file} < {limit}"),
    };
    plan(layout, &resources).unwrap().steps.iter().map(line).collect()
}

fn refusal(layout: &Layout, json: &str) -> String {
    let resources: LinuxResources = serde_json::from_str(json).unwrap();
    plan(layout, &resources).unwrap_err().to_string()
}

#[test]
fn memory() {
    let check = |json: &str, v1: &[&str], v2: &[&str]| {
        let json = format!(r#"{{"memory":{json}}}"#);
        assert_eq!(written(&v1_only(), &json), v1, "v1 {json}");
        assert_eq!(written(&pure_v2(), &json), v2, "v2 {json}");
    };
    check("{}", &[], &[]);
    check(r#"{"limit":0,"swap":0,"disableOOMKiller":false,"kernel":5}"#, &[], &[]);
    check(r#"{"limit":100}"#, &["memory.limit_in_bytes = 100"], &["memory.max = 100"]);
    check(
        r#"{"limit":100,"swap":300,"reservation":50}"#,
        &[
            "memory.limit_in_bytes = 100 <> memory.memsw.limit_in_bytes = 300",
            "memory.soft_limit_in_bytes = 50",
        ],
        &["memory.swap.max = 200", "memory.max = 100", "memory.low = 50"],
    );
    check(
        r#"{"limit":100,"swap":100}"#,
        &["memory.limit_in_bytes = 100 <> memory.memsw.limit_in_bytes = 100"],
        &["memory.swap.max = 0?", "memory.max = 100"],
    );
    check(
        r#"{"limit":-1}"#,
        &["memory.memsw.limit_in_bytes = -1?", "memory.limit_in_bytes = -1"],
        &["memory.swap.max = max?", "memory.max = max"],
    );
    check(r#"{"swap":-1}"#, &["memory.memsw.limit_in_bytes = -1"], &["memory.swap.max = max?"]);
    for layout in [v1_only(), pure_v2()] {
        let text = refusal(&layout, r#"{"memory":{"limit":100,"swap":99}}"#);
        assert!(text.contains("memory.swap to `99`"), "{text}");
    }
    assert!(refusal(&pure_v2(), r#"{"memory":{"swap":99}}"#).contains("beside it"));
    assert!(refusal(&pure_v2(), r#"{"memory":{"swappiness":0}}"#).contains("memory.swappiness"));
    assert!(refusal(&v1_only(), r#"{"memory":{"swappiness":101}}"#).contains("0 to 100"));
    assert_eq!(
        written(&pure_v2(), r#"{"memory":{"limit":9,"checkBeforeUpdate":true}}"#),
        ["memory.current < 9", "memory.max = 9"]
    );
}

#[test]
fn cpu() {
    let check = |json: &str, v1: &[&str], v2: &[&str]| {
        let json = format!(r#"{{"cpu":{json}}}"#);
        assert_eq!(written(&v1_only(), &json), v1, "v1 {json}");
        assert_eq!(written(&pure_v2(), &json), v2, "v2 {json}");
    };
    check(r#"{"shares":0,"quota":0,"period":0,"cpus":""}"#, &[], &[]);
    check(r#"{"shares":1024}"#, &["cpu.shares = 1024"], &["cpu.weight = 100"]);
    check(
        r#"{"quota":50000,"period":100000}"#,
        &["cpu.cfs_period_us = 100000 <> cpu.cfs_quota_us = 50000"],
        &["cpu.max = 50000 100000"],
    );
    check(r#"{"quota":-1}"#, &["cpu.cfs_quota_us = -1"], &["cpu.max = max"]);
    check(r#"{"period":5000}"#, &["cpu.cfs_period_us = 5000"], &["cpu.max = 5000 (second)"]);
    check(
        r#"{"idle":1,"shares":2,"burst":7}"#,
        &["cpu.shares = 2", "cpu.cfs_burst_us = 7", "cpu.idle = 1"],
        &["cpu.idle = 1", "cpu.max.burst = 7"],
    );
    check(
        r#"{"cpus":"0-1","mems":"0"}"#,
        &["cpuset.cpus = 0-1", "cpuset.mems = 0"],
        &["cpuset.cpus = 0-1", "cpuset.mems = 0"],
    );
    assert!(refusal(&pure_v2(), r#"{"cpu":{"realtimeRuntime":5}}"#).contains("v2 has no such"));
}

#[test]
fn conversions_meet_at_both_ends_and_at_the_usual_value() {
    for (shares, weight) in [(0, 1), (2, 1), (1024, 100), (262_144, 10_000), (u64::MAX, 10_000)] {
        assert_eq!(v2::weight_of_shares(shares), weight, "{shares}");
    }
    // Two groups that differ on v1 by a factor keep their order on v2.
    let weights: Vec<u64> = (1..=18).map(|doubling| v2::weight_of_shares(1 << doubling)).collect();
    assert!(weights.windows(2).all(|pair| pair[0] < pair[1]), "{weights:?}");
    for (weight, io) in [(0, 1), (10, 1), (500, 4950), (1000, 10_000), (u16::MAX, 10_000)] {
        assert_eq!(v2::io_weight(weight), io, "{weight}");
    }
}

#[test]
fn the_rest() {
    let json = r#"{"pids":{"limit":5},"blockIO":{"weight":500,
        "weightDevice":[{"major":8,"minor":0,"weight":10}],
        "throttleReadBpsDevice":[{"major":8,"minor":16,"rate":1000}],
        "throttleWriteIOPSDevice":[{"major":8,"minor":16,"rate":0}]}}"#;
    assert_eq!(
        written(&v1_only(), json),
        [
            "pids.max = 5",
            "blkio.weight = 500 | blkio.bfq.weight = 500",
            "blkio.weight_device = 8:0 10 | blkio.bfq.weight_device = 8:0 10",
            "blkio.throttle.read_bps_device = 8:16 1000",
            "blkio.throttle.write_iops_device = 8:16 0",
        ]
    );
    assert_eq!(
        written(&pure_v2(), json),
        [
            "pids.max = 5",
            "io.bfq.weight = 500 | io.weight = 4950",
            "io.bfq.weight = 8:0 10 | io.weight = 8:0 1",
            "io.max = 8:16 rbps=1000",
            "io.max = 8:16 wiops=max",
        ]
    );
    assert_eq!(written(&pure_v2(), r#"{"pids":{"limit":-1}}"#), ["pids.max = max"]);
    let json = r#"{"hugepageLimits":[{"pageSize":"2MB","limit":4}]}"#;
    assert_eq!(written(&hybrid(), json), ["hugetlb.2MB.max = 4", "hugetlb.2MB.rsvd.max = 4?"]);
    let json = r#"{"rdma":{"mlx5":{"hcaHandles":3}},"unified":{"cpu.weight.nice":"5"}}"#;
    assert_eq!(written(&pure_v2(), json), ["rdma.max = mlx5 hca_handle=3", "cpu.weight.nice = 5"]);
    assert_eq!(written(&v1_only(), r#"{"network":{"classID":7}}"#), ["net_cls.classid = 7"]);
}

#[test]
fn what_no_controller_keeps_is_refused_by_name_and_only_if_asked() {
    let text = refusal(&hybrid(), r#"{"pids":{"limit":5}}"#);
    assert_eq!(text, "cannot set pids.limit to `5`: this machine has no cgroup controller `pids`");
    assert!(written(&hybrid(), r#"{"pids":{},"blockIO":{}}"#).is_empty());
    assert!(
        refusal(&v1_only(), r#"{"hugepageLimits":[{"pageSize":"2MB","limit":4}]}"#)
            .contains("hugetlb")
    );
    assert!(
        refusal(&hybrid(), r#"{"unified":{"memory.high":"1"}}"#).contains("no controller `memory`")
    );
    assert!(refusal(&pure_v2(), r#"{"network":{"classID":7}}"#).contains("net_cls"));
    for file in ["../x.y", "memory.max/..", "", "memory", ".max", "cgroup.procs", "a\\u0000.b"] {
        let json = format!(r#"{{"unified":{{"{file}":"1"}}}}"#);
        assert!(refusal(&pure_v2(), &json).contains("unified"), "{file}");
    }
    let json = r#"{"hugepageLimits":[{"pageSize":"../2","limit":4}]}"#;
    assert!(refusal(&pure_v2(), json).contains("page size"));
    let mut layout = v1_only();
    layout.hierarchies.retain(|one| one.controllers != ["devices"]);
    assert!(refusal(&layout, r#"{"devices":[{"allow":false}]}"#).contains("`devices`"));
}
