//! Who does what follows on a container's end, and what happens when somebody is killed.

use crate::container::{Container, LIMIT, Wanted, binary, lives, pump, wait_until};
use std::os::fd::AsFd;
use teu_kernel::pidfd;
use teu_monitor::{Attach, Exit, MonitorError, Refusal, Target};
use teu_testkit::{Need, have};

fn after(container: &Container) -> String {
    wait_until("the command for afterwards has run", || container.file("after").exists());
    wait_until("it has written all", || {
        std::fs::metadata(container.file("after")).is_ok_and(|file| file.len() > 0)
    });
    std::fs::read_to_string(container.file("after")).unwrap()
}

fn kill(pid: u32) {
    let process = pidfd::pidfd_open(pid).unwrap();
    pidfd::pidfd_send_signal(process.as_fd(), 9).unwrap();
    wait_until("the process is gone", || !lives(pid));
}

#[test]
fn where_nobody_is_there_a_command_is_started() {
    if !have(Need::Root) {
        return;
    }
    let container = Container::start_detached("after", &Wanted::script("sleep 0.1; exit 6"));
    assert_eq!(after(&container), "6 true");
    assert!(container.file("word").exists());
    assert_eq!(Exit::read(&container.run_dir()).unwrap().unwrap().code, 6);
    wait_until("the monitor has ended", || teu_monitor::connect(&container.run_dir()).is_err());
}

#[test]
fn who_leaves_before_it_is_done_is_replaced() {
    if !have(Need::Root) {
        return;
    }
    let (container, mut link) = Container::start("leaves", &Wanted::script("exit 8"));
    assert!(pump(&mut link, b"").0.release);
    drop(link);
    assert_eq!(after(&container), "8 true");
}

#[test]
fn a_command_that_dies_before_it_recorded_takes_the_container_with_it() {
    if !have(Need::Root) {
        return;
    }
    let (mut container, mut link) = Container::new("unrecorded");
    container.make(&mut link, &Wanted::script("sleep 1000")).unwrap();
    link.go().unwrap();
    assert!(lives(container.pid));
    drop(link);
    assert_eq!(after(&container), "137 true");
    assert!(!lives(container.pid));
}

#[test]
fn a_command_that_dies_at_the_gate_takes_the_process_with_it() {
    if !have(Need::Root) {
        return;
    }
    let (mut container, mut link) = Container::new("gate");
    container.make(&mut link, &Wanted::script("sleep 1000")).unwrap();
    drop(link);
    assert!(after(&container).contains("NotRunning"));
    assert!(!lives(container.pid));
}

#[test]
fn a_start_that_fails_is_told_and_released() {
    if !have(Need::Root) {
        return;
    }
    let (mut container, mut link) = Container::new("fails");
    std::fs::remove_file(container.directory.join("root/bin/sh")).unwrap();
    container.make(&mut link, &Wanted::script("true")).unwrap();
    let error = link.go().unwrap_err();
    let MonitorError::Start(error) = error else { panic!("{error:?}") };
    assert_eq!(error.exit_code(), 127);
    link.released().unwrap();
    wait_until("the monitor has ended", || teu_monitor::connect(&container.run_dir()).is_err());
    assert!(!container.file("after").exists() && !container.file("exit.json").exists());
}

#[test]
fn the_same_monitor_starts_the_container_again() {
    if !have(Need::Root) {
        return;
    }
    let wanted = Wanted::script("echo turn");
    let (mut container, mut link) = Container::start("again", &wanted);
    for _ in 0..3 {
        let (exited, stdout, _) = pump(&mut link, b"");
        assert_eq!((stdout.as_str(), exited.release), ("turn\n", true));
        container.make(&mut link, &wanted).unwrap();
        link.attach(Target::Container, Attach::ALL).unwrap();
        link.go().unwrap();
        link.recorded().unwrap();
    }
    pump(&mut link, b"");
    link.released().unwrap();
    assert_eq!(container.log().len(), 4);
}

#[test]
fn a_killed_monitor_is_replaced() {
    if !have(Need::Root) {
        return;
    }
    let script = "while ! test -e /tmp/go; do sleep 0.01; done; seq 50000; exit 5";
    let container = Container::start_detached("adopt", &Wanted::script(script));
    kill(container.monitor_pid());
    assert!(lives(container.pid));
    let error = teu_monitor::connect(&container.run_dir()).unwrap_err();
    assert!(matches!(error, MonitorError::NotThere { .. }));
    let run_dir = container.run_dir();
    let adopt = || teu_monitor::adopt(binary().as_fd(), &container.id, &run_dir);
    let mut link = adopt().unwrap();
    link.attach(Target::Container, Attach::ALL).unwrap();
    // One that comes too late finds the record locked, and goes.
    let second = adopt().and_then(|mut link| link.attach(Target::Container, Attach::ALL));
    assert!(matches!(second, Err(MonitorError::Lost)));
    std::fs::write(container.directory.join("root/tmp/go"), "").unwrap();
    link.watch_exit(Target::Container, true).unwrap();
    let (exited, stdout, _) = pump(&mut link, b"");
    assert_eq!(stdout.lines().count(), 50_000);
    assert_eq!(container.log().len(), 50_000);
    let exit = exited.exit;
    // 255 before Linux 6.15, or where nobody reaps orphans.
    assert!(exit.code == 5 || exit.error.as_deref() == Some("monitor lost"), "{exit:?}");
    eprintln!("adopted: code {}", exit.code);
    assert!(exited.release);
    link.released().unwrap();
}

#[test]
fn a_container_with_a_terminal_ends_with_its_monitor() {
    if !have(Need::Root) {
        return;
    }
    let container = Container::start_detached("lost", &Wanted::script("sleep 1000").terminal());
    kill(container.monitor_pid());
    let run_dir = container.run_dir();
    let mut link = teu_monitor::adopt(binary().as_fd(), &container.id, &run_dir).unwrap();
    link.watch_exit(Target::Container, true).unwrap();
    let exited = link.wait(Some(LIMIT)).unwrap().unwrap();
    assert!(matches!(exited.exit.code, 137 | 255) && exited.release);
    assert!(!lives(container.pid));
    assert!(exited.exit.error.as_ref().unwrap().contains("terminal"));
    assert_eq!(Exit::read(&run_dir).unwrap(), Some(exited.exit));
    link.released().unwrap();
}

#[test]
fn a_container_that_ended_without_a_monitor_is_told_as_lost() {
    if !have(Need::Root) {
        return;
    }
    let container = Container::start_detached("lost", &Wanted::script("sleep 1000"));
    kill(container.monitor_pid());
    kill(container.pid);
    let run_dir = container.run_dir();
    let mut link = teu_monitor::adopt(binary().as_fd(), &container.id, &run_dir).unwrap();
    link.watch_exit(Target::Container, true).unwrap();
    let exited = link.wait(Some(LIMIT)).unwrap().unwrap();
    assert_eq!((exited.exit.code, exited.exit.error.as_deref()), (255, Some("monitor lost")));
    assert_eq!(Exit::read(&run_dir).unwrap(), Some(exited.exit));
    // The one who adopts leaves in the middle of it.
    drop(link);
    assert_eq!(after(&container), "255 true");
}

#[test]
fn what_does_not_fit_is_refused() {
    if !have(Need::Root) {
        return;
    }
    let (container, mut link) = Container::start("order", &Wanted::script("sleep 1000"));
    let refused = |result: Result<(), MonitorError>| match result {
        Err(MonitorError::Refused { why, .. }) => why,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(link.go().map(drop)), Refusal::OutOfOrder);
    let mut other = container.connect();
    assert_eq!(refused(other.go().map(drop)), Refusal::OutOfOrder);
    let Refusal::Kernel { errno, .. } = refused(other.signal(Target::Container, 4711, None)) else {
        panic!()
    };
    assert_eq!(errno, teu_kernel::libc::EINVAL);
    assert_eq!(other.namespaces().unwrap().len(), 5);
    other.signal(Target::Container, 9, None).unwrap();
    link.wait(Some(LIMIT)).unwrap().unwrap();
    assert_eq!(refused(other.signal(Target::Container, 9, None)), Refusal::NotRunning);
    link.released().unwrap();
}

#[test]
fn the_binary_cannot_be_written_through_the_monitor() {
    if !have(Need::Root) {
        return;
    }
    let container = Container::start_detached("binary", &Wanted::script("sleep 1000"));
    let path = format!("/proc/{}/exe", container.monitor_pid());
    let same = std::fs::metadata(&path).unwrap().permissions();
    let error = std::fs::set_permissions(&path, same).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(teu_kernel::libc::EROFS));
    // While it runs, "busy" comes before "read-only".
    assert!(std::fs::OpenOptions::new().write(true).open(path).is_err());
    let monitor = container.monitor_pid();
    let name = std::fs::read_to_string(format!("/proc/{monitor}/comm")).unwrap();
    assert_eq!(name, "teu-monitor\n");
    assert_eq!(std::fs::read_link(format!("/proc/{monitor}/cwd")).unwrap().as_os_str(), "/");
    container.connect().signal(Target::Container, 9, None).unwrap();
}
