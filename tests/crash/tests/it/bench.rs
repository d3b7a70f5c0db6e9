//! One state root with one image, and `teu` run on it, whole or killed on the way.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use teu_testkit::TempDir;

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
    binary: PathBuf,
}

impl Bench {
    pub fn new(name: &str) -> Bench {
        let binary =
            std::env::var_os("TEU_BIN").expect("TEU_BIN names the program: use cargo xtask test");
        let bench = Bench { root: TempDir::new(name), binary: binary.into() };
        let image = TempDir::new("crash-image");
        std::fs::create_dir(image.join("bin")).unwrap();
        std::fs::copy("/bin/busybox", image.join("bin/busybox")).expect("package busybox-static");
        for name in ["sh", "true", "sleep", "cat"] {
            std::os::unix::fs::symlink("busybox", image.join("bin").join(name)).unwrap();
        }
        let archive = image.join("image.tar");
        let made =
            Command::new("tar").arg("-C").arg(&*image).arg("-cf").arg(&archive).arg("bin").status();
        assert!(made.unwrap().success());
        bench.must(&["import", archive.to_str().unwrap(), "box"]);
        bench
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

    /// `teu` with `words`, killed at the `n`th system call of its victims. False if it came through.
    pub fn killed(&self, words: &[&str], victim: Victim, n: u32) -> bool {
        let mut command = Command::new("strace");
        command.args(["-qq", "-o", "/dev/null", "-e", "trace=all", "-e", "signal=none", "-e"]);
        command.arg(format!("inject=all:signal=KILL:when={n}"));
        if victim == Victim::All {
            command.arg("-f");
        }
        let output =
            self.finish(command.arg(&self.binary).arg("--root").arg(&*self.root).args(words));
        // Killed itself, or failed because its monitor or the container's first process was.
        !output.status.success()
    }

    fn finish(&self, command: &mut Command) -> Output {
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.output().expect("strace and teu can be run")
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
