//! The log of a container.

use crate::container::{Container, Wanted, pump};
use teu_testkit::{Need, have};

#[test]
fn the_log_is_rotated() {
    if !have(Need::Root) {
        return;
    }
    let wanted = Wanted { max_size_bytes: 100_000, ..Wanted::script("seq 10000") };
    let (container, mut link) = Container::start("rotate", &wanted);
    pump(&mut link, b"");
    link.released().unwrap();
    for name in ["log", "log.1", "log.2"] {
        let length = std::fs::metadata(container.directory.join(name)).unwrap().len();
        assert!(length < 100_200, "{name}: {length}");
    }
    assert!(!container.directory.join("log.3").exists());
    let log = container.log();
    assert_eq!(log.last().unwrap().1, "10000\n");
    assert!(log.len() > 2000 && log.len() < 10_000);
}

#[test]
fn a_line_that_never_ends_needs_no_memory() {
    if !have(Need::Root) {
        return;
    }
    let script = "head -c 30000000 /dev/zero";
    let wanted = Wanted { max_size_bytes: 2_000_000, ..Wanted::script(script) };
    let (container, mut link) = Container::start("endless", &wanted);
    let (_, stdout, _) = pump(&mut link, b"");
    assert_eq!(stdout.len(), 30_000_000);
    assert!(container.log().iter().all(|(_, text)| text.len() <= 16 * 1024));
    link.released().unwrap();
}
