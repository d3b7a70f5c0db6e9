//! A throwaway store with layers in it, and what a tree of files looks like.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use teu_model::{DiffId, Digest, Paths};
use teu_snapshot::{Driver, Snapshots};
use teu_tar::Parser;
use teu_testkit::TempDir;

pub struct Store {
    pub paths: Paths,
    pub top: TempDir,
}

/// What this kernel can, best first: EROFS reads files since 6.12.
pub fn drivers() -> Vec<Driver> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release.split(['.', '-']).map(|part| part.parse::<u32>().unwrap_or(0));
    let version = (numbers.next().unwrap(), numbers.next().unwrap());
    let can = |driver: &Driver| match driver {
        Driver::ErofsFile => version >= (6, 12),
        Driver::ErofsLoop => Path::new("/dev/loop-control").exists(),
        Driver::Tree => true,
    };
    Driver::ALL.into_iter().filter(can).collect()
}

/// The one that teu chooses here.
pub fn best() -> Driver {
    drivers()[0]
}

impl Store {
    pub fn new(name: &str) -> Store {
        let top = TempDir::new(name);
        let mut paths = Paths::of_root(&top.join("root"));
        paths.run = top.join("run");
        fs::create_dir_all(&paths.run).unwrap();
        Store { paths, top }
    }

    pub fn snapshots(&self, driver: Driver) -> Snapshots {
        Snapshots::with_driver(&self.paths, driver)
    }

    /// Puts an archive there as a pull would.
    pub fn add_layer(&self, archive: &[u8]) -> DiffId {
        let hash = ring::digest::digest(&ring::digest::SHA256, archive);
        let diff = DiffId(Digest::from_sha256(hash.as_ref().try_into().unwrap()));
        let directory = self.layer(&diff);
        fs::create_dir_all(&directory).unwrap();
        let mut parser = Parser::new();
        parser.feed(archive).unwrap();
        fs::write(directory.join("index"), parser.finish().unwrap().encode()).unwrap();
        fs::write(directory.join("layer.tar"), archive).unwrap();
        diff
    }

    pub fn layer(&self, diff: &DiffId) -> PathBuf {
        self.paths.root.join("layers/sha256").join(diff.0.hex())
    }

    pub fn shell(&self, script: &str) {
        let mut command = Command::new("sh");
        let done = command.args(["-ec", script]).current_dir(&*self.top).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // Mounts go before the directory does.
        self.snapshots(best()).unmount_all().unwrap();
    }
}

/// Everything that can be seen of a tree, by path: what a program in a container would see.
pub fn look(top: &Path) -> BTreeMap<String, String> {
    let mut seen = BTreeMap::new();
    let mut todo = vec![top.to_path_buf()];
    let mut inodes = BTreeMap::new();
    while let Some(path) = todo.pop() {
        let meta = fs::symlink_metadata(&path).unwrap();
        let name = path.strip_prefix(top).unwrap().to_string_lossy().into_owned();
        let kind = meta.file_type();
        let contents = if kind.is_dir() {
            todo.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            String::new()
        } else if kind.is_symlink() {
            format!("> {}", fs::read_link(&path).unwrap().as_os_str().as_bytes().escape_ascii())
        } else if kind.is_file() {
            let bytes = fs::read(&path).unwrap();
            assert_eq!(bytes.len() as u64, meta.size(), "{name}");
            let hash = ring::digest::digest(&ring::digest::SHA256, &bytes);
            format!("{} bytes {}", bytes.len(), hash.as_ref()[..8].escape_ascii())
        } else {
            format!("device {:x}", meta.rdev())
        };
        // Names of one inode know each other by the first of them.
        let same = inodes.entry(meta.ino()).or_insert_with(Vec::new);
        same.push(name.clone());
        // File systems count a directory's names differently.
        let names = if kind.is_dir() { 0 } else { meta.nlink() };
        let line = format!(
            "{:o} {}:{} {}.{:09} {names} {} {contents}",
            meta.mode(),
            meta.uid(),
            meta.gid(),
            meta.mtime(),
            meta.mtime_nsec(),
            xattrs(&path),
        );
        seen.insert(name, line);
    }
    for names in inodes.into_values().filter(|names| names.len() > 1) {
        let mut names = names;
        names.sort();
        for name in &names {
            seen.get_mut(name).unwrap().push_str(&format!(" = {}", names[0]));
        }
    }
    seen
}

fn xattrs(path: &Path) -> String {
    let mut names = teu_kernel::xattr::list(path).unwrap();
    names.sort();
    let value = |name: &Vec<u8>| {
        let attribute = std::ffi::CString::new(name.clone()).unwrap();
        let value = teu_kernel::xattr::get(path, &attribute).unwrap();
        format!("{}={}", name.escape_ascii(), value.escape_ascii())
    };
    names.iter().map(value).collect::<Vec<_>>().join(",")
}

/// What a root shows of layers that show `tree`: the init layer lies below what they lack.
pub fn with_init_layer(mut tree: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let line =
        |mode: &str, names: u32, rest: &str| format!("{mode} 0:0 0.000000000 {names}  {rest}");
    for directory in ["dev", "etc", "proc", "sys"] {
        tree.entry(directory.into()).or_insert_with(|| line("40755", 0, ""));
    }
    let hash = ring::digest::digest(&ring::digest::SHA256, b"");
    let empty = format!("0 bytes {}", hash.as_ref()[..8].escape_ascii());
    for file in ["hostname", "hosts", "resolv.conf"] {
        tree.entry(format!("etc/{file}")).or_insert_with(|| line("100644", 1, &empty));
    }
    tree.entry("etc/mtab".into()).or_insert_with(|| line("120777", 1, "> /proc/mounts"));
    tree
}

/// Points at the first difference instead of printing thousands of lines.
#[track_caller]
pub fn assert_same(got: &BTreeMap<String, String>, expected: &BTreeMap<String, String>) {
    for (path, line) in expected {
        assert_eq!(got.get(path), Some(line), "at `{path}`");
    }
    let more: Vec<_> = got.keys().filter(|path| !expected.contains_key(*path)).collect();
    assert!(more.is_empty(), "nobody asked for {more:?}");
}
