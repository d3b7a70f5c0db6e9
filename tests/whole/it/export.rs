//! `export`: the whole root as one tar.

use std::fs;
use teu_testkit::Teu;
use teu_testkit::teu::shell;

fn export(teu: &Teu, container: &str, name: &str) -> String {
    let path = teu.scratch().join(name).display().to_string();
    teu.ok(&format!("export -o {path} {container}"));
    path
}

#[test]
fn an_export_is_the_root_and_the_same_each_time() {
    let teu = Teu::with_busybox("export");
    teu.ok("run --name b --network none busybox sh -c 'echo hello >/file; ln /file /twin; ln -s file /soft; rm /bin/vi; chown 7:8 /file; chmod 4755 /file'");
    let one = export(&teu, "b", "one.tar");
    let two = export(&teu, "b", "two.tar");
    assert_eq!(fs::read(&one).unwrap(), fs::read(&two).unwrap());
    let listed = shell(&format!("tar -tvf {one} --numeric-owner"));
    assert!(!listed.contains("bin/vi\n"), "{listed}");
    assert!(
        listed.contains("twin link to file") || listed.contains("file link to twin"),
        "{listed}"
    );
    assert!(listed.contains("-rwsr-xr-x 7/8"), "{listed}");
    assert!(listed.contains("soft -> file"), "{listed}");
    assert_eq!(shell(&format!("tar -xOf {one} file")), "hello");
    let names = shell(&format!("tar -tf {one} | grep -v /. "));
    let mut sorted: Vec<&str> = names.lines().collect();
    sorted.sort_unstable();
    assert_eq!(names, sorted.join("\n"));
    // To standard output the same.
    let piped = teu.scratch().join("piped.tar");
    let mut command = teu.command(&["export", "b"]);
    command.stdout(fs::File::create(&piped).unwrap());
    assert!(command.status().unwrap().success());
    assert_eq!(fs::read(&piped).unwrap(), fs::read(&one).unwrap());
    // And it can be imported again.
    teu.ok(&format!("import {one} again"));
    assert_eq!(teu.ok("run --rm --network none again cat /twin"), "hello");
}

#[test]
fn of_a_running_one_without_its_mounts() {
    let teu = Teu::with_busybox("export-running");
    let host = teu.scratch().join("host");
    fs::create_dir(&host).unwrap();
    fs::write(host.join("secret"), "x").unwrap();
    teu.ok(&format!(
        "run -d --name a --network none -v {}:/host --tmpfs /mem busybox sh -c 'echo x >/mem/x; echo y >/own; sleep 99'",
        host.display()
    ));
    teu_testkit::teu::until("it has written", || {
        (teu.run("exec a cat /own").code == 0).then_some(())
    });
    let tar = export(&teu, "a", "a.tar");
    let listed = shell(&format!("tar -tf {tar}"));
    let has = |name: &str| listed.lines().any(|line| line == name);
    assert!(has("own") && has("host/") && has("proc/") && has("etc/hosts"), "{listed}");
    for absent in ["host/secret", "mem/x", "proc/self", "proc/1/", "dev/null", "sys/kernel/"] {
        assert!(!has(absent), "{absent}");
    }
    // The container was not touched, and nothing stays mounted.
    assert_eq!(teu.ok("exec a cat /host/secret"), "x");
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let run = teu.run_dir().display().to_string();
    assert_eq!(mounts.lines().filter(|line| line.contains(&run)).count(), 1);
}

#[test]
fn one_that_was_never_started_and_one_that_cannot_be_written_to() {
    let teu = Teu::with_busybox("export-created");
    teu.ok("create --name a --network none busybox true");
    let tar = export(&teu, "a", "a.tar");
    assert!(shell(&format!("tar -tf {tar}")).contains("bin/busybox"));
    // It can be started afterwards.
    teu.ok("start a");
    assert_eq!(teu.ok("wait a"), "0");
    let told = teu.fails(1, "export -o /no/such/dir/x.tar a");
    assert!(told.contains("directory \"/no/such/dir\" does not exist"), "{told}");
    let told = teu.fails(1, "export nobody");
    assert!(told.contains("No such container: nobody"), "{told}");
}
