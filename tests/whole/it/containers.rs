//! docker's six steps, and what becomes of a container afterwards.

use std::fs;
use std::time::Instant;
use teu_testkit::Teu;
use teu_testkit::teu::{shell, until};

/// D2
#[test]
fn create_and_start_are_run_in_two_steps() {
    let teu = Teu::with_busybox("create");
    let id = teu.ok("create --name a --network none busybox sh -c 'echo hello; exit 3'");
    assert_eq!(id.len(), 64, "{id}");
    assert_eq!(teu.ok("ps -a --format '{{.Names}} {{.Status}}'"), "a Created");
    assert_eq!(teu.ok("ps -q"), "");
    let done = teu.run("start -a a");
    assert_eq!((done.code, done.stdout.as_str()), (3, "hello"), "{done:?}");
    assert!(teu.ok("ps -a --format '{{.Status}}'").starts_with("Exited (3)"));
}

/// D2
#[test]
fn start_with_input_is_like_run_with_input() {
    let teu = Teu::with_busybox("start-ai");
    teu.ok("create -i --name a --network none busybox cat");
    let file = teu.scratch().join("input");
    fs::write(&file, "one\ntwo\n").unwrap();
    let mut command = teu.command(&["start", "-ai", "a"]);
    command.stdin(fs::File::open(&file).unwrap());
    let done = teu_testkit::teu::finish(&mut command, &[]);
    assert_eq!((done.code, done.stdout.as_str()), (0, "one\ntwo"), "{done:?}");
    let told = teu.ok("events --since 10m --until 0s --filter container=a --format '{{.Action}}'");
    assert_eq!(told, "create\nattach\nstart\ndie");
}

/// D3
#[test]
fn what_was_written_stays_until_the_container_goes() {
    let teu = Teu::with_busybox("layer");
    teu.ok("run -d --name a --network none busybox sh -c 'test -e /file && cat /file; echo kept >/file; sleep 99'");
    until("the file", || (teu.run("exec a cat /file").stdout == "kept").then_some(()));
    teu.ok("stop -t 0 a");
    teu.ok("start a");
    until("the log", || (teu.ok("logs a") == "kept").then_some(()));
    teu.ok("rm -f a");
    assert_eq!(
        teu.ok("run --rm --network none busybox ls"),
        "bin\ndev\netc\nhome\nproc\nroot\nsys\ntmp\nvar"
    );
}

/// D6
#[test]
fn exited_is_not_deleted() {
    let teu = Teu::with_busybox("exited");
    teu.ok("run --name a --network none busybox true");
    assert_eq!(teu.ok("ps -q"), "");
    let shown = teu.ok("ps -a");
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines.len(), 2, "{shown}");
    let head: Vec<&str> =
        lines[0].split("  ").map(str::trim).filter(|word| !word.is_empty()).collect();
    assert_eq!(head, ["CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"]);
    assert!(lines[1].contains("\"true\"") && lines[1].contains("Exited (0)"), "{shown}");
    teu.ok("start a");
    assert_eq!(teu.ok("wait a"), "0");
    assert_eq!(teu.ok("rm a"), "a");
    assert_eq!(teu.ok("ps -aq"), "");
}

/// D6
#[test]
fn with_rm_it_removes_itself() {
    let teu = Teu::with_busybox("rm");
    teu.ok("run --rm --network none busybox true");
    assert_eq!(teu.ok("ps -aq"), "");
    // Also where nobody waits for it.
    let id = teu.ok("run -d --rm --network none busybox sleep 0.2");
    until("it is gone", || {
        let there = [teu.root().join("scratch"), teu.run_dir().join("containers")];
        let found = there.iter().filter(|directory| {
            let found = format!("find {} -name {id} 2>/dev/null || true", directory.display());
            !shell(&found).is_empty()
        });
        (found.count() == 0).then_some(())
    });
    assert_eq!(teu.ok("ps -aq"), "");
    // And when it is stopped or killed.
    for verb in ["stop -t 0", "kill"] {
        teu.ok("run -d --rm --name a --network none busybox sleep 99");
        teu.ok(&format!("{verb} a"));
        until("it is gone", || teu.ok("ps -aq").is_empty().then_some(()));
    }
}

#[test]
fn stop_asks_waits_and_kills() {
    let teu = Teu::with_busybox("stop");
    let run = |name: &str, flags: &str, script: &str| {
        teu.ok(&format!("run -d --name {name} --network none {flags} busybox sh -c '{script}'"));
        until("its trap is set", || {
            teu.ok(&format!("logs {name}")).contains("ready").then_some(())
        });
    };
    let idle = "echo ready; while :; do sleep 0.05; done";
    run("polite", "", &format!("trap \"exit 5\" TERM; {idle}"));
    assert_eq!(teu.ok("stop polite"), "polite");
    assert_eq!(teu.ok("inspect -f '{{.State.ExitCode}}' polite"), "5");
    run("deaf", "", &format!("trap \"\" TERM; {idle}"));
    let began = Instant::now();
    teu.ok("stop -t 1 deaf");
    assert!(began.elapsed().as_secs_f64() >= 1.0);
    assert_eq!(teu.ok("inspect -f '{{.State.ExitCode}}' deaf"), "137");
    run("other", "--stop-signal USR1 --stop-timeout 20", &format!("trap \"exit 6\" USR1; {idle}"));
    teu.ok("stop other");
    assert_eq!(teu.ok("inspect -f '{{.State.ExitCode}}' other"), "6");
    // Stopped already: fine.
    assert_eq!(teu.ok("stop other"), "other");
}

#[test]
fn kill_sends_any_signal() {
    let teu = Teu::with_busybox("kill");
    teu.ok("run -d --name a --network none busybox sh -c 'trap \"echo got\" USR1; echo ready; while :; do sleep 0.05; done'");
    until("its trap is set", || teu.ok("logs a").contains("ready").then_some(()));
    for name in ["USR1", "SIGUSR1", "10"] {
        teu.ok(&format!("kill -s {name} a"));
        until("it is told", || teu.ok("logs a").contains("got").then_some(()));
    }
    assert!(teu.run("kill -s NOSUCH a").code != 0);
    assert_eq!(teu.ok("kill a"), "a");
    assert_eq!(teu.ok("wait a"), "137");
    let told = teu.fails(1, "kill a");
    assert!(told.contains("is not running"), "{told}");
}

#[test]
fn wait_tells_each_exit_code() {
    let teu = Teu::with_busybox("wait");
    teu.ok("run -d --name a --network none busybox sh -c 'sleep 0.3; exit 3'");
    teu.ok("run -d --name b --network none busybox sh -c 'exit 4'");
    assert_eq!(teu.ok("wait a b"), "3\n4");
    assert_eq!(teu.ok("wait a"), "3", "one that has ended answers at once");
    let told = teu.fails(1, "wait nobody");
    assert!(told.contains("No such container: nobody"), "{told}");
}

#[test]
fn names_are_unique_and_ids_may_be_short() {
    let teu = Teu::with_busybox("names");
    let id = teu.ok("create --name a --network none busybox true");
    let told = teu.fails(1, "create --name a --network none busybox true");
    assert!(told.contains("The container name \"/a\" is already in use by container"), "{told}");
    assert!(told.contains(&id), "{told}");
    assert_eq!(teu.ok(&format!("inspect -f '{{{{.Name}}}}' {}", &id[..6])), "/a");
    assert_eq!(teu.ok(&format!("rm {}", &id[..12])), &id[..12]);
    // Free again.
    teu.ok("create --name a --network none busybox true");
    let random = teu.ok("create --network none busybox true");
    let name = teu.ok(&format!("inspect -f '{{{{.Name}}}}' {random}"));
    assert!(name.contains('_'), "{name}");
    let told = teu.fails(1, "rm nobody");
    assert!(told.contains("No such container: nobody"), "{told}");
}

#[test]
fn a_running_one_is_not_removed_without_force() {
    let teu = Teu::with_busybox("rm-running");
    let id = teu.ok("run -d --name a --network none busybox sleep 99");
    let told = teu.fails(1, "rm a");
    assert!(told.contains("container is running"), "{told}");
    assert_eq!(teu.ok("ps -q --no-trunc"), id);
    assert_eq!(teu.ok("rm -f a"), "a");
    assert_eq!(teu.ok("ps -aq"), "");
}

#[test]
fn ps_filters_and_formats() {
    let teu = Teu::with_busybox("ps");
    teu.ok("run -d --name up --label tier=web --label x busybox sleep 99");
    teu.fails(2, "run --name done --label tier=db --network none busybox sh -c 'exit 2'");
    teu.ok("create --name new --network none busybox true");
    let names = |flags: &str| {
        let shown = teu.ok(&format!("ps {flags} --format '{{{{.Names}}}}'"));
        let mut names: Vec<String> = shown.lines().map(String::from).collect();
        names.sort();
        names.join(" ")
    };
    assert_eq!(names(""), "up");
    assert_eq!(names("-a"), "done new up");
    assert_eq!(names("-a --filter status=exited"), "done");
    assert_eq!(names("-a --filter status=created --filter status=running"), "new up");
    assert_eq!(names("-a --filter name=do"), "done");
    assert_eq!(names("-a --filter label=tier"), "done up");
    assert_eq!(names("-a --filter label=tier=web"), "up");
    assert_eq!(names("-a --filter exited=2"), "done");
    assert_eq!(names("-a -n 1"), "new");
    assert_eq!(names("-l"), "new");
    let id = teu.ok("inspect -f '{{.Id}}' up");
    assert_eq!(names(&format!("--filter id={}", &id[..10])), "up");
    assert_eq!(teu.ok("ps -q"), id[..12]);
    assert_eq!(teu.ok("ps -q --no-trunc"), id);
    // The newest first.
    assert_eq!(teu.ok("ps -a --format '{{.Names}}'"), "new\ndone\nup");
    assert!(teu.ok("ps --format '{{.Status}}'").starts_with("Up "));
    teu.fails(1, "ps --filter nonsense=1");
}

#[test]
fn start_of_a_running_one_is_fine() {
    let teu = Teu::with_busybox("start-twice");
    teu.ok("run -d --name a --network none busybox sleep 99");
    let pid = teu.pid("a");
    assert_eq!(teu.ok("start a"), "a");
    assert_eq!(teu.pid("a"), pid);
}

#[test]
fn ps_tells_the_truth_after_the_monitor_was_killed() {
    let teu = Teu::with_busybox("monitor-killed");
    teu.ok("run -d --name a --network none busybox sh -c 'while :; do sleep 0.1; done'");
    let (pid, parent) = (teu.pid("a"), |pid: u32| shell(&format!("ps -o ppid= -p {pid}")));
    let monitor = parent(pid);
    shell(&format!("kill -KILL {monitor}"));
    assert!(teu.ok("ps --format '{{.Status}}'").starts_with("Up "));
    assert_eq!(teu.ok("exec a echo alive"), "alive");
    assert_eq!(teu.pid("a"), pid);
    teu.ok("stop -t 0 a");
    assert!(teu.ok("ps -a --format '{{.Status}}'").starts_with("Exited ("));
    // And where both were.
    teu.ok("run -d --name b --network none busybox sleep 99");
    let pid = teu.pid("b");
    shell(&format!("kill -KILL {} {pid}", parent(pid)));
    until("its end is told", || {
        teu.ok("ps -a --filter name=b --format '{{.Status}}'").starts_with("Exited (").then_some(())
    });
    teu.ok("rm a b");
}

#[test]
fn exec_has_a_user_a_directory_and_variables() {
    let teu = Teu::with_busybox("exec");
    teu.ok("run -d --name a --network none -e ONE=1 -w /etc busybox sleep 99");
    assert_eq!(teu.ok("exec a pwd"), "/etc");
    assert_eq!(teu.ok("exec -w /tmp a pwd"), "/tmp");
    assert_eq!(teu.ok("exec -u user a id -un"), "user");
    assert_eq!(teu.ok("exec -e TWO=2 a sh -c 'echo $ONE $TWO'"), "1 2");
    assert_eq!(teu.run("exec a sh -c 'exit 9'").code, 9);
    assert_eq!(teu.run("exec a nothing").code, 127);
    let told = teu.fails(1, "exec nobody true");
    assert!(told.contains("No such container: nobody"), "{told}");
    teu.ok("stop -t 0 a");
    let told = teu.fails(1, "exec a true");
    assert!(told.contains("is not running"), "{told}");
}

#[test]
fn an_exec_goes_on_when_its_command_dies() {
    let teu = Teu::with_busybox("exec-goes-on");
    teu.ok("run -d --name a --network none busybox sleep 99");
    let mut command = teu.command(&["exec", "a", "sh", "-c", "sleep 1; echo done >/file"]);
    let mut child = command.spawn().unwrap();
    until("it runs", || teu.ok("exec a ps").contains("sleep 1").then_some(()));
    shell(&format!("kill -KILL $(ps -o pid= --ppid {})", child.id()));
    child.wait().unwrap();
    until("it went on", || (teu.run("exec a cat /file").stdout == "done").then_some(()));
}

#[test]
fn a_name_says_what_it_is() {
    let teu = Teu::with_busybox("version");
    let shown = teu.ok("version");
    assert!(shown.contains("Version"), "{shown}");
    let shown = teu.ok("info");
    for word in ["Containers", "Images", "Cgroup", "Kernel"] {
        assert!(shown.contains(word), "{word}: {shown}");
    }
}
