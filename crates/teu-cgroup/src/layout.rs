//! Which hierarchies this machine has, and where they are mounted.

use crate::{CgroupError, file};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::{Path, PathBuf};

/// A resource controller, by its v1 name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the kernel's names")]
pub enum Controller {
    Blkio,
    Cpu,
    Cpuacct,
    Cpuset,
    Devices,
    Freezer,
    Hugetlb,
    Memory,
    NetCls,
    NetPrio,
    Pids,
    Rdma,
}

impl Controller {
    /// As v1 names it.
    pub fn name(self) -> &'static str {
        match self {
            Controller::Blkio => "blkio",
            Controller::Cpu => "cpu",
            Controller::Cpuacct => "cpuacct",
            Controller::Cpuset => "cpuset",
            Controller::Devices => "devices",
            Controller::Freezer => "freezer",
            Controller::Hugetlb => "hugetlb",
            Controller::Memory => "memory",
            Controller::NetCls => "net_cls",
            Controller::NetPrio => "net_prio",
            Controller::Pids => "pids",
            Controller::Rdma => "rdma",
        }
    }

    /// As v2's `cgroup.controllers` names it. `None`: v2 has no controller for it.
    pub fn v2_name(self) -> Option<&'static str> {
        match self {
            Controller::Blkio => Some("io"),
            Controller::Cpuacct => Some("cpu"),
            Controller::Devices
            | Controller::Freezer
            | Controller::NetCls
            | Controller::NetPrio => None,
            other => Some(other.name()),
        }
    }
}

impl fmt::Display for Controller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Version of a hierarchy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Version {
    /// One hierarchy for each controller, or for several together.
    V1,
    /// The unified hierarchy.
    V2,
}

/// Which versions a machine has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// v1 only.
    V1,
    /// v2 only.
    V2,
    /// Both, side by side.
    Hybrid,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Mode::V1 => "v1",
            Mode::V2 => "v2",
            Mode::Hybrid => "hybrid",
        })
    }
}

/// One mounted hierarchy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hierarchy {
    /// Its version.
    pub version: Version,
    /// Where it is mounted.
    pub mount_point: PathBuf,
    /// Its controllers in the kernel's words, for v1 with `name=…` of a named hierarchy, as its mount
    /// options have them; for v2 those that it could hand down.
    pub controllers: Vec<String>,
    /// Where in it this process is: `/proc/self/cgroup`.
    pub own: String,
}

/// All hierarchies of this machine. Serialisable: whoever is told it need not discover it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// The v2 hierarchy first, where there is one; then those of v1 as they were mounted.
    pub hierarchies: Vec<Hierarchy>,
}

impl Layout {
    /// Asks `/proc/self/mountinfo` and `/proc/self/cgroup`.
    pub fn discover() -> Result<Layout, CgroupError> {
        let memberships = file::read(Path::new("/proc/self/cgroup"))?;
        // Hundreds of containers have as many mounts, and to list them takes milliseconds: so where every
        // hierarchy lies where all systems put it, nobody looks through them.
        let mut layout = match usual(&memberships, &teu_kernel::cgroupfs::whole_hierarchy) {
            Some(layout) => layout,
            None => parse(&file::read(Path::new("/proc/self/mountinfo"))?, &memberships),
        };
        for hierarchy in layout.hierarchies.iter_mut().filter(|one| one.version == Version::V2) {
            let text = file::read(&hierarchy.mount_point.join("cgroup.controllers"))?;
            hierarchy.controllers = text.split_whitespace().map(str::to_string).collect();
        }
        if layout.hierarchies.is_empty() { Err(CgroupError::NoHierarchy) } else { Ok(layout) }
    }

    /// v1, v2, or both.
    pub fn mode(&self) -> Mode {
        let has = |version| self.hierarchies.iter().any(|one| one.version == version);
        match (has(Version::V1), has(Version::V2)) {
            (true, true) => Mode::Hybrid,
            (true, false) => Mode::V1,
            _ => Mode::V2,
        }
    }

    /// The v2 hierarchy, alone or beside v1.
    pub fn v2(&self) -> Option<&Hierarchy> {
        self.hierarchies.iter().find(|one| one.version == Version::V2)
    }

    /// The hierarchy that has `controller`. Devices and freezer are no controllers of v2, which filters
    /// devices by eBPF and freezes by itself: where v1 has none, the v2 hierarchy is the answer.
    pub fn of(&self, controller: Controller) -> Option<&Hierarchy> {
        let v1 = self.hierarchies.iter().find(|one| {
            one.version == Version::V1
                && one.controllers.iter().any(|name| name == controller.name())
        });
        v1.or_else(|| {
            self.v2().filter(|v2| match controller.v2_name() {
                Some(name) => v2.controllers.iter().any(|have| have == name),
                None => matches!(controller, Controller::Devices | Controller::Freezer),
            })
        })
    }

    /// Whether block devices can be shared by weight: by BFQ alone in v1, by one or the other file in v2.
    pub fn has_block_weight(&self) -> bool {
        let Some(block) = self.of(Controller::Blkio) else { return false };
        match block.version {
            // The top has no file of weights, but what BFQ counts.
            Version::V1 => block.mount_point.join("blkio.bfq.io_service_bytes").exists(),
            // The top has no such file; some kernel of each distribution has one of the two below it.
            Version::V2 => true,
        }
    }

    /// Whether real-time scheduling can be limited (v1, and few kernels).
    pub fn has_real_time(&self) -> bool {
        self.of(Controller::Cpu)
            .is_some_and(|cpu| cpu.mount_point.join("cpu.rt_runtime_us").exists())
    }

    /// Whether memory and swap can be limited together on this machine.
    pub fn has_swap_limit(&self) -> bool {
        let Some(memory) = self.of(Controller::Memory) else { return false };
        match memory.version {
            Version::V1 => memory.mount_point.join("memory.memsw.limit_in_bytes").exists(),
            // The top has no such file. Since Linux 6.1 only a kernel without swap lacks it.
            Version::V2 => Path::new("/proc/swaps").exists(),
        }
    }
}

/// The hierarchies of `memberships` where each lies in its usual place: v2 alone on /sys/fs/cgroup or beside
/// v1 on `unified`, those of v1 by their controllers or their name. `whole`: the version of the hierarchy whose
/// top a directory is.
pub(crate) fn usual(memberships: &str, whole: &dyn Fn(&Path) -> Option<u8>) -> Option<Layout> {
    let top = Path::new("/sys/fs/cgroup");
    let alone = memberships.lines().count() == 1;
    // The kernel tells the youngest first.
    let hierarchies = memberships.lines().rev().map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, own) = (fields.next()?, fields.next()?);
        let (version, mount_point) = match controllers {
            "" if alone => (Version::V2, top.to_path_buf()),
            "" => (Version::V2, top.join("unified")),
            named => (Version::V1, top.join(named.strip_prefix("name=").unwrap_or(named))),
        };
        let number = if version == Version::V1 { 1 } else { 2 };
        let controllers = controllers.split(',').filter(|c| !c.is_empty()).map(String::from);
        (whole(&mount_point) == Some(number)).then(|| Hierarchy {
            version,
            mount_point,
            controllers: controllers.collect(),
            own: own.to_string(),
        })
    });
    let mut hierarchies = hierarchies.collect::<Option<Vec<Hierarchy>>>()?;
    hierarchies.sort_by_key(|one| one.version == Version::V1);
    Some(Layout { hierarchies })
}

/// The hierarchies that `mountinfo` shows, each once, with this process's places in them.
pub(crate) fn parse(mountinfo: &str, memberships: &str) -> Layout {
    let mut hierarchies: Vec<(String, bool, Hierarchy)> = Vec::new();
    for mount in mountinfo.lines().filter_map(parse_mount) {
        let Some(hierarchy) = membership(memberships, &mount) else { continue };
        let whole = mount.root == "/";
        // The same hierarchy may be mounted several times, in part too: the first whole one counts.
        match hierarchies.iter_mut().find(|(device, ..)| *device == mount.device) {
            Some((_, known_whole, known)) if whole && !*known_whole => {
                (*known_whole, *known) = (true, hierarchy);
            }
            Some(_) => {}
            None => hierarchies.push((mount.device.to_string(), whole, hierarchy)),
        }
    }
    let mut hierarchies: Vec<Hierarchy> = hierarchies.into_iter().map(|(.., one)| one).collect();
    hierarchies.sort_by_key(|one| one.version == Version::V1);
    Layout { hierarchies }
}

struct Mount<'a> {
    device: &'a str,
    root: &'a str,
    mount_point: PathBuf,
    version: Version,
    options: &'a str,
}

/// One line of mountinfo, if it is a cgroup mount: `id parent dev root point opts … - type src super`.
fn parse_mount(line: &str) -> Option<Mount<'_>> {
    let (before, after) = line.split_once(" - ")?;
    let mut after = after.split(' ');
    let version = match after.next()? {
        "cgroup" => Version::V1,
        "cgroup2" => Version::V2,
        _ => return None,
    };
    let options = after.nth(1)?;
    let mut before = before.split(' ').skip(2);
    let (device, root, point) = (before.next()?, before.next()?, before.next()?);
    Some(Mount { device, root, mount_point: unescape(point), version, options })
}

/// The line of `/proc/self/cgroup` (`id:controllers:path`) that is the mount's.
fn membership(memberships: &str, mount: &Mount<'_>) -> Option<Hierarchy> {
    let has_option = |name: &str| mount.options.split(',').any(|option| option == name);
    memberships.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, own) = (fields.next()?, fields.next()?);
        let fits = match mount.version {
            Version::V2 => controllers.is_empty(),
            Version::V1 => !controllers.is_empty() && controllers.split(',').all(has_option),
        };
        fits.then(|| Hierarchy {
            version: mount.version,
            mount_point: mount.mount_point.clone(),
            controllers: controllers
                .split(',')
                .filter(|c| !c.is_empty())
                .map(String::from)
                .collect(),
            own: own.to_string(),
        })
    })
}

/// Space, tab, line end and backslash stand as `\040`, `\011`, `\012`, `\134`.
fn unescape(text: &str) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let digits = text.get(at + 1..at + 4).filter(|_| byte == b'\\');
        match digits.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(escaped) => {
                out.push(escaped);
                at += 4;
            }
            None => {
                out.push(byte);
                at += 1;
            }
        }
    }
    PathBuf::from(std::ffi::OsString::from_vec(out))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    const HYBRID_MOUNTS: &str = "\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
36 31 0:33 /docker/x /mnt/part rw - cgroup cgroup rw,devices
37 31 0:33 / /sys/fs/cgroup/devices rw,relatime - cgroup cgroup rw,devices
38 31 0:33 / /mnt/again rw,relatime - cgroup cgroup rw,devices
40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,release_agent=/x,name=systemd
41 31 0:38 / /sys/fs/cgroup/uni\\040fied rw,relatime - cgroup2 cgroup2 rw,nsdelegate
garbage
";
    const HYBRID_MEMBERSHIPS: &str = "\
9:name=systemd:/
5:devices:/
4:memory:/a:b/c
1:cpu,cpuacct:/
0::/user.slice
";

    /// v1 and v2 side by side, `hugetlb` on v2.
    pub(crate) fn hybrid() -> Layout {
        let mut layout = parse(HYBRID_MOUNTS, HYBRID_MEMBERSHIPS);
        layout.hierarchies[0].controllers = vec!["hugetlb".to_string()];
        layout
    }

    /// v2 alone, with all controllers.
    pub(crate) fn pure_v2() -> Layout {
        let line = "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n";
        let mut layout = parse(line, "0::/x\n");
        let all = "cpuset cpu io memory hugetlb pids rdma misc";
        layout.hierarchies[0].controllers = all.split(' ').map(String::from).collect();
        layout
    }

    #[test]
    fn both_versions_side_by_side() {
        let layout = hybrid();
        assert_eq!(layout.mode(), Mode::Hybrid);
        let place = |controller| layout.of(controller).map(|one| one.mount_point.to_str().unwrap());
        assert_eq!(place(Controller::Cpu), Some("/sys/fs/cgroup/cpu,cpuacct"));
        assert_eq!(place(Controller::Cpuacct), Some("/sys/fs/cgroup/cpu,cpuacct"));
        assert_eq!(place(Controller::Devices), Some("/sys/fs/cgroup/devices"));
        assert_eq!(place(Controller::Hugetlb), Some("/sys/fs/cgroup/uni fied"));
        assert_eq!(place(Controller::Freezer), Some("/sys/fs/cgroup/uni fied"));
        assert_eq!(place(Controller::Pids), None);
        assert_eq!(layout.of(Controller::Memory).unwrap().own, "/a:b/c");
        assert_eq!(layout.hierarchies.len(), 5);
        assert_eq!(layout.hierarchies[0].version, Version::V2);
        assert_eq!(layout.hierarchies.last().unwrap().controllers, ["name=systemd"]);
    }

    #[test]
    fn v2_alone() {
        let layout = pure_v2();
        assert_eq!(layout.mode(), Mode::V2);
        assert!(layout.of(Controller::Blkio).is_some());
        assert!(layout.of(Controller::Devices).is_some());
        assert!(layout.of(Controller::NetCls).is_none());
    }

    #[test]
    fn nothing_mounted_or_nonsense() {
        for text in ["", "x", "1 2 3 - cgroup", "1 2 0:1 / /x rw - cgroup2", " - cgroup a b"] {
            assert!(parse(text, "0::/\n").hierarchies.is_empty(), "{text}");
        }
        assert_eq!(unescape("a\\134b\\04"), PathBuf::from("a\\b\\04"));
    }

    #[test]
    fn usual_places() {
        let v1_and_v2 = "3:name=systemd:/\n2:cpu,cpuacct:/x\n0::/y\n";
        let tops = |path: &Path| match path.to_str()? {
            "/sys/fs/cgroup" | "/sys/fs/cgroup/unified" => Some(2),
            "/sys/fs/cgroup/systemd" | "/sys/fs/cgroup/cpu,cpuacct" => Some(1),
            _ => None,
        };
        let layout = usual(v1_and_v2, &tops).unwrap();
        let told = layout.hierarchies.iter().map(|one| {
            format!("{} {} {}", one.mount_point.display(), one.controllers.join(","), one.own)
        });
        assert_eq!(
            told.collect::<Vec<_>>(),
            [
                "/sys/fs/cgroup/unified  /y",
                "/sys/fs/cgroup/cpu,cpuacct cpu,cpuacct /x",
                "/sys/fs/cgroup/systemd name=systemd /",
            ]
        );
        assert_eq!(
            usual("0::/y\n", &tops).unwrap().hierarchies[0].mount_point,
            Path::new("/sys/fs/cgroup")
        );
        // One that lies elsewhere, or is not mounted at all: then all mounts are looked at.
        assert_eq!(usual("2:memory:/\n0::/\n", &tops), None);
        assert_eq!(usual(v1_and_v2, &|_| Some(2)), None);
    }

    #[test]
    fn what_is_usual_here_is_what_is_mounted() {
        let read = |name: &str| std::fs::read_to_string(format!("/proc/self/{name}")).unwrap();
        if let Some(usual) = usual(&read("cgroup"), &teu_kernel::cgroupfs::whole_hierarchy) {
            assert_eq!(usual, parse(&read("mountinfo"), &read("cgroup")));
        }
    }
}
