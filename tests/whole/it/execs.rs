//! `exec`: many at once, asked about later, left and joined again.

use std::process::{Child, Stdio};
use teu_testkit::teu::{finish, until, words};
use teu_testkit::{Teu, Tty};

#[test]
fn hundreds_at_once() {
    let teu = Teu::with_busybox("execs");
    // As a login session has it: each exec takes several of the monitor's descriptors.
    let mut run = std::process::Command::new("prlimit");
    let plain = teu.command(&words("run -d --name a --network none busybox sleep 600"));
    run.args(["--nofile=1024:20000", "--"]).arg(plain.get_program()).args(plain.get_args());
    assert_eq!(finish(&mut run, &[]).code, 0);
    let start = |n: usize| -> Child {
        let script =
            format!("echo out {n}; echo err {n} >&2; read line; echo $line; exit {}", n % 200);
        let mut command = teu.command(&["exec", "-i", "a", "sh", "-c", &script]);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let mut children: Vec<Child> = (0..200).map(start).collect();
    until("all are there", || {
        let ids = teu.ok("inspect -f '{{len .ExecIDs}}' a");
        (ids == "200").then_some(())
    });
    assert_eq!(teu.ok("exec a sh -c 'ulimit -n'"), "1024", "of the container, as it came");
    for (n, child) in children.iter_mut().enumerate() {
        use std::io::Write;
        writeln!(child.stdin.as_mut().unwrap(), "in {n}").unwrap();
    }
    for (n, child) in children.into_iter().enumerate() {
        let done = child.wait_with_output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert_eq!(text(&done.stdout), format!("out {n}\nin {n}\n"), "{done:?}");
        assert_eq!(text(&done.stderr), format!("err {n}\n"), "{done:?}");
        assert_eq!(done.status.code(), Some(i32::try_from(n % 200).unwrap()));
    }
    assert_eq!(teu.ok("inspect -f '{{json .ExecIDs}}' a"), "null");
}

fn ids(teu: &Teu) -> Vec<String> {
    let list = teu.ok("inspect -f '{{range .ExecIDs}}{{.}} {{end}}' a");
    list.split_whitespace().map(String::from).collect()
}

#[test]
fn asked_about_later() {
    let teu = Teu::with_busybox("exec-ids");
    teu.ok("run -d --name a --network none busybox sleep 99");
    assert_eq!(ids(&teu), [""; 0]);
    assert_eq!(
        teu.ok("exec -d -u 1000 a sh -c 'while ! test -e /tmp/end; do sleep 0.05; done; exit 42'"),
        ""
    );
    let [id] = &ids(&teu)[..] else { panic!("one exec runs") };
    let ask = |what: &str| teu.ok(&format!("inspect --type exec -f '{what}' {id}"));
    let config = ask("{{json .ProcessConfig}}");
    for part in [r#""entrypoint":"sh""#, r#""user":"1000""#, r#""privileged":false"#, "exit 42"] {
        assert!(config.contains(part), "{config}");
    }
    assert_eq!(ask("{{.Running}} {{json .ExitCode}} {{.OpenStdin}}"), "true null false");
    assert_ne!(ask("{{.Pid}}"), "0");
    assert_eq!(ask("{{.ContainerID}}"), teu.ok("inspect -f '{{.Id}}' a"));
    teu.ok("exec a touch /tmp/end");
    until("its end", || (ask("{{.Running}} {{json .ExitCode}}") == "false 42").then_some(()));
    assert_eq!(ids(&teu), [""; 0]);
    let told = teu.ok("events --since 1h --until 0s --filter event=exec_die --format '{{json .Actor.Attributes}}'");
    let ended = told.lines().find(|line| line.contains(id.as_str())).unwrap_or_default();
    assert!(ended.contains(r#""exitCode":"42""#), "{told}");
    let told = teu.fails(1, "inspect --type exec 0000000000");
    assert!(told.contains("No such exec instance: 0000000000"), "{told}");
    // What is remembered is so while the container runs.
    teu.ok("stop -t 0 a");
    teu.fails(1, &format!("inspect --type exec {id}"));
}

#[test]
fn left_and_joined_again() {
    let teu = Teu::with_busybox("exec-detach");
    teu.ok("run -d --name a --network none busybox sleep 99");
    let tty = |line: &str| Tty::spawn(&teu.command(&words(line)), 24, 80);
    let mut user = tty("exec -it --detach-keys ctrl-a,d a sh");
    user.expect("# ");
    // The usual keys are the program's now.
    user.send("value=ke\u{10}\u{11}pt\n");
    user.expect("# ");
    user.send("\u{1}d");
    assert_eq!(user.end(), 0);
    let [id] = &ids(&teu)[..] else { panic!("it goes on") };
    let mut again = tty(&format!("attach {id}"));
    again.send("echo $value; stty size\n");
    again.expect("kept");
    again.expect("24 80");
    again.send("\u{10}\u{11}");
    assert_eq!(again.end(), 0);
    let mut last = tty(&format!("attach {}", &id[..12]));
    last.send("exit 9\n");
    assert_eq!(last.end(), 9);
    assert_eq!(ids(&teu), [""; 0]);
    teu.fails(1, &format!("attach {id}"));
}

#[test]
fn not_into_one_that_stands_still() {
    let teu = Teu::with_busybox("exec-states");
    let id = teu.ok("run -d --name a --network none busybox sleep 99");
    teu.ok("pause a");
    let told = teu.fails(1, "exec a true");
    assert!(told.contains("Container a is paused, unpause the container before exec"), "{told}");
    teu.ok("unpause a");
    teu.ok("stop -t 0 a");
    let told = teu.fails(1, "exec a true");
    assert!(told.contains(&format!("container {id} is not running")), "{told}");
    let id =
        teu.ok("run -d --name b --restart always --restart-delay 60s --network none busybox false");
    until("it waits", || {
        (teu.ok("inspect -f '{{.State.Status}}' b") == "restarting").then_some(())
    });
    let told = teu.fails(1, "exec -d b true");
    let words = format!("Container {id} is restarting, wait until the container is running");
    assert!(told.contains(&words), "{told}");
    teu.ok("rm -f b");
    assert!(teu.fails(1, "exec nobody true").contains("No such container: nobody"));
}

#[test]
fn privileged_has_all_capabilities() {
    let teu = Teu::with_busybox("exec-privileged");
    teu.ok("run -d --name a --network none --cap-drop ALL busybox sleep 99");
    let held = |flags: &str| {
        let line = teu.ok(&format!("exec {flags} a grep CapEff /proc/self/status"));
        u64::from_str_radix(line.split_whitespace().last().unwrap(), 16).unwrap()
    };
    assert_eq!(held(""), 0);
    // CAP_SYS_ADMIN and CAP_NET_ADMIN are among them.
    let all = held("--privileged");
    assert!(all & (1 << 21) != 0 && all & (1 << 12) != 0, "{all:x}");
}
