//! How fast output goes into the log. Figures are printed, not judged: a build for tests is slow.

use crate::container::{Container, Wanted};
use std::time::Instant;
use teu_monitor::log::{LogWriter, Stream};
use teu_monitor::{LogConfig, Target};
use teu_testkit::TempDir;
use teu_testkit::{Need, have};

#[test]
fn output_into_the_log() {
    if !have(Need::Root) {
        return;
    }
    let line = "x".repeat(99);
    let script = format!("yes {line} | head -n 200000");
    let begin = Instant::now();
    let container = Container::start_detached("speed", &Wanted::script(&script));
    let mut link = container.connect();
    if link.watch_exit(Target::Container, true).is_ok() {
        link.wait(None).unwrap();
        link.released().unwrap();
    }
    eprintln!("20 MB into the log: {:?}", begin.elapsed());
}

#[test]
fn the_log_alone() {
    let directory = TempDir::new("log-speed");
    let mut log = LogWriter::open(LogConfig::new(directory.join("log"))).unwrap();
    let text = format!("{}\n", "x".repeat(99)).repeat(640);
    let begin = Instant::now();
    for _ in 0..400 {
        log.write(Stream::Stdout, text.as_bytes()).unwrap();
    }
    let megabytes = text.len() as f64 * 400.0 / 1e6;
    eprintln!("the log alone: {:.0} MB/s", megabytes / begin.elapsed().as_secs_f64());
}
