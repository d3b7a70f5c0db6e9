//! What containers use, in docker's columns, and in the kernel's numbers.

use std::fs;
use std::path::Path;
use std::time::Instant;
use teu_testkit::Teu;
use teu_testkit::teu::until;

fn number(group: &Path, v1: &str, v2: &str) -> f64 {
    let file = group.join(v1);
    let file = if file.exists() { file } else { group.join(v2) };
    fs::read_to_string(&file).unwrap().trim().parse().unwrap()
}

fn stat(group: &Path, v1: &str, v2: &str) -> f64 {
    let text = fs::read_to_string(group.join("memory.stat")).unwrap();
    let found = |key: &str| text.lines().find_map(|line| line.strip_prefix(&format!("{key} ")));
    found(v1).or_else(|| found(v2)).unwrap().parse().unwrap()
}

/// `1.5MiB`, `2.3kB`
fn bytes(text: &str) -> f64 {
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap();
    let factor = match &text[split..] {
        "B" => 1.0,
        "kB" => 1e3,
        "MB" => 1e6,
        "KiB" => 1024.0,
        "MiB" => 1048576.0,
        "GiB" => 1073741824.0,
        other => panic!("{other}"),
    };
    text[..split].parse::<f64>().unwrap() * factor
}

#[track_caller]
fn near(shown: f64, truth: f64) {
    assert!((shown - truth).abs() <= truth * 0.01 + 4096.0, "{shown} is not {truth}");
}

/// C26
#[test]
fn values_are_the_kernels() {
    let teu = Teu::with_busybox("stats");
    teu.ok("run -d --name a -m 64m busybox sh -c 'dd if=/dev/zero of=/f bs=1M count=8; sync; sleep 97 & sleep 98'");
    until("both sleep", || teu.ok("top a").contains("sleep 98").then_some(()));
    let address = teu.address("a");
    teu.ok(&format!("run --rm busybox ping -c 3 -i 0.1 -s 1400 {address}"));
    let group = teu.cgroup("a", "memory");
    // The kernel adds up memory.stat every two seconds: what it says is asked before and after.
    let in_force = || {
        number(&group, "memory.usage_in_bytes", "memory.current")
            - stat(&group, "total_inactive_file", "inactive_file")
    };
    let line = until("a moment without change", || {
        let before = in_force();
        let line = teu.ok("stats --no-stream --format '{{.MemUsage}};{{.PIDs}};{{.NetIO}};{{.BlockIO}};{{.MemPerc}}' a");
        (in_force() == before).then_some(line)
    });
    let parts: Vec<&str> = line.split(';').collect();
    let (used, limit) = parts[0].split_once(" / ").unwrap();
    near(bytes(used), in_force());
    assert_eq!(limit, "64MiB");
    near(
        parts[4].trim_end_matches('%').parse::<f64>().unwrap() / 100.0 * 67_108_864.0,
        bytes(used),
    );
    let pids = number(&teu.cgroup("a", "pids"), "pids.current", "pids.current");
    assert_eq!(parts[1].parse::<f64>().unwrap(), pids);
    let inside = teu.ok("exec a cat /proc/net/dev");
    let eth0: Vec<f64> = inside
        .lines()
        .find_map(|line| line.trim().strip_prefix("eth0:"))
        .unwrap()
        .split_whitespace()
        .map(|word| word.parse().unwrap())
        .collect();
    let (received, sent) = parts[2].split_once(" / ").unwrap();
    assert!(eth0[0] > 4000.0, "{inside}");
    near(bytes(received), eth0[0]);
    near(bytes(sent), eth0[8]);
    let written = bytes(parts[3].split_once(" / ").unwrap().1);
    let truth = written_in(&teu.cgroup("a", "blkio"));
    near(written, truth);
}

fn written_in(group: &Path) -> f64 {
    let v1 = group.join("blkio.throttle.io_service_bytes_recursive");
    let sum = |words: Vec<String>| words.iter().filter_map(|word| word.parse::<f64>().ok()).sum();
    if v1.exists() {
        let text = fs::read_to_string(v1).unwrap();
        return sum(text
            .lines()
            .filter_map(|l| l.split_once(" Write "))
            .map(|p| p.1.into())
            .collect());
    }
    let text = fs::read_to_string(group.join("io.stat")).unwrap();
    sum(text.split_whitespace().filter_map(|w| w.strip_prefix("wbytes=")).map(Into::into).collect())
}

#[test]
fn dockers_table() {
    let teu = Teu::with_busybox("stats-table");
    teu.ok("run -d --network none --name busy busybox sh -c 'while :; do :; done'");
    teu.ok("create --network none --name idle busybox true");
    let began = Instant::now();
    let shown = teu.ok("stats --no-stream");
    assert!(began.elapsed().as_secs_f64() < 1.0, "a window of 50 ms, not of a second");
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines.len(), 2, "{shown}");
    let head: Vec<&str> =
        lines[0].split("  ").map(str::trim).filter(|word| !word.is_empty()).collect();
    assert_eq!(
        head,
        [
            "CONTAINER ID",
            "NAME",
            "CPU %",
            "MEM USAGE / LIMIT",
            "MEM %",
            "NET I/O",
            "BLOCK I/O",
            "PIDS"
        ]
    );
    assert!(lines[1].contains("busy") && lines[1].contains("0B / 0B"), "{shown}");
    let cpu = teu.ok("stats --no-stream --format '{{.CPUPerc}}' busy");
    let cpu: f64 = cpu.trim_end_matches('%').parse().unwrap();
    assert!((10.0..115.0).contains(&cpu), "{cpu}");
    let all =
        teu.ok("stats -a --no-stream --format '{{.Name}} {{.CPUPerc}} {{.MemUsage}} {{.PIDs}}'");
    assert!(all.lines().any(|line| line == "idle 0.00% 0B / 0B 0"), "{all}");
    let whole = teu.ok("stats --no-stream --no-trunc --format '{{.ID}} {{.Container}}' busy");
    assert_eq!(whole, format!("{} busy", teu.ok("inspect -f '{{.Id}}' busy")));
    assert!(teu.ok("stats --no-stream --format json").starts_with("{\"BlockIO\":\"0B / 0B\""));
    assert!(teu.fails(1, "stats --no-stream nobody").contains("No such container: nobody"));
    // The stream goes on, each time over the last one.
    let mut command = teu.command(&["stats"]);
    command.stdout(std::process::Stdio::piped());
    let mut stream = command.spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(2500));
    std::process::Command::new("kill").arg(stream.id().to_string()).status().unwrap();
    let mut text = String::new();
    std::io::Read::read_to_string(stream.stdout.as_mut().unwrap(), &mut text).unwrap();
    stream.wait().unwrap();
    assert!(text.matches("\u{1b}[2J\u{1b}[HCONTAINER ID").count() >= 2, "{text}");
}
