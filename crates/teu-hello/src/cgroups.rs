//! Where it stands in the control groups, and the limits in force: `cgroups(7)`.

use std::path::Path;

/// Limit files of v2 and v1, seen from the container's own /sys/fs/cgroup.
const LIMITS: &[(&str, &[&str])] = &[
    ("memory", &["memory.max", "memory/memory.limit_in_bytes"]),
    ("cpu", &["cpu.max", "cpu/cpu.cfs_quota_us", "cpu,cpuacct/cpu.cfs_quota_us"]),
    ("cpuset", &["cpuset.cpus.effective", "cpuset/cpuset.effective_cpus", "cpuset/cpuset.cpus"]),
    ("pids", &["pids.max", "pids/pids.max"]),
];

/// Name, value, meaning.
pub(crate) fn rows() -> Vec<(String, String, &'static str)> {
    let mut rows = paths(&std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default());
    for (name, files) in LIMITS {
        let value = files
            .iter()
            .map(|file| crate::read(&format!("/sys/fs/cgroup/{file}")))
            .find(|text| text != "-");
        rows.push((
            name.to_string(),
            value.map_or_else(|| "not limited".into(), |text| in_words(name, &text)),
            "limit",
        ));
    }
    rows
}

/// One row per distinct path, its controllers named.
fn paths(text: &str) -> Vec<(String, String, &'static str)> {
    let mut rows: Vec<(Vec<&str>, &str)> = Vec::new();
    for line in text.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
        let controllers = if controllers.is_empty() { "v2" } else { controllers };
        match rows.iter_mut().find(|(_, known)| *known == path) {
            Some((names, _)) => names.push(controllers),
            None => rows.push((vec![controllers], path)),
        }
    }
    let shown = |(names, path): (Vec<&str>, &str)| {
        let depth = Path::new(path).components().count();
        let meaning = if depth <= 1 { "the top of what it can see" } else { "the host's path" };
        ("path".to_string(), format!("{path} ({})", names.join(" ")), meaning)
    };
    rows.into_iter().map(shown).collect()
}

/// The kernel's ways to say "no limit", and bytes as MiB.
fn in_words(name: &str, text: &str) -> String {
    match (name, text.parse::<i64>()) {
        ("cpuset", _) => text.to_string(),
        (_, Ok(number)) if !(0..1 << 60).contains(&number) => "not limited".into(),
        ("memory", Ok(bytes)) => format!("{} MiB", bytes >> 20),
        _ if text.starts_with("max") => "not limited".into(),
        _ => text.to_string(),
    }
}

#[test]
fn paths_and_limits() {
    let rows = paths("5:cpu:/\n4:memory:/\n0::/\n");
    assert_eq!(rows, [("path".into(), "/ (cpu memory v2)".into(), "the top of what it can see")]);
    assert_eq!(in_words("memory", "67108864"), "64 MiB");
    assert_eq!(in_words("memory", "9223372036854771712"), "not limited");
    assert_eq!(in_words("cpu", "max 100000"), "not limited");
    assert_eq!(in_words("cpuset", "0-1"), "0-1");
}
