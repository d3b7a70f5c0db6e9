//! What a guest is made of: a Debian kernel, an initramfs with the disk's driver, a root disk with
//! the programs that tests call, and a disk with the test programs.
//!
//! ```text
//! /var/cache/teu-test/linux-<version>/
//!   release                 `6.1.0-56-cloud-amd64`; written last
//!   boot/ lib/modules/      the package as it came, plus modules.dep
//!   root-<hash>.ext4        made from this machine's programs; the hash is of what went in
//! ```
//! Removing the directory is how to get a newer kernel.

use crate::build::{Helper, TestProgram};
use crate::packages::apt_get;
use crate::{Result, output, run};
use std::collections::BTreeSet;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Room for what tests make.
const ROOT_SIZE: u64 = 3 << 30;

const CACHE: &str = "/var/cache/teu-test";

/// Version, and the package that always depends on its newest kernel.
const KERNELS: [(&str, &str); 2] =
    [("6.1", "linux-image-cloud-amd64"), ("6.12", "linux-image-6.12-cloud-amd64")];

/// What must be there before the root disk is.
const BOOT_MODULES: [&str; 2] = ["virtio_pci", "virtio_blk"];

/// Packages of this machine whose programs tests may call in the guest; busybox stands in for all
/// others.
#[rustfmt::skip]
const PACKAGES: &[&str] = &[
    "bash", "bsdutils", "coreutils", "dash", "debianutils", "diffutils", "e2fsprogs", "findutils", "grep",
    "gzip", "hostname", "iproute2", "iptables", "iputils-ping", "kmod", "libcap2-bin", "mount", "netbase",
    "nftables", "procps", "sed", "strace", "tar", "util-linux", "util-linux-extra", "xz-utils",
];

/// What the alternatives system adds to them.
const ALTERNATIVES: &[&str] = &["/usr/sbin/iptables", "/usr/sbin/iptables-save", "/usr/bin/awk"];

const INIT: &str = include_str!("guest-init.sh");
const BOOT: &str = include_str!("guest-boot.sh");

/// A kernel in the cache.
#[derive(Clone, Debug)]
pub struct Kernel {
    pub version: &'static str,
    pub release: String,
    directory: PathBuf,
}

impl Kernel {
    /// Fetches it once.
    pub fn fetch(version: &str) -> Result<Kernel> {
        let (version, meta) =
            *KERNELS.iter().find(|(known, _)| *known == version).ok_or_else(|| {
                format!(
                    "there is no guest {version}; there are: {}",
                    KERNELS.map(|(v, _)| v).join(" ")
                )
            })?;
        let directory = Path::new(CACHE).join(format!("linux-{version}"));
        let release_file = directory.join("release");
        if let Ok(release) = fs::read_to_string(&release_file) {
            return Ok(Kernel { version, release, directory });
        }
        println!("fetching {meta}");
        make_directory(&directory)?;
        let depends = output(Command::new("apt-cache").args(["depends", meta]))?;
        let package = depends
            .lines()
            .find_map(|line| line.trim().strip_prefix("Depends: "))
            .ok_or_else(|| format!("`{meta}` is unknown to apt; `apt-get update` may help"))?;
        output(apt_get().args(["-qq", "download", package]).current_dir(&directory))?;
        let deb = files_of(&directory)?
            .into_iter()
            .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
            .ok_or_else(|| format!("apt-get download left no `{package}`"))?;
        run(Command::new("dpkg").arg("-x").arg(&deb).arg(&directory))?;
        fs::remove_file(&deb).map_err(|error| error.to_string())?;
        let release = package.trim_start_matches("linux-image-").to_string();
        run(Command::new("depmod").arg("-b").arg(&directory).arg(&release))?;
        write(&release_file, release.as_bytes())?;
        Ok(Kernel { version, release, directory })
    }

    /// What qemu boots.
    pub fn image(&self) -> PathBuf {
        self.directory.join("boot").join(format!("vmlinuz-{}", self.release))
    }

    fn modules(&self) -> PathBuf {
        self.directory.join("lib/modules").join(&self.release)
    }

    /// An initramfs that finds the root disk.
    pub fn initramfs(&self, path: &Path) -> Result<()> {
        let mut archive = Cpio::default();
        for directory in ["bin", "modules", "dev", "proc", "root"] {
            archive.add(directory, 0o040_755, &[]);
        }
        archive.add("bin/busybox", 0o100_755, &read(Path::new("/bin/busybox"))?);
        archive.add("init", 0o100_755, BOOT.as_bytes());
        let dependencies = read(&self.modules().join("modules.dep"))?;
        let dependencies = String::from_utf8_lossy(&dependencies);
        let mut order = String::new();
        for file in load_order(&dependencies, &BOOT_MODULES) {
            let name = file.rsplit('/').next().unwrap_or(&file).trim_end_matches(".xz").to_string();
            archive.add(
                &format!("modules/{name}"),
                0o100_644,
                &read_module(&self.modules().join(&file))?,
            );
            order += &format!("{name}\n");
        }
        archive.add("modules/order", 0o100_644, order.as_bytes());
        write(path, &archive.finish())
    }

    /// The root disk: made anew when anything that goes in has changed.
    pub fn root_disk(&self) -> Result<PathBuf> {
        let versions = output(Command::new("dpkg-query").args(["-W"]).args(PACKAGES))
            .map_err(|error| format!("{error}\n  the guests need these packages"))?;
        let mut hash = DefaultHasher::new();
        (INIT, versions, ALTERNATIVES, ROOT_SIZE).hash(&mut hash);
        let disk = self.directory.join(format!("root-{:016x}.ext4", hash.finish()));
        if disk.exists() {
            return Ok(disk);
        }
        for old in files_of(&self.directory)? {
            let name = old.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with("root-") {
                fs::remove_file(&old).map_err(|error| error.to_string())?;
            }
        }
        let staging = self.directory.join("staging");
        remove_directory(&staging)?;
        self.fill_root(&staging, &root_files()?)?;
        let unfinished = self.directory.join("root.new");
        make_disk(&unfinished, &staging, ROOT_SIZE)?;
        fs::rename(&unfinished, &disk).map_err(|error| error.to_string())?;
        remove_directory(&staging)?;
        Ok(disk)
    }

    fn fill_root(&self, root: &Path, files: &BTreeSet<PathBuf>) -> Result<()> {
        for directory in [
            "usr/bin",
            "usr/sbin",
            "usr/lib",
            "usr/lib64",
            "usr/local/bin",
            "etc",
            "dev",
            "proc",
            "sys",
            "run",
            "tmp",
            "root",
            "tests",
            "var/tmp",
            "var/lib",
            "mnt",
            "usr/lib/modules",
            "home",
            "opt",
            "srv",
        ] {
            make_directory(&root.join(directory))?;
        }
        for name in ["bin", "sbin", "lib", "lib64"] {
            link(&format!("usr/{name}"), &root.join(name))?;
        }
        let open = fs::Permissions::from_mode(0o1777);
        fs::set_permissions(root.join("var/tmp"), open).map_err(|error| error.to_string())?;
        for file in files {
            let to = root.join(file.strip_prefix("/").unwrap_or(file));
            make_directory(to.parent().unwrap_or(root))?;
            fs::copy(file, &to).map_err(|error| format!("`{}`: {error}", file.display()))?;
        }
        for applet in output(Command::new("/bin/busybox").arg("--list"))?.lines() {
            let places = ["usr/bin", "usr/sbin"].map(|place| root.join(place).join(applet));
            if places.iter().all(|place| !place.exists()) {
                link("/bin/busybox", &places[0])?;
            }
        }
        let modules = root.join("usr/lib/modules").join(&self.release);
        run(Command::new("cp").arg("-a").arg(self.modules()).arg(&modules))?;
        remove_if_there(&root.join("usr/sbin/init"))?;
        write(&root.join("usr/sbin/init"), INIT.as_bytes())?;
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(root.join("usr/sbin/init"), executable)
            .map_err(|error| error.to_string())?;
        for (name, text) in [
            ("passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"),
            ("group", "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n"),
            ("hosts", "127.0.0.1 localhost guest\n::1 localhost\n"),
            ("resolv.conf", "nameserver 10.0.2.3\n"),
            ("hostname", "guest\n"),
        ] {
            write(&root.join("etc").join(name), text.as_bytes())?;
        }
        Ok(())
    }
}

/// The disk with the test programs: `list`, the programs stripped, each package's sources; and
/// `helpers`, the programs that tests start, with the paths by which they know them.
pub fn tests_disk(
    programs: &[&TestProgram],
    helpers: &[&Helper],
    staging: &Path,
    disk: &Path,
) -> Result<()> {
    remove_directory(staging)?;
    make_directory(&staging.join("sources"))?;
    let mut list = String::new();
    for helper in helpers {
        let file = format!("helper-{}", list.lines().count());
        strip(&helper.path, &staging.join(&file))?;
        list += &format!("{file} {}\n", helper.path.display());
    }
    write(&staging.join("helpers"), list.as_bytes())?;
    list.clear();
    for program in programs {
        let file = program.name.replace('/', "-");
        strip(&program.path, &staging.join(&file))?;
        let sources = staging.join("sources").join(&program.package);
        if !sources.exists() {
            run(Command::new("cp").arg("-a").arg(&program.directory).arg(&sources))?;
        }
        list += &format!("{} {file} {}\n", program.name, program.directory.display());
    }
    write(&staging.join("list"), list.as_bytes())?;
    let size = output(Command::new("du").args(["-s", "--block-size=1"]).arg(staging))?;
    let size: u64 = size.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(0);
    make_disk(disk, staging, size + size / 4 + (32 << 20))?;
    remove_directory(staging)
}

fn strip(from: &Path, to: &Path) -> Result<()> {
    run(Command::new("strip").arg("-o").arg(to).arg(from))
}

/// All files of this machine that the guest gets: the packages', and the libraries of their programs.
fn root_files() -> Result<BTreeSet<PathBuf>> {
    let listed = output(Command::new("dpkg").arg("-L").args(PACKAGES))?;
    let mut files: BTreeSet<PathBuf> = listed
        .lines()
        .chain(ALTERNATIVES.iter().copied())
        .chain(["/bin/busybox"])
        .map(PathBuf::from)
        .filter(|path| path.is_file())
        .collect();
    let programs: Vec<&PathBuf> =
        files.iter().filter(|path| path.to_string_lossy().contains("bin/")).collect();
    // One call for all; what is a script or static has no libraries, and ldd says so by its status.
    let libraries =
        Command::new("ldd").args(programs).output().map_err(|error| error.to_string())?;
    files.extend(libraries_of(&String::from_utf8_lossy(&libraries.stdout)));
    Ok(files)
}

/// The paths in what ldd prints.
fn libraries_of(text: &str) -> Vec<PathBuf> {
    // A line that ends with a colon names the program itself.
    let words =
        text.split_whitespace().filter(|word| word.starts_with('/') && !word.ends_with(':'));
    words.map(PathBuf::from).collect()
}

/// The files of `wanted` and of all they depend on, each after its dependencies. What is built into
/// the kernel is not in modules.dep.
fn load_order(modules_dep: &str, wanted: &[&str]) -> Vec<String> {
    let name = |file: &str| {
        let last = file.rsplit('/').next().unwrap_or(file);
        last.split('.').next().unwrap_or(last).replace('-', "_")
    };
    let mut order: Vec<String> = Vec::new();
    for line in modules_dep.lines() {
        let Some((file, needs)) = line.split_once(':') else { continue };
        if wanted.contains(&name(file).as_str()) {
            // modules.dep lists the deepest dependency last.
            let needs = needs.split_whitespace().rev().map(String::from);
            order.extend(needs.chain([file.to_string()]));
        }
    }
    let mut seen = BTreeSet::new();
    order.retain(|file| seen.insert(file.clone()));
    order
}

fn read_module(path: &Path) -> Result<Vec<u8>> {
    if path.extension().is_some_and(|extension| extension == "xz") {
        let output = Command::new("xz").arg("-dc").arg(path).output();
        return output.map(|output| output.stdout).map_err(|error| format!("xz: {error}"));
    }
    read(path)
}

/// An ext4 disk with the content of a directory.
pub fn make_disk(disk: &Path, content: &Path, size: u64) -> Result<()> {
    remove_if_there(disk)?;
    let file = fs::File::create(disk).map_err(|error| format!("`{}`: {error}", disk.display()))?;
    file.set_len(size).map_err(|error| error.to_string())?;
    run(Command::new("mke2fs")
        .args([
            "-q",
            "-t",
            "ext4",
            "-E",
            "root_owner=0:0,lazy_itable_init=1,lazy_journal_init=1",
            "-d",
        ])
        .arg(content)
        .arg(disk))
}

/// A cpio archive in the `newc` form that the kernel unpacks
/// (Documentation/driver-api/early-userspace/buffer-format.rst).
#[derive(Default)]
struct Cpio {
    bytes: Vec<u8>,
    count: u32,
}

impl Cpio {
    fn add(&mut self, name: &str, mode: u32, content: &[u8]) {
        self.count += 1;
        let fields = [
            self.count,
            mode,
            0,
            0,
            1,
            0,
            content.len() as u32,
            0,
            0,
            0,
            0,
            name.len() as u32 + 1,
            0,
        ];
        self.bytes.extend(b"070701");
        for field in fields {
            self.bytes.extend(format!("{field:08x}").bytes());
        }
        self.bytes.extend(name.bytes().chain([0]));
        self.pad();
        self.bytes.extend(content);
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    fn finish(mut self) -> Vec<u8> {
        self.add("TRAILER!!!", 0, &[]);
        self.bytes
    }
}

pub fn make_directory(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|error| format!("`{}`: {error}", path.display()))
}

fn remove_directory(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(format!("`{}`: {error}", path.display()))
        }
        _ => Ok(()),
    }
}

fn remove_if_there(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(format!("`{}`: {error}", path.display()))
        }
        _ => Ok(()),
    }
}

fn link(target: &str, path: &Path) -> Result<()> {
    symlink(target, path).map_err(|error| format!("`{}`: {error}", path.display()))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| format!("`{}`: {error}", path.display()))
}

fn write(path: &Path, content: &[u8]) -> Result<()> {
    fs::write(path, content).map_err(|error| format!("`{}`: {error}", path.display()))
}

fn files_of(directory: &Path) -> Result<Vec<PathBuf>> {
    let entries =
        fs::read_dir(directory).map_err(|error| format!("`{}`: {error}", directory.display()))?;
    Ok(entries.flatten().map(|entry| entry.path()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_after_what_they_need() {
        let dep = "kernel/a/virtio_blk.ko.xz: kernel/a/virtio_ring.ko.xz kernel/a/virtio.ko.xz\n\
                   kernel/a/virtio-pci.ko: kernel/a/virtio.ko.xz\nkernel/a/other.ko:\n";
        let order = load_order(dep, &["virtio_pci", "virtio_blk"]);
        let names: Vec<&str> = order.iter().map(|file| &file[9..]).collect();
        assert_eq!(
            names,
            ["virtio.ko.xz", "virtio_ring.ko.xz", "virtio_blk.ko.xz", "virtio-pci.ko"]
        );
    }

    #[test]
    fn what_ldd_prints() {
        let text = "/usr/bin/x:\n\tlinux-vdso.so.1 (0x1)\n\tlibc.so.6 => /lib/libc.so.6 (0x2)\n\t/lib64/ld.so.2 (0x3)\n";
        assert_eq!(libraries_of(text), ["/lib/libc.so.6", "/lib64/ld.so.2"].map(PathBuf::from));
        assert!(libraries_of("\tnot a dynamic executable\n").is_empty());
    }

    #[test]
    fn cpio_is_aligned() {
        let mut archive = Cpio::default();
        archive.add("init", 0o100_755, b"abc");
        let bytes = archive.finish();
        assert!(bytes.len().is_multiple_of(4) && bytes.starts_with(b"07070100000001000081ed"));
    }
}
