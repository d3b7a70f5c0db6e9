//! Files of the machine and of images.

use crate::{seen, text};
use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use teu_cgroup::foreign as cgroup;
use teu_image::{Limits, Store};
use teu_model::Paths;
use teu_network::DnsOptions;
use teu_registry::foreign as registry;
use teu_runtime::diagnose::{Attempt, diagnose};
use teu_runtime::user::{self, Ids};

/// A directory in memory that goes with its owner.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Scratch {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let memory = Path::new("/dev/shm");
        let base = if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() };
        let path = base.join(format!("teu-fuzz-{}-{count}", std::process::id()));
        fs::create_dir_all(&path).expect("a target needs a directory");
        Scratch(path)
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap_or(&self.0)).expect("a target needs a directory");
        fs::write(&path, bytes).expect("a target needs a file");
        path
    }

    fn open(&self) -> fs::File {
        fs::File::open(&self.0).expect("the directory was just made")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is in memory, and named after the process.
        fs::remove_dir_all(&self.0).unwrap_or(());
    }
}

/// An image's `/etc/passwd` and `/etc/group`, the same bytes for both, and a user of the first line.
pub fn passwd(bytes: &[u8]) {
    let scratch = Scratch::new();
    scratch.file("etc/passwd", bytes);
    scratch.file("etc/group", bytes);
    let root = scratch.open();
    let first: String = text(bytes).chars().take_while(|c| *c != '\n').take(64).collect();
    for asked in ["root", "1000", "daemon:adm", &first] {
        if let Ok(ids) = user::resolve(root.as_fd(), asked, &["adm".to_string()]) {
            assert!(ids.uid < 1 << 31 && ids.gid < 1 << 31, "{asked}: {ids:?}");
        }
    }
}

/// A program that could not be started.
pub fn program(bytes: &[u8]) {
    let scratch = Scratch::new();
    let path = scratch.file("bin/x", bytes);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("the file is ours");
    let root = scratch.open();
    let ids = Ids { uid: 0, gid: 0, groups: Vec::new(), home: "/".into(), name: None };
    for errno in [None, Some(2), Some(8)] {
        let attempt = Attempt { program: "/bin/x", env: &[], cwd: "/", ids: &ids, errno };
        seen(diagnose(root.as_fd(), &[], &attempt));
    }
}

/// An archive of images, as `load` takes it. Whatever it says, nothing is left behind but the store's.
pub fn archive(bytes: &[u8]) {
    let scratch = Scratch::new();
    let limits = Limits { layer_size_max: 1 << 20, ratio_max: 100 };
    let store = Store::open(&Paths::of_root(&scratch.0.join("root")));
    let store = store.expect("an empty directory becomes a store").with_limits(limits);
    seen(store.load(bytes).map_err(|error| error.to_string()));
    let ingest = fs::read_dir(scratch.0.join("root/ingest")).map_or(0, Iterator::count);
    assert_eq!(ingest, 0, "a load leaves something in ingest/");
    let outside = fs::read_dir(&scratch.0).map_or(0, Iterator::count);
    assert_eq!(outside, 1, "a load writes outside of its store");
}

/// `/proc/self/mountinfo`, and `/proc/self/cgroup` behind a line of dashes.
pub fn mountinfo(bytes: &[u8]) {
    let text = text(bytes);
    let (mounts, memberships) = text.split_once("----\n").unwrap_or((&text, &text));
    seen(cgroup::hierarchies(mounts, memberships).mode());
}

/// The host's resolv.conf and hosts, as the resolver and as a container's file is made of it.
pub fn resolv_conf(bytes: &[u8]) {
    let text = text(bytes);
    seen((registry::resolv_conf(&text), registry::hosts(&text)));
    let made = teu_network::resolv_conf(&text, &DnsOptions::default());
    assert!(made.starts_with("nameserver "), "a container without a name server: {made}");
}
