//! What went wrong in others, tried on us. Each test names the CVE it is about.

mod support;

use serde_json::json;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use support::{Bundle, Sleeper, failure, fds, piped, ready, start};
use teu_kernel::libc;
use teu_runtime::{PlanError, Stage, exec};

/// The names below `top`, to see that nothing was added.
fn names(top: &Path) -> Vec<String> {
    let mut names = Vec::new();
    let mut todo = vec![top.to_path_buf()];
    while let Some(directory) = todo.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let entry = entry.unwrap();
            names.push(entry.path().display().to_string());
            if entry.file_type().unwrap().is_dir() {
                todo.push(entry.path());
            }
        }
    }
    names.sort();
    names
}

/// CVE-2019-19921, CVE-2023-27561, CVE-2023-28642, CVE-2025-54867.
#[test]
fn procfs_and_sysfs_stand_on_directories_only() {
    if !ready() {
        return;
    }
    for (name, target) in [("proc", "tmp"), ("proc", "/tmp"), ("sys", "tmp"), ("proc", "nowhere")] {
        let bundle = Bundle::new(&["true"]);
        fs::remove_dir(bundle.root().join(name)).unwrap();
        symlink(target, bundle.root().join(name)).unwrap();
        let error = failure(&bundle);
        assert_eq!(
            (error.stage, error.source.unwrap().0),
            (Stage::Mount, libc::ELOOP),
            "{error:?}"
        );
        assert!(error.to_string().contains("ordinary directory"), "{error}");
    }
    let bundle = Bundle::new(&["true"]);
    fs::remove_dir(bundle.root().join("proc")).unwrap();
    fs::write(bundle.root().join("proc"), "").unwrap();
    assert_eq!(failure(&bundle).stage, Stage::Mount);
}

/// CVE-2019-16884: a volume on /proc, by name or by a link.
#[test]
fn nothing_is_mounted_into_proc() {
    if !ready() {
        return;
    }
    let bind = |at: &str| {
        json!({"destination": at, "type": "bind", "source": "/tmp",
        "options": ["bind"]})
    };
    for at in ["/proc", "/proc/self/attr", "/x/../proc/sys"] {
        let bundle = Bundle::new(&["true"]).add_mount(bind(at));
        let spec = serde_json::from_value(bundle.spec.clone()).unwrap();
        let facts = teu_runtime::PlanFacts { bundle: "/b".into(), ..Default::default() };
        let error = teu_runtime::Plan::new(&spec, facts).unwrap_err();
        assert!(matches!(error, PlanError::Bad { .. }), "{at}: {error}");
    }
    let bundle = Bundle::new(&["true"]).add_mount(bind("/volume"));
    symlink("proc/sys", bundle.root().join("volume")).unwrap();
    let error = failure(&bundle);
    assert_eq!((error.stage, error.source.unwrap().0), (Stage::Mount, libc::EPERM));
}

/// CVE-2026-41579, CVE-2026-47766: nodes on the host through the image's /dev.
#[test]
fn a_link_at_dev_leads_nowhere_outside() {
    if !ready() {
        return;
    }
    for with_mount in [true, false] {
        let mut bundle = Bundle::new(&["/bin/true"]);
        let outside = bundle.path().join("outside");
        fs::create_dir(&outside).unwrap();
        fs::remove_dir(bundle.root().join("dev")).unwrap();
        symlink(&outside, bundle.root().join("dev")).unwrap();
        if !with_mount {
            let mounts = bundle.spec["mounts"].as_array_mut().unwrap();
            mounts.retain(|m| !m["destination"].as_str().unwrap().starts_with("/dev"));
        }
        let (stdio, _reader) = piped();
        if let Ok(running) = start(&bundle.plan(), fds(stdio)) {
            teu_kernel::wait::wait(std::os::fd::AsFd::as_fd(&running.pidfd)).unwrap();
        }
        assert_eq!(names(&outside), Vec::<String>::new());
    }
}

/// CVE-2021-30465, CVE-2024-45310: a mount's target swapped for a link while it is mounted.
#[test]
fn a_racer_gets_nothing_outside() {
    if !ready() {
        return;
    }
    let bundle = Bundle::new(&["true"]);
    let (outside, source) = (bundle.path().join("outside"), bundle.path().join("source"));
    fs::create_dir_all(outside.join("deep")).unwrap();
    fs::create_dir(&source).unwrap();
    let bundle = bundle.add_mount(json!({"destination": "/volume/deep/new", "type": "bind",
        "source": source, "options": ["bind"]}));
    let volume = bundle.root().join("volume");
    let other = bundle.root().join("other");
    fs::create_dir_all(volume.join("deep")).unwrap();
    symlink(&outside, &other).unwrap();
    let before = names(&outside);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let name = |path: &Path| std::ffi::CString::new(path.to_str().unwrap()).unwrap();
            let (a, b) = (name(&volume), name(&other));
            while !done.load(Ordering::Relaxed) {
                teu_kernel::child_fs::exchange(&a, &b).unwrap();
            }
        });
        for _ in 0..50 {
            let (stdio, _reader) = piped();
            if let Ok(running) = start(&bundle.plan(), fds(stdio)) {
                teu_kernel::wait::wait(std::os::fd::AsFd::as_fd(&running.pidfd)).unwrap();
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(names(&outside), before);
    assert_eq!(names(&source), Vec::<String>::new());
}

/// CVE-2024-21626: a working directory that is a descriptor of the host's.
#[test]
fn a_working_directory_outside_is_refused() {
    if !ready() {
        return;
    }
    let outside = fs::File::open("/").unwrap();
    teu_kernel::child_fs::duplicate_to(std::os::fd::AsFd::as_fd(&outside), 25).unwrap();
    let sleeper = Sleeper::start(Bundle::new(&["sleep", "100"]));
    for number in 0..=30 {
        let cwd = format!("/proc/self/fd/{number}");
        let error = failure(&Bundle::new(&["true"]).set("/process/cwd", json!(cwd)));
        assert_eq!(error.stage, Stage::WorkingDirectory, "{number}: {error:?}");
        // Each costs a second in an emulated guest; these are those that could be open.
        if number > 5 && number != 25 {
            continue;
        }
        let mut plan = sleeper.exec_plan(&["true"]);
        plan.process.cwd = cwd;
        let (stdio, _reader) = piped();
        let error = exec(&plan, sleeper.target(), stdio).unwrap_err();
        assert_eq!(error.stage, Stage::WorkingDirectory, "exec {number}: {error:?}");
    }
    teu_kernel::child_fs::close_number(25);
}

/// CVE-2025-31133: the cover of a hidden file must be the host's true /dev/null, and the image's own
/// one is never looked at.
#[test]
fn the_images_null_covers_nothing() {
    if !ready() {
        return;
    }
    let mut bundle = Bundle::script("cat /secret | wc -c; (echo x >/secret); wc -c </target");
    fs::write(bundle.root().join("secret"), "secret").unwrap();
    fs::write(bundle.root().join("target"), "").unwrap();
    symlink("../target", bundle.root().join("dev/null")).unwrap();
    let mounts = bundle.spec["mounts"].as_array_mut().unwrap();
    mounts.retain(|mount| !mount["destination"].as_str().unwrap().starts_with("/dev"));
    bundle.spec["linux"]["maskedPaths"] = json!(["/secret"]);
    // The image's own /dev has something else where a node belongs: refused by name.
    let error = failure(&bundle);
    assert_eq!((error.stage, error.object.as_str()), (Stage::Device, "/dev/null"));
    fs::remove_file(bundle.root().join("dev/null")).unwrap();
    assert_eq!(bundle.run().good(), "0\n0\n");
}

/// CVE-2022-24769, CVE-2022-27649, CVE-2022-29162 are in `exec.rs` and `start.rs` (CapInh); and
/// CVE-2022-36109, CVE-2023-25173: the primary group among the supplementary ones is the engine's
/// to add; here no group of the caller's may be left.
#[test]
fn no_group_of_the_callers_is_left() {
    if !ready() {
        return;
    }
    let bundle = Bundle::script("id -G; grep Groups /proc/self/status")
        .set("/process/user", json!({"uid": 5, "gid": 6}));
    assert_eq!(bundle.run().good(), "6\nGroups:\t \n");
}

/// CVE-2016-9962: a process that is about to exec cannot be looked into from inside.
#[test]
fn a_process_at_the_gate_cannot_be_looked_into() {
    if !ready() {
        return;
    }
    let sleeper = Sleeper::start(Bundle::new(&["sleep", "100"]));
    let mut bundle = Bundle::new(&["true"]);
    let pid = sleeper.running.pid;
    bundle.spec["linux"]["namespaces"] = json!([{"type": "mount"}, {"type": "uts"},
        {"type": "pid", "path": format!("/proc/{pid}/ns/pid")}]);
    let (stdio, _reader) = piped();
    let waiting = teu_runtime::clone(&bundle.plan(), fds(stdio)).unwrap();
    teu_kernel::poll::wait_readable(waiting.socket(), std::time::Duration::from_secs(10)).unwrap();
    // Root of the container without CAP_SYS_PTRACE: its descriptors and root are out of reach.
    let comm = fs::read_to_string(format!("/proc/{}/comm", waiting.pid())).unwrap();
    let script = format!(
        "for p in /proc/[0-9]*; do [ \"$(cat $p/comm)\" = {} ] || continue; echo found; \
         for l in root exe cwd; do readlink $p/$l && echo reached; done; \
         for n in 0 1 2 3; do readlink $p/fd/$n && echo reached; done; done",
        comm.trim()
    );
    let text = sleeper.exec(&["sh", "-c", &script]).text;
    assert!(text.contains("found") && !text.contains("reached"), "{text}");
    waiting
        .go()
        .map(|running| {
            teu_kernel::wait::wait(std::os::fd::AsFd::as_fd(&running.pidfd)).unwrap();
        })
        .unwrap();
}

/// CVE-2023-25809 and its kin: with a cgroup namespace of its own the container sees only its group,
/// read-only.
#[test]
fn cgroups_of_the_host_are_not_seen() {
    if !ready() {
        return;
    }
    let cgroups = support::cgroups();
    if cgroups.is_empty() {
        return;
    }
    let bundle = Bundle::script(
        "for f in $(cut -d' ' -f5 /proc/self/mountinfo | grep cgroup); do \
         mkdir $f/x 2>/dev/null && echo made $f; done; cut -d: -f3 /proc/self/cgroup | sort -u",
    )
    .add_mount(json!({"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
        "options": ["nosuid", "noexec", "nodev", "relatime", "ro"]}));
    let facts = teu_runtime::PlanFacts { cgroups, ..Default::default() };
    assert_eq!(support::run(&bundle.plan_with(facts)).good(), "/\n");
}
