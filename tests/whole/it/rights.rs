//! What a container may do: capabilities, system calls, what is hidden and what is read-only.

use std::fs;
use teu_testkit::Teu;

fn capabilities(teu: &Teu, flags: &str) -> u64 {
    let status = teu.ok(&format!("run --rm --network none {flags} busybox cat /proc/1/status"));
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:\t")).unwrap();
    u64::from_str_radix(line, 16).unwrap()
}

/// docker's fourteen.
const DEFAULT: u64 = 0xa80425fb;
const NET_ADMIN: u64 = 1 << 12;
const SYS_ADMIN: u64 = 1 << 21;

/// N30
#[test]
fn capabilities_are_dockers() {
    let teu = Teu::with_busybox("caps");
    assert_eq!(capabilities(&teu, ""), DEFAULT);
    assert_eq!(capabilities(&teu, "--cap-add NET_ADMIN"), DEFAULT | NET_ADMIN);
    assert_eq!(
        capabilities(&teu, "--cap-add CAP_SYS_ADMIN --cap-add net_admin"),
        DEFAULT | NET_ADMIN | SYS_ADMIN
    );
    assert_eq!(capabilities(&teu, "--cap-drop ALL"), 0);
    assert_eq!(capabilities(&teu, "--cap-drop ALL --cap-add NET_ADMIN"), NET_ADMIN);
    assert_eq!(capabilities(&teu, "-u user"), 0, "an ordinary user has none in force");
    let all = capabilities(&teu, "--privileged");
    assert_eq!(all, capabilities(&teu, "--cap-add ALL"));
    assert!(all > (1 << 38), "{all:x}");
    let told = teu.fails(125, "run --rm --cap-add NOSUCH busybox true");
    assert!(told.contains("NOSUCH"), "{told}");
}

/// N30
#[test]
fn system_calls_are_filtered() {
    let teu = Teu::with_busybox("seccomp");
    let mode = |flags: &str| {
        let status =
            teu.ok(&format!("run --rm --network none {flags} busybox cat /proc/self/status"));
        status.lines().find_map(|line| line.strip_prefix("Seccomp:\t")).unwrap().to_string()
    };
    assert_eq!(mode(""), "2");
    assert_eq!(mode("--security-opt seccomp=unconfined"), "0");
    assert_eq!(mode("--privileged"), "0");
    let told = teu.fails(1, "run --rm --network none busybox unshare -U true");
    assert!(told.contains("Operation not permitted"), "{told}");
    // A profile of the user's own.
    let file = teu.scratch().join("profile.json");
    let profile = r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":28}]}"#;
    fs::write(&file, profile).unwrap();
    let flag = format!("--security-opt seccomp={}", file.display());
    let told = teu.fails(1, &format!("run --rm --network none {flag} busybox mkdir /x"));
    assert!(told.contains("No space left"), "{told}");
}

#[test]
fn no_new_privileges_on_request() {
    let teu = Teu::with_busybox("nnp");
    let value = |flags: &str| {
        let status =
            teu.ok(&format!("run --rm --network none {flags} busybox cat /proc/self/status"));
        status.lines().find_map(|line| line.strip_prefix("NoNewPrivs:\t")).unwrap().to_string()
    };
    assert_eq!(value(""), "0");
    assert_eq!(value("--security-opt no-new-privileges"), "1");
    assert_eq!(value("--security-opt no-new-privileges=true"), "1");
}

#[test]
fn parts_of_proc_and_sys_are_hidden_or_read_only() {
    let teu = Teu::with_busybox("masked");
    let run = "run --rm --network none";
    assert_eq!(teu.ok(&format!("{run} busybox sh -c 'cat /proc/kcore /proc/keys /proc/timer_list | wc -c; ls /proc/acpi /sys/firmware | grep -v : | wc -w'")), "0\n0");
    for path in ["/proc/sys/kernel/domainname", "/proc/sysrq-trigger", "/sys/kernel/mm/ksm/run"] {
        let told = teu.fails(1, &format!("{run} busybox sh -c 'echo 1 >{path}'"));
        assert!(
            told.contains("Read-only file system") || told.contains("nonexistent"),
            "{path}: {told}"
        );
    }
    teu.ok(&format!("{run} --privileged busybox sh -c 'echo x >/proc/sys/kernel/domainname'"));
    assert!(teu.ok(&format!("{run} busybox cat /proc/mounts")).contains("cgroup"));
    let told = teu.fails(
        1,
        &format!("{run} busybox sh -c 'mkdir /sys/fs/cgroup/x || mkdir /sys/fs/cgroup/pids/x'"),
    );
    assert!(told.contains("Read-only file system"), "{told}");
}

/// No descriptor of the host's, no way to the program that started it (CVE-2019-5736, CVE-2024-21626).
#[test]
fn nothing_of_the_hosts_is_open() {
    let teu = Teu::with_busybox("descriptors");
    let shown =
        teu.ok("run --rm --network none busybox sh -c 'ls -l /proc/1/fd; ls -l /proc/1/cwd'");
    let open: Vec<&str> = shown.lines().filter_map(|line| line.split(" -> ").nth(1)).collect();
    assert!(
        open.iter().all(|target| {
            target.starts_with("pipe:")
                || target.starts_with("/dev/null")
                || target.starts_with("/proc/1/fd")
                || *target == "/"
                || target.contains("stdout")
                || target.contains("stderr")
        }),
        "{shown}"
    );
    assert!(open.len() <= 5, "{shown}");
}

#[test]
fn a_container_has_dockers_devices_and_mounts() {
    let teu = Teu::with_busybox("dev");
    let shown = teu.ok("run --rm --network none busybox ls /dev");
    // As runc: `core` only where the kernel has /proc/kcore.
    let names: Vec<&str> = shown.split_whitespace().filter(|name| *name != "core").collect();
    let expected = [
        "fd", "full", "mqueue", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin",
        "stdout", "tty", "urandom", "zero",
    ];
    assert_eq!(names, expected);
    let with_tty = teu.ok("run --rm -t --network none busybox ls /dev");
    assert!(with_tty.contains("console"), "{with_tty}");
}

/// N29: the classic way out of a chroot.
#[test]
fn chroot_twice_leads_nowhere() {
    let teu = Teu::with_busybox("chroot");
    let script = "mkdir /a; chroot /a /bin/busybox true 2>/dev/null; cd /; i=0; while [ $i -lt 50 ]; do cd ..; i=$((i+1)); done; ls";
    let shown = teu.ok(&format!("run --rm --network none busybox sh -c '{script}'"));
    assert_eq!(shown, "a\nbin\ndev\netc\nhome\nproc\nroot\nsys\ntmp\nvar");
}
