//! A start that fails is told in words: the cause, one remedy, docker's exit code; and it leaves nothing.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use teu_testkit::Teu;
use teu_testkit::teu::shell;

/// How it is typed, docker's exit code, what the words must name.
pub(crate) const FAILURES: &[(&str, &str, i32, &[&str])] = &[
    ("not in PATH", "nothing", 127, &["nothing", "executable file not found in $PATH"]),
    ("no such file", "/no/such", 127, &["/no/such", "no such file or directory"]),
    ("no interpreter", "/m/script", 127, &["/no/python"]),
    ("CRLF line ends", "/m/crlf", 127, &["CRLF", "dos2unix"]),
    ("no ELF loader", "/m/glibc", 127, &["ld-linux"]),
    ("wrong machine type", "/m/arm", 126, &["aarch64", "x86_64"]),
    ("not executable", "/m/plain", 126, &["permission denied", "chmod +x"]),
    ("a directory", "/m/dir", 126, &["is a directory"]),
    ("an empty file", "/m/empty", 126, &["empty"]),
    ("no #! line", "/m/text", 126, &["exec format error", "#!"]),
    ("a dangling link", "/m/dangling", 127, &["/no/target"]),
];

/// The programs that [`FAILURES`] names below /m.
pub(crate) fn files(teu: &Teu) -> String {
    let m = teu.scratch().join("m");
    fs::create_dir_all(m.join("dir")).unwrap();
    let write = |name: &str, bytes: &[u8], mode: u32| {
        fs::write(m.join(name), bytes).unwrap();
        fs::set_permissions(m.join(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    write("script", b"#!/no/python\nprint()\n", 0o755);
    write("crlf", b"#!/bin/sh\r\necho\r\n", 0o755);
    write("glibc", &fs::read("/bin/true").unwrap(), 0o755);
    // The same program's head, said to be for 64-bit ARM.
    let mut arm = fs::read("/bin/true").unwrap();
    arm[18..20].copy_from_slice(&183u16.to_le_bytes());
    write("arm", &arm, 0o755);
    write("plain", b"#!/bin/sh\n", 0o644);
    write("empty", b"", 0o755);
    write("text", b"echo hello\n", 0o755);
    symlink("/no/target", m.join("dangling")).unwrap();
    write("secret", b"#!/bin/sh\n", 0o700);
    m.display().to_string()
}

#[test]
fn the_program_cannot_be_run() {
    let teu = Teu::with_busybox("bad-starts");
    let volume = files(&teu);
    for (what, program, code, words) in FAILURES {
        let flags = "--rm --network none";
        let done = teu.run(&format!("run {flags} -v {volume}:/m busybox {program}"));
        assert_eq!(done.code, *code, "{what}: {done:?}");
        for word in *words {
            assert!(done.stderr.contains(word), "{what} says no {word:?}: {done:?}");
        }
        assert_eq!(done.stdout, "", "{what}");
    }
    assert_eq!(teu.ok("ps -aq"), "");
}

#[test]
fn a_mount_that_forbids_programs() {
    let teu = Teu::with_busybox("noexec").elsewhere();
    let here = teu.scratch().join("n");
    let here = here.display();
    teu.place().shell(&format!(
        "mkdir {here}; mount -t tmpfs -o noexec n {here}; cp /bin/busybox {here}/busybox"
    ));
    let told = teu.fails(126, &format!("run --rm --network none -v {here}:/n busybox /n/busybox"));
    assert!(told.contains("permission denied") && told.contains("noexec"), "{told}");
}

#[test]
fn a_library_is_missing() {
    let teu = Teu::with_busybox("library");
    // A program whose loader is there, and whose library is not.
    let m = teu.scratch().join("m");
    let here = m.display();
    shell(&format!(
        "mkdir -p {here}/lib64 {here}/bin; cp -L /lib64/ld-linux-x86-64.so.2 {here}/lib64; cp /bin/bash {here}/bin"
    ));
    let done = teu.run(&format!(
        "run --rm --network none -v {here}/lib64:/lib64:ro -v {here}/bin:/m:ro busybox /m/bash"
    ));
    assert_eq!(done.code, 127, "{done:?}");
    assert!(done.stderr.contains("libtinfo.so.6"), "{done:?}");
}

#[test]
fn the_user_is_unknown() {
    let teu = Teu::with_busybox("no-user");
    for user in ["nobody-here", "root:no-group"] {
        let told = teu.fails(125, &format!("run --rm --network none -u {user} busybox true"));
        let name = user.rsplit(':').next().unwrap();
        assert!(told.contains(name), "{told}");
    }
}

#[test]
fn the_working_directory_is_a_file() {
    let teu = Teu::with_busybox("bad-cwd");
    let done = teu.run("run --rm --network none -w /bin/busybox busybox true");
    assert!(matches!(done.code, 125..=127), "{done:?}");
    assert!(
        done.stderr.contains("/bin/busybox") && done.stderr.contains("not a directory"),
        "{done:?}"
    );
    let told = teu.fails(125, "run --rm --network none -w relative busybox true");
    assert!(told.contains("absolute"), "{told}");
}

#[test]
fn the_user_may_not_read_it() {
    let teu = Teu::with_busybox("secret");
    let volume = files(&teu);
    let told = teu
        .fails(126, &format!("run --rm --network none -u user -v {volume}:/m busybox /m/secret"));
    assert!(told.contains("permission denied") && told.contains("1000"), "{told}");
}

#[test]
fn a_detached_start_fails_as_loudly() {
    let teu = Teu::with_busybox("detached-fail");
    let done = teu.run("run -d --name a --network none busybox nothing");
    assert_eq!(done.code, 127, "{done:?}");
    assert!(done.stderr.contains("executable file not found in $PATH"), "{done:?}");
    // docker keeps it, as Created, with the reason.
    assert_eq!(teu.ok("inspect -f '{{.State.ExitCode}}' a"), "127");
    assert!(teu.ok("inspect -f '{{.State.Error}}' a").contains("executable file not found"));
    assert_eq!(teu.ok("ps -a --format '{{.Status}}'"), "Created");
    teu.ok("rm a");
}

#[test]
fn a_failed_exec_leaves_the_container_alone() {
    let teu = Teu::with_busybox("bad-exec");
    teu.ok("run -d --name a --network none busybox sleep 99");
    let told = teu.fails(127, "exec a nothing");
    assert!(told.contains("executable file not found in $PATH"), "{told}");
    assert!(teu.fails(126, "exec a /etc").contains("is a directory"));
    assert!(teu.fails(126, "exec -u nobody-here a true").contains("nobody-here"));
    assert!(teu.ok("ps --format '{{.Status}}'").starts_with("Up "));
}

#[test]
fn nothing_is_left_of_failed_starts() {
    let teu = Teu::with_busybox("left");
    teu.ok("run --rm busybox true");
    let before = teu.left();
    for line in [
        "run --rm busybox nothing",
        "run --rm -u nobody-here busybox true",
        "run --rm -v /etc:relative busybox true",
        "run --rm --mount type=bind,source=/no/such,target=/m busybox true",
        "run --rm --device /no/such busybox true",
        "run --rm --cap-add NOSUCH busybox true",
        "run --rm -m 1m busybox true",
        "run --rm --security-opt seccomp=/no/such busybox true",
    ] {
        let done = teu.run(line);
        assert!(matches!(done.code, 125..=127), "{done:?}");
        assert!(!done.stderr.is_empty(), "{done:?}");
    }
    assert_eq!(teu.ok("ps -aq"), "");
    teu_testkit::teu::until("nothing came", || {
        let left = teu.left();
        left.iter().all(|line| before.contains(line)).then_some(())
    });
}
