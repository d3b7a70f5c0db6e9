//! A bundle becomes a process that sees what the bundle says, and nothing else.

mod support;

use serde_json::json;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use support::{Bundle, failure, fds, finish, piped, ready, run, start};
use teu_kernel::wait::Ended;
use teu_runtime::{PlanFacts, Stage};

#[test]
fn a_program_runs_as_process_1_and_its_status_comes_back() {
    if !ready() {
        return;
    }
    let output = Bundle::script("echo $$; hostname; exit 7").run();
    assert_eq!((output.ended, output.text.as_str()), (Ended::Exited(7), "1\nbox\n"));
}

#[test]
fn the_root_may_come_as_a_descriptor() {
    if !ready() {
        return;
    }
    let bundle = Bundle::new(&["ls", "/"]);
    let facts = PlanFacts { root_by_descriptor: true, ..PlanFacts::default() };
    let (stdio, reader) = piped();
    let mut fds = fds(stdio);
    fds.root = Some(bundle.detached_root());
    let text = finish(start(&bundle.plan_with(facts), fds).unwrap(), reader).good();
    assert_eq!(
        text.split_whitespace().collect::<Vec<_>>().join(" "),
        "bin dev etc proc root sys tmp"
    );
}

#[test]
fn nothing_is_mounted_but_what_was_asked_for() {
    if !ready() {
        return;
    }
    let text = Bundle::script("cut -d' ' -f5,6 /proc/self/mountinfo").run().good();
    let mut mounts: Vec<&str> = text.lines().map(|line| line.split(' ').next().unwrap()).collect();
    // Covers: which of them there are, the kernel decides.
    mounts.retain(|at| !at.starts_with("/proc/") && !at.starts_with("/sys/"));
    mounts.sort_unstable();
    assert_eq!(mounts, ["/", "/dev", "/dev/mqueue", "/dev/pts", "/dev/shm", "/proc", "/sys"]);
    let flags =
        |at: &str| text.lines().find_map(|line| line.strip_prefix(&format!("{at} "))).unwrap();
    assert_eq!(flags("/proc"), "rw,nosuid,nodev,noexec,relatime");
    assert_eq!(flags("/sys"), "ro,nosuid,nodev,noexec,relatime");
    assert_eq!(flags("/dev"), "rw,nosuid");
    assert!(flags("/proc/sys").starts_with("ro,"));
}

#[test]
fn dev_has_the_usual_nodes_and_links() {
    if !ready() {
        return;
    }
    let device = json!({"path": "/dev/deep/er", "type": "c", "major": 1, "minor": 3,
        "fileMode": 0o640, "uid": 5, "gid": 6});
    let bundle = Bundle::script(
        "stat -c '%n %F %t:%T %a %u:%g' /dev/null /dev/zero /dev/full /dev/random /dev/urandom \
         /dev/tty /dev/deep/er; readlink /dev/fd; readlink /dev/ptmx; echo x >/dev/null; \
         head -c 3 /dev/zero | wc -c",
    )
    .set("/linux/devices", json!([device]));
    let text = bundle.run().good();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "/dev/null character special file 1:3 666 0:0");
    assert_eq!(lines[5], "/dev/tty character special file 5:0 666 0:0");
    assert_eq!(lines[6], "/dev/deep/er character special file 1:3 640 5:6");
    assert_eq!(lines[7..], ["/proc/self/fd", "pts/ptmx", "3"]);
    assert!(!bundle.root().join("dev/null").exists(), "made in the tmpfs, not in the root below");
}

#[test]
fn masked_paths_are_empty_and_readonly_ones_cannot_be_written() {
    if !ready() {
        return;
    }
    let mut bundle = Bundle::script(
        "cat /proc/keys | wc -c; ls /secret | wc -l; cat /secret-file /masked | wc -c; \
         touch /secret/x 2>/dev/null && echo bad; (echo 1 >/fixed/file) 2>/dev/null && echo bad; \
         (echo 1 >/proc/sys/kernel/core_pattern) 2>/dev/null && echo bad; true",
    );
    for directory in ["secret", "fixed"] {
        std::fs::create_dir(bundle.root().join(directory)).unwrap();
        std::fs::write(bundle.root().join(directory).join("file"), "x").unwrap();
    }
    std::fs::write(bundle.root().join("secret-file"), "secret").unwrap();
    std::os::unix::fs::symlink("secret-file", bundle.root().join("masked")).unwrap();
    let masked = bundle.spec["linux"]["maskedPaths"].as_array_mut().unwrap();
    masked.extend(["/secret", "/masked", "/not/there"].map(Into::into));
    bundle.spec["linux"]["readonlyPaths"].as_array_mut().unwrap().push("/fixed".into());
    assert_eq!(bundle.run().good(), "0\n0\n0\n");
}

#[test]
fn a_readonly_root_is_readonly_and_the_host_directory_is_not() {
    if !ready() {
        return;
    }
    let bundle = Bundle::script("touch /x 2>/dev/null && echo bad; touch /dev/shm/x; pwd")
        .set("/root/readonly", json!(true))
        .set("/process/cwd", json!("/made/by/runtime"));
    assert_eq!(bundle.run().good(), "/made/by/runtime\n");
    std::fs::write(bundle.root().join("y"), "").unwrap();
}

#[test]
fn binds_have_their_flags_from_the_start() {
    if !ready() {
        return;
    }
    let bundle = Bundle::script(
        "cat /data/file /etc/new/hosts; touch /data/x 2>/dev/null && echo bad; touch /rw/x; \
         grep ' /data ' /proc/self/mountinfo | cut -d' ' -f6",
    );
    let source = bundle.path().join("source");
    std::fs::create_dir(&source).unwrap();
    std::fs::write(source.join("file"), "from outside\n").unwrap();
    let bind = |to: &str, from: &std::path::Path, options: &[&str]| json!({"destination": to, "type": "bind", "source": from, "options": options});
    let bundle = bundle
        .add_mount(bind("/data", &source, &["rbind", "ro", "nosuid", "noexec"]))
        .add_mount(bind("/etc/new/hosts", &source.join("file"), &["bind"]))
        .add_mount(bind("/rw", &source, &["bind", "rw"]));
    let text = bundle.run().good();
    assert!(text.starts_with("from outside\nfrom outside\nro,nosuid,noexec,"), "{text}");
    assert!(source.join("x").exists());
}

#[test]
fn user_groups_umask_and_capabilities_are_as_asked() {
    if !ready() {
        return;
    }
    let bundle = Bundle::script(
        "id -u; id -g; id -G; umask; grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status",
    )
    .set("/process/user", json!({"uid": 1000, "gid": 1001, "additionalGids": [7, 8], "umask": 63}))
    .set("/process/noNewPrivileges", json!(true));
    let text = bundle.run().good();
    let want = "1000\n1001\n1001 7 8\n0077\nCapInh:\t0000000000000000\n\
        CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapBnd:\t00000000a80425fb\n\
        CapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t0\n";
    assert_eq!(text, want);
    let root = Bundle::script("grep -E '^Cap' /proc/self/status").run().good();
    assert!(root.contains("CapPrm:\t00000000a80425fb\nCapEff:\t00000000a80425fb"), "{root}");
    assert!(root.contains("CapInh:\t0000000000000000"), "{root}");
}

#[test]
fn ambient_capabilities_reach_an_ordinary_user() {
    if !ready() {
        return;
    }
    let caps = json!(["CAP_NET_BIND_SERVICE"]);
    let bundle = Bundle::script("grep -E '^Cap(Eff|Amb)' /proc/self/status")
        .set("/process/user", json!({"uid": 1000, "gid": 1000}))
        .set(
            "/process/capabilities",
            json!({"bounding": caps, "permitted": caps, "effective": caps,
                "inheritable": caps, "ambient": caps}),
        );
    assert_eq!(bundle.run().good(), "CapEff:\t0000000000000400\nCapAmb:\t0000000000000400\n");
}

#[test]
fn the_filter_is_in_force_with_and_without_new_privileges() {
    if !ready() {
        return;
    }
    for no_new_privileges in [false, true] {
        let bundle =
            Bundle::script("grep Seccomp: /proc/self/status; mkdir /tmp/x || echo refused")
                .set("/process/noNewPrivileges", json!(no_new_privileges))
                .set("/process/user", json!({"uid": 1000, "gid": 1000}))
                .set(
                    "/linux/seccomp",
                    json!({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
                        {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}
                    ]}),
                );
        let text = bundle.run().good();
        assert!(
            text.starts_with("Seccomp:\t2\n") && text.contains("Operation not permitted"),
            "{text}"
        );
    }
}

/// C22
#[test]
fn limits_and_the_oom_score_are_set() {
    if !ready() {
        return;
    }
    let bundle = Bundle::script("ulimit -n; ulimit -Hn; cat /proc/self/oom_score_adj")
        .set("/process/rlimits", json!([{"type": "RLIMIT_NOFILE", "soft": 10, "hard": 20}]))
        .set("/process/oomScoreAdj", json!(321));
    assert_eq!(bundle.run().good(), "10\n20\n321\n");
}

#[test]
fn settings_of_own_namespaces_are_made() {
    if !ready() {
        return;
    }
    let bundle = Bundle::script(
        "cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/kernel/shmmni \
         /proc/sys/kernel/domainname",
    )
    .set("/domainname", json!("realm"))
    .set(
        "/linux/sysctl",
        json!({"net.ipv4.ip_unprivileged_port_start": "80", "kernel.shmmni": "77"}),
    );
    assert_eq!(bundle.run().good(), "80\n77\nrealm\n");
}

#[test]
fn only_standard_descriptors_are_open() {
    if !ready() {
        return;
    }
    // Deliberately without O_CLOEXEC, as a careless parent would have it.
    let leak = std::fs::File::open("/").unwrap();
    teu_kernel::child_fs::duplicate_to(leak.as_fd(), 100).unwrap();
    let text = Bundle::script("ls /proc/self/fd").run().good();
    teu_kernel::child_fs::close_number(100);
    // ls itself has the directory open.
    assert_eq!(text.split_whitespace().collect::<Vec<_>>(), ["0", "1", "2", "3"]);
}

#[test]
fn streams_belong_to_the_user_and_files_of_the_host_do_not() {
    if !ready() {
        return;
    }
    let bundle = Bundle::script("echo one >/dev/stderr; echo two >/proc/self/fd/1")
        .set("/process/user", json!({"uid": 1234, "gid": 1234}));
    assert_eq!(bundle.run().good(), "one\ntwo\n");
    let file = bundle.path().join("out");
    let out = std::fs::File::create(&file).unwrap();
    let null = || std::fs::File::open("/dev/null").unwrap().into();
    let stdio = teu_runtime::Stdio::Fds([null(), out.into(), null()]);
    let running = start(&bundle.plan(), fds(stdio)).unwrap();
    teu_kernel::wait::wait(running.pidfd.as_fd()).unwrap();
    assert_eq!(std::fs::metadata(&file).unwrap().uid(), 0);
}

#[test]
fn signals_are_as_a_program_expects_them() {
    if !ready() {
        return;
    }
    // Rust's runtime ignores SIGPIPE in this very process.
    let bundle = Bundle::new(&["grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"]);
    let text = bundle.run().good();
    assert_eq!(text, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

#[test]
fn init_reaps_forwards_and_tells_the_status() {
    if !ready() {
        return;
    }
    let facts = || PlanFacts { init: true, ..PlanFacts::default() };
    let script = "echo $$; cat /proc/1/comm; tr '\\0' ' ' </proc/1/cmdline | cut -d' ' -f1; \
        i=0; while [ $i -lt 20 ]; do (sleep 0.05 & ); i=$((i+1)); done; sleep 0.3; \
        ps -o stat | grep -c Z; exit 9";
    let output = run(&Bundle::script(script).plan_with(facts()));
    assert_eq!(output.text, "2\nteu-init\nteu-init\n0\n");
    assert_eq!(output.ended, Ended::Exited(9));

    let bundle =
        Bundle::script("trap 'echo got; exit 3' TERM; echo up; while :; do sleep 0.1; done");
    let (stdio, mut reader) = piped();
    let running = start(&bundle.plan_with(facts()), fds(stdio)).unwrap();
    let mut up = [0; 3];
    std::io::Read::read_exact(&mut reader, &mut up).unwrap();
    teu_kernel::pidfd::pidfd_send_signal(running.pidfd.as_fd(), 15).unwrap();
    let output = finish(running, reader);
    assert_eq!((output.ended, output.text.as_str()), (Ended::Exited(3), "got\n"));

    let killed = run(&Bundle::script("kill -9 $$").plan_with(facts()));
    assert_eq!(killed.ended, Ended::Exited(137));
}

#[test]
fn a_program_that_cannot_run_is_told_in_runcs_words() {
    if !ready() {
        return;
    }
    let check = |args: &[&str], prepare: &dyn Fn(&Bundle), text: &str, code: u8| {
        let bundle = Bundle::new(args);
        prepare(&bundle);
        let error = failure(&bundle);
        let cause = std::error::Error::source(&error).map_or(String::new(), |c| format!(": {c}"));
        assert_eq!((format!("{error}{cause}"), error.exit_code()), (text.to_string(), code));
    };
    let file = |name: &'static str, content: &'static str, mode: u32| {
        move |bundle: &Bundle| {
            use std::os::unix::fs::PermissionsExt;
            let path = bundle.root().join(name);
            std::fs::write(&path, content).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        }
    };
    let nothing = |_: &Bundle| ();
    check(&["nope"], &nothing, "exec: \"nope\": executable file not found in $PATH", 127);
    check(&["/nope"], &nothing, "exec: \"/nope\": stat /nope: no such file or directory", 127);
    check(&["/etc"], &nothing, "exec: \"/etc\": is a directory", 126);
    check(&["/f"], &file("f", "x", 0o644), "exec: \"/f\": permission denied", 126);
    check(&["f"], &file("bin/f", "x", 0o644), "exec: \"f\": permission denied", 126);
    check(&["/f"], &file("f", "junk", 0o755), "exec /f: exec format error", 126);
    check(&["/f"], &file("f", "#!/no/sh\n", 0o755), "exec /f: no such file or directory", 127);
    check(&[""], &nothing, "exec: \"\": executable file not found in $PATH", 127);
}

#[test]
fn what_fails_is_named_and_nothing_is_left() {
    if !ready() {
        return;
    }
    let check = |bundle: Bundle, stage: Stage, object: &str| {
        let error = failure(&bundle);
        assert_eq!((error.stage, error.object.as_str()), (stage, object), "{error:?}");
    };
    let script = || Bundle::script("true");
    let mount = |kind: &str, at: &str, source: &str, options: &[&str]| {
        script().add_mount(
            json!({"destination": at, "type": kind, "source": source, "options": options}),
        )
    };
    check(mount("bind", "/x", "/not/there", &["bind"]), Stage::Open, "/not/there");
    check(mount("tmpfs", "/x", "t", &["nonsense=1"]), Stage::Mount, "tmpfs at /x");
    check(mount("tmpfs", "/bin/sh/x", "t", &[]), Stage::Mount, "tmpfs at /bin/sh/x");
    check(script().set("/process/cwd", json!("/bin/sh")), Stage::WorkingDirectory, "/bin/sh");
    check(script().set("/linux/sysctl", json!({"net.no.such": "1"})), Stage::Sysctl, "net.no.such");
    let words = failure(&mount("tmpfs", "/x", "t", &["nonsense=1"]));
    assert!(words.detail.contains("nonsense"), "{words:?}");
    // The child is reaped: this process has none left that belongs to a failed start.
}

#[test]
fn a_clone_that_is_dropped_takes_its_process_with_it() {
    if !ready() {
        return;
    }
    let bundle = Bundle::new(&["sleep", "100"]);
    let (stdio, mut reader) = piped();
    let cloned = teu_runtime::clone(&bundle.plan(), fds(stdio)).unwrap();
    let pid = cloned.pid();
    assert!(cloned.netns().is_ok() && cloned.mntns().is_ok());
    drop(cloned);
    assert!(teu_kernel::pidfd::start_time(pid).is_none());
    let mut nothing = String::new();
    std::io::Read::read_to_string(&mut reader, &mut nothing).unwrap();
    assert_eq!(nothing, "");
}

/// A group of its own below `hierarchy`, gone at the end.
struct Group(std::path::PathBuf);

impl Group {
    fn new(hierarchy: &str) -> Group {
        let path = std::path::Path::new("/sys/fs/cgroup").join(hierarchy);
        let group = Group(path.join(format!("teu-test-runtime-{}", std::process::id())));
        std::fs::create_dir(&group.0).unwrap();
        group
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Processes that were just reaped leave it a moment later.
        let gone = (0..100).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(5));
            std::fs::remove_dir(&self.0).is_ok()
        });
        assert!(gone, "{} stays", self.0.display());
    }
}

#[test]
fn it_joins_its_cgroup_and_sees_it_as_the_root() {
    use teu_testkit::{Need, have};
    if !ready() {
        return;
    }
    let pure_v2 = std::path::Path::new("/sys/fs/cgroup/cgroup.controllers").exists();
    if !pure_v2 && !have(Need::CgroupV1) {
        return;
    }
    let group = Group::new(if pure_v2 { "" } else { "pids" });
    let name = group.0.file_name().unwrap().to_str().unwrap().to_string();
    for into_v2 in [false, true] {
        if into_v2 && !pure_v2 {
            continue;
        }
        let file = group.0.join(if pure_v2 { "cgroup.procs" } else { "tasks" });
        let tasks = if into_v2 { vec![] } else { vec![file.to_str().unwrap().to_string()] };
        for (own_namespace, seen) in [(true, "/".to_string()), (false, format!("/{name}"))] {
            let kinds: Vec<&str> = support::USUAL
                .into_iter()
                .filter(|kind| own_namespace || *kind != "cgroup")
                .collect();
            let bundle = Bundle::new(&["cat", "/proc/self/cgroup"]).namespaces(&kinds);
            let cgroup = teu_runtime::CgroupJoin { tasks: tasks.clone(), into_v2 };
            let plan = bundle.plan_with(PlanFacts { cgroup, ..PlanFacts::default() });
            let (stdio, reader) = piped();
            let mut fds = fds(stdio);
            fds.cgroup_v2 = Some(std::fs::File::open(&group.0).unwrap().into());
            let text = finish(start(&plan, fds).unwrap(), reader).good();
            let line = text.lines().find(|line| pure_v2 || line.contains(":pids:")).unwrap();
            assert!(line.ends_with(&format!(":{seen}")), "{own_namespace} {into_v2}: {text}");
        }
    }
}
