//! More processes in a container.

use crate::container::{Container, LIMIT, Wanted, exec_request, pump, wait_until};
use teu_monitor::{Attach, MonitorError, Refusal, Stdio, Target};
use teu_testkit::{Need, have};

#[test]
fn an_exec_has_its_own_streams_and_status() {
    if !have(Need::Root) {
        return;
    }
    let container = Container::start_detached("exec", &Wanted::script("sleep 1000"));
    for (id, code) in [("a", 0), ("b", 42), ("c", 255)] {
        let mut link = container.connect();
        let stdio = Stdio { stdin: true, stdin_once: true };
        let script = format!("cat; echo err >&2; exit {code}");
        link.exec(exec_request(id, &script, stdio, false), &[]).unwrap();
        let (exited, stdout, stderr) = pump(&mut link, b"hello");
        assert_eq!((exited.target, exited.exit.code), (Target::Exec(id.into()), code));
        assert_eq!((stdout.as_str(), stderr.as_str(), exited.release), ("hello", "err\n", false));
        assert_eq!(link.exec_state(id).unwrap().exit, Some(exited.exit));
    }
    assert!(container.log().is_empty(), "an exec's output is not the container's");
    let mut link = container.connect();
    let again = link.exec(exec_request("a", "true", Stdio::default(), false), &[]);
    assert!(matches!(again, Err(MonitorError::Refused { why: Refusal::ExecExists, .. })));
    let unknown = link.attach(Target::Exec("x".into()), Attach::ALL);
    assert!(matches!(unknown, Err(MonitorError::Refused { why: Refusal::NoSuchExec, .. })));
    link.signal(Target::Container, 9, None).unwrap();
}

#[test]
fn an_exec_goes_on_when_its_command_dies() {
    if !have(Need::Root) {
        return;
    }
    let container = Container::start_detached("exec-on", &Wanted::script("sleep 1000"));
    let mut link = container.connect();
    let script = "while ! test -e /tmp/go; do sleep 0.01; done; yes | head -n 100000; exit 9";
    link.exec(exec_request("a", script, Stdio::default(), false), &[]).unwrap();
    drop(link);
    let mut other = container.connect();
    assert_eq!(other.exec_state("a").unwrap().exit, None);
    std::fs::write(container.directory.join("root/tmp/go"), "").unwrap();
    other.watch_exit(Target::Exec("a".into()), false).unwrap();
    assert_eq!(other.wait(Some(LIMIT)).unwrap().unwrap().exit.code, 9);
    other.signal(Target::Container, 9, None).unwrap();
}

#[test]
fn an_exec_ends_with_its_container() {
    if !have(Need::Root) {
        return;
    }
    let container = Container::start_detached("exec-end", &Wanted::script("sleep 1000"));
    let mut link = container.connect();
    link.exec(exec_request("a", "sleep 1000", Stdio::default(), false), &[]).unwrap();
    let mut other = container.connect();
    other.watch_exit(Target::Container, true).unwrap();
    other.signal(Target::Container, 9, None).unwrap();
    assert_eq!(link.wait(Some(LIMIT)).unwrap().unwrap().exit.signal, Some(9));
    assert!(other.wait(Some(LIMIT)).unwrap().unwrap().release);
    other.released().unwrap();
}

#[test]
fn an_exec_may_have_a_terminal() {
    if !have(Need::Root) {
        return;
    }
    let container = Container::start_detached("exec-tty", &Wanted::script("sleep 1000"));
    let mut link = container.connect();
    let target = Target::Exec("t".into());
    link.exec(
        exec_request("t", "read x; stty size", Stdio { stdin: true, stdin_once: true }, true),
        &[],
    )
    .unwrap();
    link.resize(target, 5, 6).unwrap();
    let (exited, stdout, _) = pump(&mut link, b"\n");
    assert_eq!(exited.exit.code, 0);
    assert!(stdout.contains("5 6"), "{stdout:?}");
    let resized = link.resize(Target::Container, 5, 6);
    assert!(matches!(resized, Err(MonitorError::Refused { why: Refusal::NoTerminal, .. })));
    link.signal(Target::Container, 9, None).unwrap();
    wait_until("the end is recorded", || container.file("exit.json").exists());
}

#[test]
fn a_program_that_is_not_there_is_told() {
    if !have(Need::Root) {
        return;
    }
    let container = Container::start_detached("exec-none", &Wanted::script("sleep 1000"));
    let mut link = container.connect();
    let mut request = exec_request("a", "", Stdio::default(), false);
    request.plan.process.args = vec!["no-such-program".into()];
    let error = link.exec(request, &[]).unwrap_err();
    let MonitorError::Start(error) = error else { panic!("{error:?}") };
    assert_eq!(error.exit_code(), 127);
    link.signal(Target::Container, 9, None).unwrap();
}
