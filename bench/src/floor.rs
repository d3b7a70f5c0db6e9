//! The floor: the system calls of a start and nothing else. No image, no record, no monitor, no
//! seccomp; what is above it is the price of being a container platform.
//!
//! ```text
//!  us                                  child
//!  mkdir 8 cgroups, overlay by fds ─►  clone3 with six namespaces
//!  veth, address, route                joins the cgroups, mounts, /dev, pivot_root
//!  one byte ────────────────────────►  exec busybox true
//!  wait, rmdir
//! ```

use crate::Result;
use std::ffi::CString;
use std::fs;
use std::io::{self, PipeReader, Read, Write};
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use teu_kernel::clone::{CloneArgs, NewNamespaces, clone3};
use teu_kernel::exec::{Strings, execve};
use teu_kernel::mount::{
    self, Filesystem, MountAttr, Propagation, attach, pivot_root_here, unmount_lazily,
};
use teu_kernel::{child_fs, libc, netns, wait};
use teu_netlink::link::{self, Veth};
use teu_netlink::{Requests, Socket, address, route};

const CIDR: u8 = 24;
const GATEWAY: Ipv4Addr = Ipv4Addr::new(172, 31, 98, 1);
const INSIDE: Ipv4Addr = Ipv4Addr::new(172, 31, 98, 2);

pub struct Floor {
    directory: PathBuf,
    lower: CString,
    groups: Vec<PathBuf>,
    bridge: String,
    bridge_index: u32,
}

impl Floor {
    pub fn new(directory: &Path, rootfs: &Path) -> Result<Floor> {
        let directory = directory.join("floor");
        fs::create_dir_all(&directory)?;
        let pid = std::process::id();
        let name = format!("teu-bench-floor-{pid}");
        let has_tasks = |path: &Path| path.join("tasks").exists();
        let mut hierarchies: Vec<PathBuf> =
            fs::read_dir("/sys/fs/cgroup")?.flatten().map(|one| one.path()).collect();
        // cpu and cpuacct are links to cpu,cpuacct.
        hierarchies.retain(|path| has_tasks(path) && !path.is_symlink());
        let groups = hierarchies.iter().map(|path| path.join(&name)).collect();
        let bridge = format!("tb{pid}");
        let mut socket = Socket::route()?;
        let mut requests = Requests::new();
        link::new_bridge(&mut requests, &bridge, [2, 0x42, 0, 0, 0, 1], 1500);
        socket.send(&requests)?;
        let made =
            link::find(&mut socket, &bridge)?.ok_or("a bridge that was made is not there")?;
        let mut requests = Requests::new();
        address::add(&mut requests, made.ifindex, GATEWAY, CIDR);
        link::set_up(&mut requests, made.ifindex);
        socket.send(&requests)?;
        let lower = CString::new(rootfs.as_os_str().as_encoded_bytes())?;
        Ok(Floor { directory, lower, groups, bridge, bridge_index: made.ifindex })
    }

    /// One container, from nothing to nothing.
    pub fn run(&self, network: bool) -> Result<()> {
        for group in &self.groups {
            fs::create_dir(group)?;
            // A group without CPUs and memory takes nobody.
            for name in ["cpuset.cpus", "cpuset.mems"] {
                if group.join(name).exists() {
                    fs::write(group.join(name), fs::read(group.join("..").join(name))?)?;
                }
            }
        }
        let (upper, work) = (self.directory.join("upper"), self.directory.join("work"));
        fs::create_dir(&upper)?;
        fs::create_dir(&work)?;
        let path = |path: &Path| CString::new(path.as_os_str().as_encoded_bytes());
        let overlay = Filesystem::open(c"overlay")?;
        overlay.set(c"lowerdir", &self.lower)?.set(c"upperdir", &path(&upper)?)?;
        overlay.set(c"workdir", &path(&work)?)?.flag(c"volatile")?;
        let root = overlay.mount(MountAttr::empty())?;
        let arguments = Strings::new(vec![c"true".into()]);
        let environment = Strings::new(vec![c"PATH=/bin".into()]);
        let (mut gate, mut key) = io::pipe()?;
        let tasks: Vec<PathBuf> = self.groups.iter().map(|group| group.join("tasks")).collect();
        let namespaces = NewNamespaces::MOUNT
            | NewNamespaces::CGROUP
            | NewNamespaces::UTS
            | NewNamespaces::IPC
            | NewNamespaces::PID
            | NewNamespaces::NETWORK;
        let args = CloneArgs { namespaces, ..CloneArgs::default() };
        let mut child = || match become_container(root.as_fd(), &tasks, &mut gate) {
            Err(_) => 71,
            Ok(()) => {
                execve(c"/bin/true", &arguments, &environment);
                72
            }
        };
        let (pid, pidfd) = clone3(&args, &mut child)?;
        drop(root);
        let joined = self.join_network(pid, network);
        key.write_all(b"g")?;
        let ended = wait::wait(pidfd.as_fd())?;
        for group in &self.groups {
            fs::remove_dir(group)?;
        }
        fs::remove_dir_all(&upper)?;
        fs::remove_dir_all(&work)?;
        joined?;
        match ended.shell_status() {
            0 => Ok(()),
            status => Err(format!("the floor's process ended with {status}").into()),
        }
    }

    fn join_network(&self, pid: u32, network: bool) -> Result<()> {
        let inside = fs::File::open(format!("/proc/{pid}/ns/net"))?;
        let home = netns::current()?;
        let mut inner = netns::visit(home.as_fd(), inside.as_fd(), Socket::route)??;
        let mut requests = Requests::new();
        link::set_up(&mut requests, 1);
        if network {
            let mut outer = Socket::route()?;
            let mut cable = Requests::new();
            let host_name = format!("tbv{pid}");
            let veth = Veth {
                host_name: &host_name,
                master: self.bridge_index,
                peer_name: "eth0",
                peer_mac: [2, 0x42, 172, 31, 98, 2],
                peer_netns: inside.as_fd(),
                mtu: 1500,
            };
            link::new_veth(&mut cable, &veth);
            outer.send(&cable)?;
            let ifindex = link::find(&mut inner, "eth0")?.ok_or("no eth0")?.ifindex;
            address::add(&mut requests, ifindex, INSIDE, CIDR);
            link::set_up(&mut requests, ifindex);
            route::add_default(&mut requests, GATEWAY, ifindex);
        }
        Ok(inner.send(&requests)?)
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        let ended = Socket::route().and_then(|mut socket| {
            let mut requests = Requests::new();
            link::delete(&mut requests, self.bridge_index);
            socket.send(&requests)
        });
        if let Err(error) = ended {
            eprintln!("{}: {error}", self.bridge);
        }
    }
}

/// Everything a first process does before it becomes the program.
fn become_container(
    root: BorrowedFd<'_>,
    tasks: &[PathBuf],
    gate: &mut PipeReader,
) -> io::Result<()> {
    for file in tasks {
        fs::write(file, "0")?;
    }
    mount::set_propagation(c"/", Propagation::Slave, true)?;
    let place = mount::open_path(Path::new("/proc"))?;
    // The root is attached somewhere first, because only an attached one can be pivoted to.
    attach(root, place.as_fd())?;
    let top = root;
    let all = MountAttr::NOSUID | MountAttr::NODEV | MountAttr::NOEXEC;
    put(top, c"proc", c"proc", &[], all)?;
    put(top, c"sysfs", c"sys", &[], all | MountAttr::RDONLY)?;
    put(top, c"tmpfs", c"dev", &[(c"mode", c"755")], MountAttr::NOSUID)?;
    let dev = child_fs::directory(top, c"dev", child_fs::Within::NoLinks)?;
    for name in [c"pts", c"mqueue", c"shm"] {
        child_fs::mkdir(dev.as_fd(), name, 0o755)?;
    }
    put(dev.as_fd(), c"devpts", c"pts", &[(c"ptmxmode", c"0666")], MountAttr::NOSUID)?;
    put(dev.as_fd(), c"mqueue", c"mqueue", &[], all)?;
    put(dev.as_fd(), c"tmpfs", c"shm", &[(c"size", c"64m")], all)?;
    let nodes = [(c"null", 3), (c"zero", 5), (c"full", 7), (c"random", 8), (c"urandom", 9)];
    for (name, minor) in nodes {
        child_fs::mknod(dev.as_fd(), name, libc::S_IFCHR | 0o666, 1, minor)?;
    }
    child_fs::change_directory(top)?;
    pivot_root_here()?;
    unmount_lazily(Path::new("."))?;
    child_fs::change_directory_to(c"/")?;
    gate.read_exact(&mut [0])
}

fn put(
    top: BorrowedFd<'_>,
    kind: &std::ffi::CStr,
    name: &std::ffi::CStr,
    options: &[(&std::ffi::CStr, &std::ffi::CStr)],
    attributes: MountAttr,
) -> io::Result<()> {
    let filesystem = Filesystem::open(kind)?;
    for (key, value) in options {
        filesystem.set(key, value)?;
    }
    let place = child_fs::directory(top, name, child_fs::Within::NoLinks)?;
    attach(filesystem.mount(attributes)?.as_fd(), place.as_fd())
}
