//! docker: a daemon with mounts, processes, a network and a data root of its own.

use crate::Result;
use crate::world::{IMAGE, run};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub struct Docker {
    daemon: Child,
    socket: String,
    cgroup: String,
}

const SCRIPT: &str = r#"
mount --make-rprivate / && mount -t tmpfs tmpfs /run && ip link set lo up &&
exec dockerd --data-root "$0/data" --pidfile /run/docker.pid -H "unix://$0/docker.sock" \
    --storage-driver overlay2 --cgroup-parent "$1" --bip 172.31.99.1/24 >"$0/log" 2>&1
"#;

impl Docker {
    pub fn new(directory: &Path, archive: &Path) -> Result<Docker> {
        let directory = directory.join("docker");
        std::fs::create_dir_all(&directory)?;
        let cgroup = format!("/teu-bench-docker-{}", std::process::id());
        let daemon = Command::new("unshare")
            .args(["--mount", "--net", "--pid", "--fork", "--mount-proc", "--kill-child=KILL"])
            .args(["sh", "-c", SCRIPT])
            .arg(&directory)
            .arg(&cgroup)
            .stdin(Stdio::null())
            .spawn()?;
        let socket = format!("unix://{}/docker.sock", directory.display());
        let docker = Docker { daemon, socket, cgroup };
        let deadline = Instant::now() + Duration::from_secs(60);
        while let Err(error) = run(&mut docker.command(&["version"])) {
            if Instant::now() > deadline {
                return Err(error);
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        run(docker.command(&["import"]).arg(archive).arg(IMAGE))?;
        Ok(docker)
    }

    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("docker");
        command.env("DOCKER_HOST", &self.socket).args(words);
        command
    }

    /// The process below which everything of this docker lies.
    pub fn top(&self) -> u32 {
        self.daemon.id()
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        // The daemon is PID 1 of its namespace: nothing of it outlives it.
        if self.daemon.kill().and_then(|()| self.daemon.wait()).is_err() {
            eprintln!("dockerd does not end");
        }
        remove_cgroups(&self.cgroup);
    }
}

/// The empty groups that a runtime leaves.
pub fn remove_cgroups(name: &str) {
    fn remove(directory: &Path) {
        let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
        for entry in entries.filter(|entry| entry.path().is_dir()) {
            remove(&entry.path());
        }
        // What is busy stays, and has the name of this program.
        std::fs::remove_dir(directory).unwrap_or(());
    }
    let hierarchies = std::fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten();
    for hierarchy in hierarchies {
        let path: PathBuf = hierarchy.path().join(name.trim_start_matches('/'));
        if path.is_dir() {
            remove(&path);
        }
    }
}
