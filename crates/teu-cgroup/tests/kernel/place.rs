//! A parent of its own for each test, and processes to put below it.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use teu_cgroup::{Controller, Group, Layout, Version, list_groups};
use teu_oci::runtime::LinuxResources;

/// Goes with all groups and processes below it.
pub struct Place {
    pub layout: Layout,
    pub parent: String,
}

impl Place {
    pub fn new() -> Place {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let parent = format!("/teu-test-{}-{count}", std::process::id());
        Place { layout: Layout::discover().unwrap(), parent }
    }

    /// A group with the limits that `json` tells.
    pub fn group(&self, name: &str, json: &str) -> Group {
        let group = self.layout.plan(&self.parent, name).unwrap();
        group.create(&resources(json)).unwrap();
        group
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        for name in list_groups(&self.layout, &self.parent, "").unwrap() {
            let group = self.layout.plan(&self.parent, &name).unwrap();
            group.kill().unwrap();
            group.remove().unwrap();
        }
        let parent = self.layout.plan("/", &self.parent[1..]).unwrap();
        let removed = parent.remove_if_empty().unwrap();
        assert!(removed || std::thread::panicking(), "{} is not empty", self.parent);
    }
}

pub fn resources(json: &str) -> LinuxResources {
    serde_json::from_str(json).unwrap()
}

/// The directory of `group` for `controller`, and whether it is v2's.
pub fn dir(group: &Group, controller: Controller) -> (bool, PathBuf) {
    let (version, dir) = group.dir(controller).unwrap();
    (version == Version::V2, dir)
}

/// A file of the group, by its v1 and v2 names.
pub fn content(group: &Group, controller: Controller, v1: &str, v2: &str) -> String {
    let (is_v2, dir) = dir(group, controller);
    let path = dir.join(if is_v2 { v2 } else { v1 });
    std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        .trim()
        .to_string()
}

/// A shell in `group` that runs `script`; killed when it is dropped.
pub struct Shell(pub Child);

impl Shell {
    /// Starts it outside, moves it in, and lets it go: it never runs a command of the script elsewhere.
    pub fn run(group: &Group, script: &str) -> Shell {
        let mut child = Command::new("sh")
            .args(["-c", &format!("read go; {script}")])
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        group.join_pid(child.id()).unwrap();
        child.stdin.as_mut().unwrap().write_all(b"go\n").unwrap();
        Shell(child)
    }

    /// Whether the script ended well.
    pub fn succeeds(mut self) -> bool {
        self.0.wait().unwrap().success()
    }

    pub fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        drop(self.0.kill());
        self.0.wait().unwrap();
    }
}

/// Waits until `met`, ten seconds at most.
pub fn eventually(what: &str, mut met: impl FnMut() -> bool) {
    for _ in 0..2000 {
        if met() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    panic!("not within ten seconds: {what}");
}
