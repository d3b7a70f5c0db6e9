//! podman: with storage of its own, and runc, because crun refuses a machine with cgroups of both
//! versions.

use crate::Result;
use crate::docker::remove_cgroups;
use crate::world::{IMAGE, run};
use std::path::{Path, PathBuf};
use std::process::Command;

pub struct Podman {
    directory: PathBuf,
    cgroup: String,
}

impl Podman {
    pub fn new(directory: &Path, archive: &Path) -> Result<Podman> {
        let cgroup = format!("/teu-bench-podman-{}", std::process::id());
        let podman = Podman { directory: directory.join("podman"), cgroup };
        run(podman.command(&["import", "--quiet"]).arg(archive).arg(IMAGE))?;
        Ok(podman)
    }

    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("podman");
        command.arg("--root").arg(self.directory.join("root"));
        // In memory, as the others have it.
        command.arg("--runroot").arg(format!("/run{}", self.cgroup));
        command.args(["--cgroup-manager", "cgroupfs", "--runtime", "runc"]);
        command.args(["--storage-driver", "overlay", "--events-backend", "none"]).args(words);
        command
    }

    /// What `run` needs here besides: a group of our own, and limits that this machine allows.
    pub fn run(&self, words: &[&str]) -> Command {
        let mut command = self.command(&["run", "--cgroup-parent", &self.cgroup]);
        command.args(["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096"]);
        command.args(["--network", "none"]).args(words);
        command
    }

    /// Its monitors are known by this path.
    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        if let Err(error) = run(&mut self.command(&["rm", "--all", "--force", "--time", "0"])) {
            eprintln!("{error}");
        }
        // What keeps its storage mounted.
        let overlay = self.directory.join("root/overlay");
        run(Command::new("umount").arg("--lazy").arg(overlay)).unwrap_or_default();
        remove_cgroups(&self.cgroup);
    }
}
