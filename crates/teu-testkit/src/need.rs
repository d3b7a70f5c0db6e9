//! A test that needs the machine says so; a skip is seen; CI forbids skips (`TEU_TEST_NEEDS=all`).

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What a test may need from the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// User id 0.
    Root,
    /// A pure cgroup v2 tree at /sys/fs/cgroup.
    CgroupV2,
    /// At least one cgroup v1 controller.
    CgroupV1,
    /// A program in the usual directories.
    Program(&'static str),
}

/// True when the test can run. `TEU_TEST_NEEDS=all` turns a skip into a failure, except for the
/// cgroup versions, of which a machine has one or the other.
pub fn have(need: Need) -> bool {
    let met = match need {
        Need::Root => fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0),
        Need::CgroupV2 => Path::new("/sys/fs/cgroup/cgroup.controllers").exists(),
        Need::CgroupV1 => fs::read_to_string("/proc/self/mountinfo")
            .is_ok_and(|mounts| mounts.contains(" - cgroup ")),
        Need::Program(name) => {
            ["/usr/local/bin", "/usr/local/sbin", "/usr/bin", "/usr/sbin", "/bin", "/sbin"]
                .iter()
                .any(|directory| Path::new(directory).join(name).exists())
        }
    };
    if !met {
        let strict = std::env::var_os("TEU_TEST_NEEDS").is_some()
            && !matches!(need, Need::CgroupV1 | Need::CgroupV2);
        assert!(!strict, "this machine lacks {need:?}, and TEU_TEST_NEEDS asks for all");
        eprintln!("SKIPPED: needs {need:?}");
    }
    met
}
