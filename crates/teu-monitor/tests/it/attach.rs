//! Bytes, both ways.

use crate::container::{Container, LIMIT, Wanted, pump, wait_until};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::time::Duration;
use teu_monitor::{Attach, Exit, Pump, PumpEnd, Target};
use teu_testkit::{Need, have};

#[test]
fn output_reaches_the_client_and_the_log() {
    if !have(Need::Root) {
        return;
    }
    let wanted = Wanted::script("echo out; echo err >&2; echo -n rest; exit 7");
    let (container, mut link) = Container::start("output", &wanted);
    let (exited, stdout, stderr) = pump(&mut link, b"");
    assert_eq!((stdout.as_str(), stderr.as_str()), ("out\nrest", "err\n"));
    assert_eq!((exited.exit.code, exited.release), (7, true));
    assert_eq!(Exit::read(&container.run_dir()).unwrap(), Some(exited.exit));
    let mut log = container.log();
    log.sort();
    let expected = [("stderr", "err\n"), ("stdout", "out\n"), ("stdout", "rest")];
    assert_eq!(log, expected.map(|(stream, text)| (stream, text.to_string())));
    link.released().unwrap();
    wait_until("the monitor has ended", || teu_monitor::connect(&container.run_dir()).is_err());
    assert!(!container.file("after").exists());
}

#[test]
fn input_ends_when_the_client_says_so() {
    if !have(Need::Root) {
        return;
    }
    let (_container, mut link) =
        Container::start("input", &Wanted::script("cat; echo end").stdin());
    let (exited, stdout, _) = pump(&mut link, b"one\ntwo\n");
    assert_eq!((exited.exit.code, stdout.as_str()), (0, "one\ntwo\nend\n"));
    link.released().unwrap();
}

#[test]
fn without_input_there_is_none() {
    if !have(Need::Root) {
        return;
    }
    let (_container, mut link) = Container::start("no-input", &Wanted::script("cat; echo end"));
    let (_, stdout, _) = pump(&mut link, b"lost");
    assert_eq!(stdout, "end\n");
    link.released().unwrap();
}

#[test]
fn two_clients_see_the_same() {
    if !have(Need::Root) {
        return;
    }
    let wanted = Wanted::script("read x; seq 100000; exit 3").stdin();
    let (container, mut first) = Container::start("two", &wanted);
    let mut second = container.connect();
    second.attach(Target::Container, Attach { stdin: false, ..Attach::ALL }).unwrap();
    let other = std::thread::spawn(move || pump(&mut second, b""));
    let (exited, stdout, _) = pump(&mut first, b"go\n");
    let (same, same_stdout, _) = other.join().unwrap();
    assert_eq!(stdout.lines().count(), 100_000);
    assert!(stdout == same_stdout);
    assert_eq!((exited.exit.code, exited.release, same.release), (3, true, false));
    first.released().unwrap();
}

#[test]
fn a_client_may_leave_and_another_come() {
    if !have(Need::Root) {
        return;
    }
    let wanted = Wanted::script("while read x; do echo got $x; done");
    let wanted = Wanted { stdio: teu_monitor::Stdio { stdin: true, stdin_once: false }, ..wanted };
    let (container, first) = Container::start("leave", &wanted);
    drop(first);
    let mut second = container.connect();
    second.attach(Target::Container, Attach::ALL).unwrap();
    let (mine, theirs) = std::io::pipe().unwrap();
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut theirs = theirs;
    let talk = std::thread::spawn(move || {
        theirs.write_all(b"hello\n").unwrap();
        let mut text = [0; 10];
        reader.read_exact(&mut text).unwrap();
        theirs.write_all(b"\x10\x11").unwrap();
        (text, theirs, reader)
    });
    let end = second.pump(Pump {
        stdin: Some(mine.as_fd()),
        stdout: Some(writer.as_fd()),
        detach_keys: Some(teu_monitor::DetachKeys::default()),
        ..Pump::default()
    });
    assert!(matches!(end.unwrap(), PumpEnd::Detached));
    assert_eq!(&talk.join().unwrap().0, b"got hello\n");
    second.signal(Target::Container, 9, Some("kill")).unwrap();
    let exit = second.wait(Some(LIMIT)).unwrap().unwrap().exit;
    assert_eq!((exit.code, exit.signal, exit.stopped_by.as_deref()), (137, Some(9), Some("kill")));
}

/// A client that does not read stops the container, and nothing is lost.
#[test]
fn a_client_that_does_not_read_stops_the_container() {
    if !have(Need::Root) {
        return;
    }
    let wanted = Wanted { log: false, ..Wanted::script("seq 1000000; echo done >&2") };
    let (container, mut link) = Container::start("slow", &wanted);
    std::thread::sleep(Duration::from_millis(200));
    assert!(crate::container::lives(container.pid), "it must wait for its reader");
    let (exited, stdout, stderr) = pump(&mut link, b"");
    assert_eq!((exited.exit.code, stderr.as_str()), (0, "done\n"));
    assert_eq!(stdout.lines().last(), Some("1000000"));
    assert_eq!(stdout.len(), (1..=1_000_000).map(|n| format!("{n}\n").len()).sum::<usize>());
    link.released().unwrap();
}

/// A gigabyte into the container and back.
#[test]
fn gigabytes_go_through_both_ways() {
    if !have(Need::Root) {
        return;
    }
    const BYTES: usize = 1 << 30;
    let wanted = Wanted { log: false, ..Wanted::script("cat").stdin() };
    let (_container, mut link) = Container::start("gigabytes", &wanted);
    let (mine, mut theirs) = std::io::pipe().unwrap();
    let (mut reader, writer) = std::io::pipe().unwrap();
    let block: Vec<u8> = (0..1 << 20).map(|n: u32| (n % 251) as u8).collect();
    let sent = block.clone();
    let write = std::thread::spawn(move || {
        for _ in 0..BYTES >> 20 {
            theirs.write_all(&sent).unwrap();
        }
    });
    let read = std::thread::spawn(move || {
        let mut got = vec![0; 1 << 20];
        for n in 0..BYTES >> 20 {
            reader.read_exact(&mut got).unwrap();
            assert!(got == block, "megabyte {n} differs");
        }
        reader.read_to_end(&mut got).unwrap()
    });
    let begin = std::time::Instant::now();
    let end = link.pump(Pump {
        stdin: Some(mine.as_fd()),
        stdout: Some(writer.as_fd()),
        ..Pump::default()
    });
    let took = begin.elapsed();
    assert!(matches!(end.unwrap(), PumpEnd::Exited(_)));
    drop(writer);
    write.join().unwrap();
    assert_eq!(read.join().unwrap(), 0);
    eprintln!("both ways: {:.0} MB/s", BYTES as f64 / 1e6 / took.as_secs_f64());
    link.released().unwrap();
}

/// What is typed is not lost with a reader that is gone (`| head`).
#[test]
fn a_closed_output_does_not_end_the_process() {
    if !have(Need::Root) {
        return;
    }
    let wanted = Wanted { log: false, ..Wanted::script("seq 100000; exit 4") };
    let (_container, mut link) = Container::start("closed", &wanted);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let end = link.pump(Pump { stdout: Some(writer.as_fd()), ..Pump::default() }).unwrap();
    let PumpEnd::Exited(exited) = end else { panic!("{end:?}") };
    assert_eq!(exited.exit.code, 4);
    link.released().unwrap();
}

/// A client that sends more than it may is shown the door, and the container goes on.
#[test]
fn a_client_that_breaks_the_rules_is_dismissed() {
    if !have(Need::Root) {
        return;
    }
    let wanted = Wanted::script("sleep 1000").stdin();
    let (container, link) = Container::start("rules", &wanted);
    let directory = File::open(container.run_dir()).unwrap();
    let raw = teu_kernel::unix::seqpacket_connect(directory.as_fd(), "monitor.sock").unwrap();
    for frame in [&b"\x01{\"attach\":{\"target\":\"container\",\"streams\":{\"stdin\":true,\"stdout\":false,\"stderr\":false}}}"[..], b"\x01nonsense", b"\x63", b"\x02"] {
        teu_kernel::unix::send(raw.as_fd(), &[frame], &[]).unwrap();
    }
    let mut sent = 0;
    while teu_kernel::unix::send(raw.as_fd(), &[&[3], &[0; 60_000]], &[]).is_ok() {
        sent += 60_000;
        assert!(sent < 10_000_000, "the window has no end");
    }
    assert!(crate::container::lives(container.pid));
    let mut other = container.connect();
    other.signal(Target::Container, 9, None).unwrap();
    drop(link);
}
