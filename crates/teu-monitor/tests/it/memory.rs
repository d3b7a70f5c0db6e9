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
    // Not Private_Dirty: that counts the binary's own pages while the file has not reached the disk.
    let private_kib = of("Anonymous:");
    eprintln!(
        "idle monitor: private {private_kib} KiB, Private_Dirty {} KiB, Pss {} KiB",
        of("Private_Dirty:"),
        of("Pss:")
    );
    assert!(private_kib < 200, "{private_kib} KiB");
    container.connect().signal(Target::Container, 9, None).unwrap();
}
