//! One state root with one image, and `teu` run on it, whole or killed on the way.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use teu_testkit::{Registry, TempDir};

/// Whose system calls are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Victim {
    /// The process that was typed.
    Command,
    /// It and every process that comes of it, each at its own count: the monitor, and what runs inside.
    All,
}

/// A state root of its own.
pub(crate) struct Bench {
    pub root: TempDir,
    /// Its `/run/teu-<id>`.
    pub run: PathBuf,
    binary: PathBuf,
}

impl Bench {
    pub fn new(name: &str) -> Bench {
        let binary =
            std::env::var_os("TEU_BIN").expect("TEU_BIN names the program: use cargo xtask test");
        let root = TempDir::new(name);
        let mut bench = Bench { root, run: PathBuf::new(), binary: binary.into() };
        let image = TempDir::new("crash-image");
        std::fs::create_dir(image.join("bin")).unwrap();
        std::fs::copy("/bin/busybox", image.join("bin/busybox")).expect("package busybox-static");
        for name in ["sh", "true", "sleep", "cat"] {
            std::os::unix::fs::symlink("busybox", image.join("bin").join(name)).unwrap();
        }
        // No other root has the same image.
        std::fs::write(image.join("bin/.root"), bench.root.display().to_string()).unwrap();
        let archive = image.join("image.tar");
        let made =
            Command::new("tar").arg("-C").arg(&*image).arg("-cf").arg(&archive).arg("bin").status();
        assert!(made.unwrap().success());
        bench.must(&["import", archive.to_str().unwrap(), "box"]);
        bench.must(&["run", "--rm", "--network", "none", "box", "true"]);
        bench.run = bench.run_directory();
        bench
    }

    /// Found by the one image's mount, so that nothing here knows how the id is made.
    fn run_directory(&self) -> PathBuf {
        let names = |directory: &Path| -> Vec<PathBuf> {
            let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
            entries.map(|entry| entry.path()).collect()
        };
        let chains = names(&self.root.join("roots/sha256"));
        let [chain] = &chains[..] else { panic!("one image, and these roots: {chains:?}") };
        let mount = Path::new("roots").join(chain.file_name().expect("it came from a directory"));
        let mut places = names(Path::new("/run")).into_iter();
        places.find(|place| place.join(&mount).exists()).expect("the image's root is mounted")
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// `teu` with `words`.
    pub fn teu(&self, words: &[&str]) -> Output {
        let mut command = Command::new(&self.binary);
        self.finish(command.arg("--root").arg(&*self.root).args(words))
    }

    /// `teu` with `words`, which must succeed; its output.
    #[track_caller]
    pub fn must(&self, words: &[&str]) -> String {
        let output = self.teu(words);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "teu {}: {} {told}", words.join(" "), output.status);
        String::from_utf8_lossy(&output.stdout).trim().to_string()
    }

    /// The system calls of `teu` with `words`: those of all victims together, each once. What it told, if it failed.
    pub fn watched(&self, words: &[&str], victim: Victim) -> Result<Vec<Point>, String> {
        let trace = self.root.join("trace");
        let output = self.traced(words, victim, &trace, &[]);
        let text = std::fs::read_to_string(&trace).expect("strace has written what it saw");
        std::fs::remove_file(&trace).expect("it is ours");
        if output.status.success() {
            return Ok(Point::all_in(&text));
        }
        let told = String::from_utf8_lossy(&output.stderr);
        Err(format!("teu {}: {} {told}", words.join(" "), output.status))
    }

    /// The same of what must succeed.
    #[track_caller]
    pub fn points(&self, words: &[&str], victim: Victim) -> Vec<Point> {
        self.watched(words, victim).unwrap_or_else(|told| panic!("{told}"))
    }

    /// `teu` with `words`, its victims killed at `point`. False if none came there.
    pub fn killed(&self, words: &[&str], victim: Victim, point: &Point) -> bool {
        let kill = format!("inject={}:signal=KILL:when={}", point.call, point.nth);
        let nowhere = Path::new("/dev/null");
        // Nothing else is written down: that is most of what watching costs.
        let trace = format!("trace={}", point.call);
        let more = ["-e", trace.as_str(), "-e", "signal=none", "-e", &kill];
        let output = self.traced(words, victim, nowhere, &more);
        // Killed itself, or failed because its monitor or the container's first process was.
        !output.status.success()
    }

    fn traced(&self, words: &[&str], victim: Victim, trace: &Path, more: &[&str]) -> Output {
        // What hangs is ended, and fails by its time.
        let mut command = Command::new("timeout");
        command.args(["-s", "KILL", "60", "strace", "-qq", "-o"]).arg(trace).args(more);
        if victim == Victim::All {
            command.arg("-f");
        }
        self.finish(command.arg(&self.binary).arg("--root").arg(&*self.root).args(words))
    }

    /// What must be so before the kill; `rmi` of what is not there is as good.
    #[track_caller]
    pub fn prepare(&self, words: &[&str]) {
        if words[0] == "rmi" {
            self.teu(words);
        } else {
            self.must(words);
        }
    }

    /// Ends a container so that no process of teu's sees it.
    #[track_caller]
    pub fn end_unseen(&self, name: &str) {
        let words = self.must(&["inspect", "-f", "{{.Id}} {{.State.Pid}}", name]);
        let (id, pid) = words.split_once(' ').expect("an id and a number");
        for (program, words) in [("pkill", vec!["-KILL", "-f", id]), ("kill", vec!["-KILL", pid])] {
            assert!(Command::new(program).args(words).status().unwrap().success(), "{program}");
        }
    }

    fn finish(&self, command: &mut Command) -> Output {
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.output().expect("strace and teu can be run")
    }
}

/// A system call: the `nth` of its kind in a process. strace counts each kind for itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Point {
    pub call: String,
    pub nth: u32,
}

impl Point {
    /// Of a trace, in the order in which they first came; a line is `[PID ]name(…`.
    fn all_in(trace: &str) -> Vec<Point> {
        let mut counts: BTreeMap<(&str, &str), u32> = BTreeMap::new();
        let mut seen = BTreeSet::new();
        let mut points = Vec::new();
        for line in trace.lines() {
            let call = line.trim_start_matches(|c: char| c.is_ascii_digit());
            let process = &line[..line.len() - call.len()];
            let Some((call, _)) = call.trim_start().split_once('(') else { continue };
            // Not `<... read resumed>` nor `+++ exited +++`.
            if !call.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_') {
                continue;
            }
            let count = counts.entry((process, call)).or_default();
            *count += 1;
            let point = Point { call: call.to_string(), nth: *count };
            if seen.insert(point.clone()) {
                points.push(point);
            }
        }
        points
    }
}

impl std::fmt::Display for Point {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} number {}", self.call, self.nth)
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let output = self.teu(&["system", "reset", "--force"]);
        if !output.status.success() && !std::thread::panicking() {
            panic!("system reset: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
}

/// An image of one small layer in `registry`; its name.
pub(crate) fn publish(registry: &Registry) -> String {
    let directory = TempDir::new("crash-publish");
    std::fs::write(directory.join("file"), "x".repeat(100_000)).unwrap();
    let layer = directory.join("layer.tar");
    let made =
        Command::new("tar").arg("-C").arg(&*directory).arg("-cf").arg(&layer).arg("file").status();
    assert!(made.unwrap().success());
    let put = |bytes: &[u8]| {
        let hex = sha256(bytes);
        registry.put_blob("crash", &hex, bytes);
        hex
    };
    let layer = std::fs::read(layer).unwrap();
    let diff = put(&layer);
    let config = format!(
        r#"{{"architecture":"amd64","os":"linux","config":{{}},"rootfs":{{"type":"layers","diff_ids":["sha256:{diff}"]}}}}"#
    );
    let id = put(config.as_bytes());
    let media = "application/vnd.oci.image";
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"{media}.manifest.v1+json","config":{{"mediaType":"{media}.config.v1+json","digest":"sha256:{id}","size":{}}},"layers":[{{"mediaType":"{media}.layer.v1.tar","digest":"sha256:{diff}","size":{}}}]}}"#,
        config.len(),
        layer.len()
    );
    registry.put_manifest("crash", "latest", &sha256(manifest.as_bytes()), manifest.as_bytes());
    format!("{}/crash", registry.address())
}

fn sha256(bytes: &[u8]) -> String {
    use std::io::Write;
    let mut child =
        Command::new("sha256sum").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()[..64].to_string()
}
