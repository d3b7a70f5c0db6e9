//! The kernel's facilities by hand: `unshare`, `explain`.

use std::fs;
use std::process::{Command, Stdio};
use teu_testkit::Teu;
use teu_testkit::teu::{Done, finish, shell, until, words};

/// `teu unshare …` in a mount namespace of the test's own, in which nobody else mounts.
fn unshare(teu: &Teu, line: &str) -> Done {
    finish(&mut teu.command(&words(&format!("unshare {line}"))), &words(line))
}

/// N2b
#[test]
fn a_new_mount_namespace_shows_the_same_until_the_first_mount() {
    let teu = Teu::new("unshare-mount").elsewhere();
    let host = || teu.place().shell("cut -d' ' -f5- /proc/self/mountinfo");
    let list = "cut -d\" \" -f5- /proc/self/mountinfo";
    // A mount goes here too when another test removes the directory that it lies on.
    let (before, inside, after) = until("nobody removes what was mounted", || {
        let before = host();
        let inside = unshare(&teu, &format!("--mount sh -c '{list}'")).stdout;
        let script = format!("mount -t tmpfs from-unshare /mnt && {list}");
        let after = unshare(&teu, &format!("--mount sh -c '{script}'")).stdout;
        (host() == before).then_some((before, inside, after))
    });
    assert_eq!(inside, before);
    let added: Vec<&str> = after.lines().filter(|l| !before.lines().any(|b| b == *l)).collect();
    assert_eq!(added.len(), 1, "{after}");
    assert!(added[0].starts_with("/mnt ") && added[0].contains("from-unshare"), "{after}");
    assert_eq!(after.lines().count(), before.lines().count() + 1);
}

/// N2b: mounts travel as `--propagation` says.
#[test]
fn propagation_of_what_was_unshared() {
    let teu = Teu::new("unshare-propagation").elsewhere();
    let at = teu.scratch().join("shared").display().to_string();
    teu.place().shell(&format!("mkdir {at}; mount --bind {at} {at}; mount --make-shared {at}"));
    let seen = |flags: &str| {
        let script = format!("mkdir -p {at}/x && mount -t tmpfs from-inside {at}/x");
        let done = unshare(&teu, &format!("--mount {flags} sh -c '{script}'"));
        assert_eq!(done.code, 0, "{done:?}");
        teu.place().shell(&format!(
            "grep -c from-inside /proc/self/mountinfo || true; umount {at}/x 2>/dev/null || true"
        ))
    };
    assert_eq!(seen(""), "0", "private unless told otherwise");
    assert_eq!(seen("--propagation slave"), "0");
    assert_eq!(seen("--propagation unchanged"), "1");
    teu.place().shell(&format!("umount {at}"));
}

/// N27
#[test]
fn a_shell_that_is_alone() {
    let teu = Teu::new("unshare-alone");
    let flags = "--mount --ipc --pid --net --mount-proc=/proc --fork";
    let shown = unshare(&teu, &format!("{flags} bash -c 'ps -e -o pid=,comm=; :'"));
    let processes: Vec<&str> = shown.stdout.lines().map(str::trim).collect();
    assert_eq!(processes, ["1 bash", "2 ps"], "{shown:?}");
    let links = unshare(&teu, &format!("{flags} bash -c 'ip -o link; :'")).stdout;
    assert!(links.lines().count() == 1 && links.contains(": lo:"), "{links}");
    let hostname = unshare(&teu, "--uts sh -c 'hostname other; hostname'");
    assert_eq!(hostname.stdout, "other");
    assert_ne!(shell("hostname"), "other");
    // What it ended with, and what could not be run.
    assert_eq!(unshare(&teu, "--fork --pid sh -c 'exit 7'").code, 7);
    assert_eq!(unshare(&teu, "--fork --pid sh -c 'kill -9 $$; exit 7'").code, 7, "it is number 1");
    assert_eq!(unshare(&teu, "--fork sh -c 'kill -9 $$'").code, 137);
    assert_eq!(unshare(&teu, "/nonexistent").code, 127);
    assert_eq!(unshare(&teu, "/etc").code, 126);
    assert_eq!(unshare(&teu, "--nonsense").code, 1);
}

/// N18, N23, N27: by unshare(2), which a user without rights may ask for, too.
#[test]
fn an_ordinary_user_is_root_in_a_namespace_of_its_own() {
    let teu = Teu::new("unshare-user");
    let trace = teu.scratch().join("trace");
    let binary = teu.scratch().join("teu");
    shell(&format!("cp {} {}", Teu::binary().display(), binary.display()));
    shell(&format!("chmod a+rx {} $(dirname {})", binary.display(), binary.display()));
    let mut command = Command::new("setpriv");
    command.args(["--reuid=1000", "--regid=1000", "--clear-groups"]).arg(&binary);
    command.args(["unshare", "--map-root-user", "--mount", "--net", "sh", "-c"]);
    command
        .arg("id -u; mount -t tmpfs x /mnt && ip link set lo up && echo can")
        .stdin(Stdio::null());
    assert_eq!(finish(&mut command, &[]).stdout, "0\ncan");
    shell(&format!(
        "strace -f -qq -o {} -e trace=clone3,unshare {} unshare --mount --ipc --fork true",
        trace.display(),
        binary.display()
    ));
    let told = fs::read_to_string(&trace).unwrap();
    assert!(told.contains("unshare(CLONE_NEWNS|CLONE_NEWIPC)"), "{told}");
    assert!(!told.lines().any(|l| l.contains("clone3") && l.contains("CLONE_NEW")), "{told}");
}

#[test]
fn clocks_root_and_end() {
    let teu = Teu::with_busybox("unshare-more");
    let root = teu.scratch().join("tree");
    shell(&format!("mkdir -p {0}/bin {0}/proc; cp /bin/busybox {0}/bin/sh", root.display()));
    let done =
        unshare(&teu, &format!("--mount --root {} --wd /bin sh -c 'echo *'", root.display()));
    assert_eq!(done.stdout, "sh", "{done:?}");
    let uptime = |text: &str| text.split(' ').next().unwrap().parse::<f64>().unwrap();
    let inside = unshare(&teu, "--time --boottime 604800 --fork cat /proc/uptime").stdout;
    let host = uptime(&fs::read_to_string("/proc/uptime").unwrap());
    assert!((uptime(&inside) - host - 604_800.0).abs() < 60.0, "{inside} {host}");
    // With its parent ends the child.
    let mut parent = Command::new(Teu::binary())
        .args(["unshare", "--pid", "--kill-child", "sleep", "987"])
        .spawn()
        .unwrap();
    let children = format!("/proc/{0}/task/{0}/children", parent.id());
    let child = until("the child", || {
        let child = fs::read_to_string(&children).unwrap().trim().to_string();
        let name = fs::read_to_string(format!("/proc/{child}/comm")).unwrap_or_default();
        (name.trim() == "sleep").then_some(child)
    });
    parent.kill().unwrap();
    parent.wait().unwrap();
    let state = format!("/proc/{child}/status");
    until("it is gone", || {
        let status = fs::read_to_string(&state).unwrap_or_default();
        (status.is_empty() || status.contains("\tZ (zombie)")).then_some(())
    });
}

/// N22, C19
#[test]
fn what_the_kernel_has_is_explained() {
    let teu = Teu::new("explain");
    let told = teu.ok("explain namespaces");
    for kind in ["mnt", "uts", "ipc", "pid", "net", "user", "cgroup", "time"] {
        let link = fs::read_link(format!("/proc/self/ns/{kind}")).unwrap();
        assert!(told.contains(&link.display().to_string()), "{kind}: {told}");
    }
    assert!(told.contains("not in Linux: syslog"), "{told}");
    assert!(teu.ok("explain cgroup ns").contains("clone3"));
    assert!(teu.ok("explain cgroups").contains("memory"));
    assert!(teu.fails(1, "explain nonsense").contains("namespaces, ipc"));
    let overview = teu.ok("--help");
    assert!(overview.contains("  unshare ") && overview.contains("  explain "), "{overview}");
    assert!(teu.ok("help unshare").contains("--map-root-user"));
}
