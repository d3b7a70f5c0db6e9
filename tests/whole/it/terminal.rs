//! Somebody at a terminal.

use std::fs;
use teu_testkit::teu::{shell, until};
use teu_testkit::{Teu, Tty};

fn tty(teu: &Teu, line: &str) -> Tty {
    Tty::spawn(&teu.command(&teu_testkit::teu::words(line)), 24, 80)
}

/// D5
#[test]
fn a_prompt_and_the_right_size_at_once() {
    let teu = Teu::with_busybox("prompt");
    let mut user = tty(&teu, "run -it --rm --network none busybox sh -c 'stty size; exec sh'");
    user.expect("24 80");
    user.expect("# ");
    user.send("echo $((6*7)); tty\n");
    user.expect("\n42");
    user.expect("/dev/pts/0");
    user.expect("# ");
    user.send("exit 5\n");
    assert_eq!(user.end(), 5);
}

/// D5
#[test]
fn a_resize_reaches_the_program() {
    let teu = Teu::with_busybox("resize");
    let script = "trap \"stty size\" WINCH; echo ready; while :; do sleep 0.1; done";
    let mut user = tty(&teu, &format!("run -it --rm --network none busybox sh -c '{script}'"));
    user.expect("ready");
    user.resize(40, 120);
    user.expect("40 120");
    user.resize(10, 50);
    user.expect("10 50");
    user.send("\u{3}");
    user.end();
}

/// D5
#[test]
fn control_c_goes_to_the_process() {
    let teu = Teu::with_busybox("ctrl-c");
    let mut user = tty(&teu, "run -it --rm --network none busybox sh");
    user.expect("# ");
    user.send("sleep 99\n");
    std::thread::sleep(std::time::Duration::from_millis(300));
    user.send("\u{3}");
    user.expect("# ");
    user.send("echo still $((40+2))\n");
    user.expect("still 42");
    user.send("\u{4}");
    // The shell's status is that of its last command.
    assert_eq!(user.end(), 0);
}

/// D5
#[test]
fn detached_by_keys_and_attached_again() {
    let teu = Teu::with_busybox("detach");
    let mut user = tty(&teu, "run -it --name a --network none busybox sh");
    user.expect("# ");
    user.send("value=kept\n");
    user.expect("# ");
    user.send("\u{10}\u{11}");
    assert_eq!(user.end(), 0);
    assert!(teu.ok("ps --format '{{.Status}}'").starts_with("Up "));
    let mut again = tty(&teu, "attach a");
    again.send("echo $value\n");
    again.expect("kept\r\n");
    again.send("exit 3\n");
    assert_eq!(again.end(), 3);
}

#[test]
fn other_detach_keys() {
    let teu = Teu::with_busybox("detach-keys");
    let mut user = tty(&teu, "run -it --name a --detach-keys ctrl-a,d --network none busybox sh");
    user.expect("# ");
    // The usual ones are the program's now.
    user.send("\u{10}\u{11}echo here\n");
    user.expect("here\r\n");
    user.send("\u{1}d");
    assert_eq!(user.end(), 0);
    let told = teu.fails(125, "run --rm --network none --detach-keys ctrl-ab busybox true");
    assert!(told.contains("ctrl-ab"), "{told}");
}

#[test]
fn detach_keys_typed_to_a_program_are_not_lost() {
    let teu = Teu::with_busybox("half-keys");
    let mut user = tty(
        &teu,
        "run -it --rm --network none busybox sh -c 'stty raw -echo; echo ready; head -c 3 | od -An -tx1; exec sleep 0'",
    );
    user.expect("ready");
    user.send("\u{10}ab");
    user.expect("10 61 62");
    user.end();
}

#[test]
fn the_terminal_is_as_it_was_afterwards() {
    let teu = Teu::with_busybox("restore");
    let inner = format!(
        "{} --root {} run -it --rm --network none busybox true",
        Teu::binary().display(),
        teu.root().display()
    );
    let mut command = std::process::Command::new("sh");
    command.args(["-c", &format!("stty -g; {inner}; {inner}; stty -g; echo end")]);
    let mut user = Tty::spawn(&command, 24, 80);
    let shown = user.expect("end");
    let modes: Vec<&str> = shown.lines().filter(|line| line.matches(':').count() > 10).collect();
    assert_eq!(modes.len(), 2, "{shown}");
    assert_eq!(modes[0], modes[1]);
    user.end();
}

#[test]
fn exec_with_a_terminal() {
    let teu = Teu::with_busybox("exec-it");
    teu.ok("run -d --name a --network none busybox sleep 99");
    let mut user = tty(&teu, "exec -it a sh");
    user.expect("# ");
    user.send("stty size; tty\n");
    user.expect("24 80");
    user.expect("/dev/pts/");
    user.resize(30, 100);
    user.send("stty size\n");
    user.expect("30 100");
    user.send("exit 4\n");
    assert_eq!(user.end(), 4);
    assert!(teu.ok("ps --format '{{.Status}}'").starts_with("Up "));
}

#[test]
fn two_at_one_terminal_see_the_same() {
    let teu = Teu::with_busybox("two");
    let mut one = tty(&teu, "run -it --name a --network none busybox sh");
    one.expect("# ");
    let mut other = tty(&teu, "attach a");
    // A byte that changes nothing makes the shell paint again.
    other.send("\n");
    other.expect("# ");
    other.send("echo both-of-us\n");
    other.expect("both-of-us\r\n");
    one.expect("both-of-us\r\n");
    one.send("exit\n");
    assert_eq!((one.end(), other.end()), (0, 0));
}

#[test]
fn a_terminal_is_needed_for_one() {
    let teu = Teu::with_busybox("no-tty");
    let done = teu.run("run -it --rm --network none busybox true");
    assert_ne!(done.code, 0, "{done:?}");
    assert!(done.stderr.contains("the input device is not a TTY"), "{done:?}");
    // Output alone may go elsewhere: docker allows -t without -i.
    assert_eq!(teu.ok("run -t --rm --network none busybox echo x"), "x\r");
}

#[test]
fn a_closed_terminal_leaves_the_container_running() {
    let teu = Teu::with_busybox("hangup");
    let mut user = tty(&teu, "run -it --name a --network none busybox sh");
    user.expect("# ");
    drop(user);
    std::thread::sleep(std::time::Duration::from_millis(200));
    let status = teu.ok("ps -a --format '{{.Status}}'");
    assert!(status.starts_with("Up "), "{status}");
}

#[test]
fn the_log_keeps_what_the_terminal_showed() {
    let teu = Teu::with_busybox("tty-log");
    let mut user = tty(&teu, "run -it --name a --network none busybox echo hello");
    user.expect("hello");
    assert_eq!(user.end(), 0);
    assert_eq!(teu.ok("logs a").trim_end(), "hello");
    let path = teu.ok("inspect -f '{{.LogPath}}' a");
    let log = fs::read_to_string(path).unwrap();
    assert!(log.starts_with(r#"{"log":"hello\r\n","stream":"stdout","time":""#), "{log}");
}

#[test]
fn detached_with_a_terminal() {
    let teu = Teu::with_busybox("dit");
    teu.ok("run -dit --name a --network none busybox sh");
    let mut user = tty(&teu, "attach a");
    user.send("stty size\n");
    user.expect("24 80");
    user.send("exit\n");
    assert_eq!(user.end(), 0);
    until("it has ended", || {
        teu.ok("ps -a --format '{{.Status}}'").starts_with("Exited (0)").then_some(())
    });
    assert!(shell("true").is_empty());
}
