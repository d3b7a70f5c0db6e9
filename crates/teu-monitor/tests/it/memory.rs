//! What an idle monitor costs.

use crate::container::{Container, Wanted};
use std::time::Duration;
use teu_monitor::Target;
use teu_testkit::{Need, have};

#[test]
fn an_idle_monitor_is_small() {
    if !have(Need::Root) {
        return;
    }
    let container = Container::start_detached("memory", &Wanted::script("seq 100000; sleep 1000"));
    std::thread::sleep(Duration::from_millis(2500));
    let path = format!("/proc/{}/smaps_rollup", container.monitor_pid());
    let text = std::fs::read_to_string(path).unwrap();
    let of = |field: &str| -> u64 {
        let line = text.lines().find(|line| line.starts_with(field)).unwrap();
        line.split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
    };
    let private_kib = of("Private_Dirty:");
    eprintln!("idle monitor: Private_Dirty {private_kib} KiB, Pss {} KiB", of("Pss:"));
    // The binary that is shipped has fewer relocations than the one for tests; `bench/` measures that one.
    assert!(private_kib < 600, "{private_kib} KiB");
    container.connect().signal(Target::Container, 9, None).unwrap();
}
