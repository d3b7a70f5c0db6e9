//! The directory in which all of it happens, and who takes part. Everything goes with it.

use crate::Result;
use crate::docker::Docker;
use crate::floor::Floor;
use crate::podman::Podman;
use crate::teu::Teu;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What the image is called everywhere.
pub const IMAGE: &str = "bench/busybox";

pub struct World {
    // In the order in which they have to end.
    pub teu: Teu,
    pub docker: Option<Docker>,
    pub podman: Option<Podman>,
    pub floor: Floor,
    scratch: Scratch,
}

/// Removed at the end.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("{} is left: {error}", self.0.display());
        }
    }
}

impl World {
    pub fn new() -> Result<World> {
        let directory = PathBuf::from(format!("/var/tmp/teu-bench-{}", std::process::id()));
        fs::create_dir_all(&directory)?;
        let scratch = Scratch(directory.clone());
        let rootfs = make_rootfs(&directory)?;
        let archive = directory.join("image.tar");
        run(Command::new("tar").arg("-C").arg(&rootfs).arg("-cf").arg(&archive).arg("."))?;
        Ok(World {
            teu: Teu::new(&directory.join("teu"), &archive)?,
            docker: installed("dockerd").then(|| Docker::new(&directory, &archive)).transpose()?,
            podman: installed("podman").then(|| Podman::new(&directory, &archive)).transpose()?,
            floor: Floor::new(&directory, &rootfs)?,
            scratch,
        })
    }

    /// For files of a measure.
    pub fn directory(&self) -> &Path {
        &self.scratch.0
    }

    /// What a figure is worth nothing without.
    pub fn machine(&self) -> String {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_string();
        let cpus = std::thread::available_parallelism().map_or(0, usize::from);
        format!(
            "Linux {}, {cpus} CPUs, load {}, teu {}",
            read("/proc/sys/kernel/osrelease"),
            read("/proc/loadavg"),
            self.teu.version()
        )
    }
}

/// busybox, and 64 MiB of nothing in particular.
fn make_rootfs(directory: &Path) -> Result<PathBuf> {
    let rootfs = directory.join("rootfs");
    for name in ["bin", "proc", "sys", "dev", "etc", "tmp"] {
        fs::create_dir_all(rootfs.join(name))?;
    }
    let busybox = ["/bin/busybox", "/usr/bin/busybox"].iter().find(|path| Path::new(path).exists());
    let busybox = busybox.ok_or("there is no busybox: install busybox-static")?;
    fs::copy(busybox, rootfs.join("bin/busybox"))?;
    for name in ["sh", "true", "sleep", "cat", "head", "tr", "fold", "mkdir"] {
        std::os::unix::fs::symlink("busybox", rootfs.join("bin").join(name))?;
    }
    let mut number = 1_u64;
    let words = (0..8 << 20).flat_map(|_| {
        number =
            number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        number.to_le_bytes()
    });
    fs::write(rootfs.join("large"), words.collect::<Vec<u8>>())?;
    Ok(rootfs)
}

fn installed(program: &str) -> bool {
    ["/usr/bin", "/usr/sbin"].iter().any(|directory| Path::new(directory).join(program).exists())
}

/// Runs to the end; what it printed, without the last line's end.
pub fn run(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{command:?}: {}: {}", output.status, said.trim()).into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_string())
}
