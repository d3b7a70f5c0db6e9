//! A container's terminal is made inside, and its master comes out.

mod support;

use serde_json::json;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use support::{Bundle, Sleeper, fds, ready, start};
use teu_kernel::wait::{self, Ended};
use teu_runtime::{Running, Stage, Stdio, exec};

/// All that is written to the terminal until its last user is gone.
fn read_all(master: &mut File) -> String {
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    // EIO: nobody has the other end open any more.
    while let Ok(length @ 1..) = master.read(&mut buffer) {
        text.extend_from_slice(&buffer[..length]);
    }
    String::from_utf8(text).unwrap().replace("\r\n", "\n")
}

fn terminal(bundle: Bundle) -> Bundle {
    bundle
        .set("/process/terminal", json!(true))
        .set("/process/consoleSize", json!({"height": 33, "width": 111}))
}

fn finish(mut running: Running) -> (Ended, String) {
    let mut master: File = running.console_master.take().unwrap().into();
    let text = read_all(&mut master);
    (wait::wait(running.pidfd.as_fd()).unwrap(), text)
}

#[test]
fn the_program_has_a_controlling_terminal_of_the_right_size() {
    if !ready() {
        return;
    }
    let bundle = terminal(Bundle::script(
        "tty; stty size; stat -c '%t:%T %u' /dev/console /dev/pts/0; echo seen >/dev/tty; \
         ls /dev/pts; ls /proc/self/fd",
    ))
    .set("/process/user", json!({"uid": 1000, "gid": 1000}));
    let (ended, text) = finish(start(&bundle.plan(), fds(Stdio::Terminal)).unwrap());
    assert_eq!(ended, Ended::Exited(0), "{text}");
    let words: Vec<&str> = text.split_whitespace().collect();
    let want = "/dev/pts/0 33 111 88:0 1000 88:0 1000 seen 0 ptmx 0 1 2 3";
    assert_eq!(words.join(" "), want);
}

#[test]
fn ctrl_c_reaches_the_foreground_once() {
    if !ready() {
        return;
    }
    for init in [false, true] {
        let script = "n=0; trap 'n=$((n+1))' INT; echo up; i=0; \
            while [ $i -lt 8 ]; do sleep 0.1; i=$((i+1)); done; echo caught $n; exit 4";
        let bundle = terminal(Bundle::script(script));
        let plan = bundle.plan_with(teu_runtime::PlanFacts { init, ..Default::default() });
        let running = start(&plan, fds(Stdio::Terminal)).unwrap();
        let mut master: File = running.console_master.as_ref().unwrap().try_clone().unwrap().into();
        let mut seen = String::new();
        while !seen.contains("up") {
            let mut buffer = [0; 64];
            let length = master.read(&mut buffer).unwrap();
            seen.push_str(std::str::from_utf8(&buffer[..length]).unwrap());
        }
        master.write_all(b"\x03").unwrap();
        drop(master);
        let (ended, text) = finish(running);
        assert_eq!(ended, Ended::Exited(4), "{text}");
        assert!(text.contains("caught 1"), "{text}");
    }
}

#[test]
fn an_exec_has_its_own() {
    if !ready() {
        return;
    }
    let sleeper = Sleeper::start(Bundle::new(&["sleep", "100"]));
    let mut plan = sleeper.exec_plan(&["sh", "-c", "tty; stty size"]);
    plan.process.terminal = true;
    plan.process.console_size = Some(teu_runtime::ConsoleSize { height: 10, width: 20 });
    let (ended, text) = finish(exec(&plan, sleeper.target(), Stdio::Terminal).unwrap());
    assert_eq!((ended, text.as_str()), (Ended::Exited(0), "/dev/pts/0\n10 20\n"));
}

#[test]
fn without_a_devpts_it_is_refused() {
    if !ready() {
        return;
    }
    let mut bundle = terminal(Bundle::new(&["true"]));
    bundle.spec["mounts"].as_array_mut().unwrap().retain(|mount| mount["type"] != "devpts");
    // An image's own directory with a file in place of the multiplexer must not pass for one.
    std::fs::create_dir_all(bundle.root().join("dev/pts")).unwrap();
    let bundle =
        bundle.add_mount(json!({"destination": "/dev/pts", "type": "tmpfs", "source": "t"}));
    let error = start(&bundle.plan(), fds(Stdio::Terminal)).unwrap_err();
    assert_eq!(error.stage, Stage::Console, "{error:?}");
}
