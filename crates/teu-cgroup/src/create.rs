//! Makes a group in all hierarchies and sets its limits; changes them later.

use crate::devices::DeviceRules;
use crate::limits::{self, Action, Plan, Setting};
use crate::{CgroupError, Controller, Group, Hierarchy, Mode, Version, device_program, file};
use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use teu_kernel::bpf::DeviceProgram;
use teu_kernel::libc;
use teu_oci::runtime::LinuxResources;

impl Group {
    /// Makes it, and its parents where they are missing. A group of this name that was left empty is
    /// made anew. On failure nothing of it is left.
    pub fn create(&self, resources: &LinuxResources) -> Result<(), CgroupError> {
        let plan = limits::plan(&self.layout, resources)?;
        self.hand_down(&plan)?;
        let mut made = Vec::with_capacity(self.layout.hierarchies.len());
        let result = self.make(&mut made).and_then(|()| self.apply(&plan, true));
        if result.is_err() {
            for dir in made.iter().rev() {
                // The first error is the one to be told.
                drop(fs::remove_dir(dir));
            }
        }
        result
    }

    /// Changes the limits that `resources` names, and no others.
    pub fn update(&self, resources: &LinuxResources) -> Result<(), CgroupError> {
        let plan = limits::plan(&self.layout, resources)?;
        self.hand_down(&plan)?;
        self.apply(&plan, false)
    }

    fn make(&self, made: &mut Vec<PathBuf>) -> Result<(), CgroupError> {
        for hierarchy in &self.layout.hierarchies {
            let dir = self.dir_in(hierarchy);
            match fs::create_dir(&dir) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    make_parents(hierarchy, &self.parent_dir_in(hierarchy))?;
                    mkdir(&dir)?;
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => make_anew(&dir)?,
                Err(source) => return Err(CgroupError::Create { path: dir, source }),
            }
            if is_cpuset_v1(hierarchy) {
                inherit_cpuset(&hierarchy.mount_point, &dir)?;
            }
            made.push(dir);
        }
        Ok(())
    }

    fn apply(&self, plan: &Plan, fresh: bool) -> Result<(), CgroupError> {
        for step in &plan.steps {
            let Some(hierarchy) = self.layout.hierarchies.get(step.hierarchy) else { continue };
            carry_out(&self.dir_in(hierarchy), &step.action)?;
        }
        plan.devices.as_ref().map_or(Ok(()), |rules| self.filter_devices(rules, fresh))
    }

    fn filter_devices(&self, rules: &DeviceRules, fresh: bool) -> Result<(), CgroupError> {
        match self.dir(Controller::Devices) {
            // A fresh group may do all that its parent may, which is the most there is.
            Some(_) if fresh && rules.allow && rules.exceptions.is_empty() => Ok(()),
            Some((Version::V1, dir)) => filter_v1(&dir, rules, fresh),
            Some((Version::V2, dir)) => filter_v2(&dir, rules),
            None => Ok(()),
        }
    }

    /// v2: has every group from the top to the parent hand its controllers down: those that limits were
    /// asked of, and on a machine of v2 alone all others too, for their accounts.
    fn hand_down(&self, plan: &Plan) -> Result<(), CgroupError> {
        let Some(v2) = self.layout.v2() else { return Ok(()) };
        let asked: BTreeSet<&str> =
            plan.steps.iter().filter_map(|step| step.v2_controller.as_deref()).collect();
        let mut wanted = asked.clone();
        if self.layout.mode() == Mode::V2 {
            let ours = ["cpuset", "cpu", "io", "memory", "hugetlb", "pids", "rdma"];
            wanted
                .extend(v2.controllers.iter().map(String::as_str).filter(|one| ours.contains(one)));
        }
        let parent = self.parent_dir_in(v2);
        if wanted.is_empty() || missing(&parent, &wanted).is_ok_and(|missing| missing.is_empty()) {
            return Ok(());
        }
        make_parents(v2, &parent)?;
        for dir in from_top(&v2.mount_point, &parent) {
            enable(dir, &wanted, &asked)?;
        }
        Ok(())
    }
}

/// The directories from the mount point down to `dir`, both included.
fn from_top<'a>(top: &Path, dir: &'a Path) -> Vec<&'a Path> {
    let mut dirs: Vec<&Path> = dir.ancestors().take_while(|one| one.starts_with(top)).collect();
    dirs.reverse();
    dirs
}

/// Which of `wanted` the group `dir` does not hand down yet.
fn missing<'a>(dir: &Path, wanted: &BTreeSet<&'a str>) -> io::Result<Vec<&'a str>> {
    let enabled = file::read_value(&dir.join("cgroup.subtree_control"))?;
    let is_enabled = |name: &&&str| enabled.split_whitespace().any(|one| one == **name);
    Ok(wanted.iter().filter(|name| !is_enabled(name)).copied().collect())
}

/// One by one where all together fail: only one that a limit was asked of must not.
fn enable(dir: &Path, wanted: &BTreeSet<&str>, asked: &BTreeSet<&str>) -> Result<(), CgroupError> {
    let path = dir.join("cgroup.subtree_control");
    let missing =
        missing(dir, wanted).map_err(|source| CgroupError::Read { path: path.clone(), source })?;
    if missing.is_empty() {
        return Ok(());
    }
    let all: Vec<String> = missing.iter().map(|name| format!("+{name}")).collect();
    if file::write_raw(&path, &all.join(" ")).is_ok() {
        return Ok(());
    }
    for name in missing {
        let value = format!("+{name}");
        match file::write_raw(&path, &value) {
            Err(source) if asked.contains(name) => {
                return Err(file::refused(&path, &value, source));
            }
            _ => {}
        }
    }
    Ok(())
}

fn make_parents(hierarchy: &Hierarchy, parent: &Path) -> Result<(), CgroupError> {
    let cpuset = is_cpuset_v1(hierarchy);
    for dir in from_top(&hierarchy.mount_point, parent).into_iter().skip(1) {
        mkdir(dir)?;
        if cpuset {
            inherit_cpuset(&hierarchy.mount_point, dir)?;
            // Their children then begin with their processors, without our reading and writing.
            file::write(&dir.join("cgroup.clone_children"), "1")?;
        }
    }
    Ok(())
}

/// Another command may make the same parent at the same time.
fn mkdir(dir: &Path) -> Result<(), CgroupError> {
    match fs::create_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(source) => Err(CgroupError::Create { path: dir.to_path_buf(), source }),
        Ok(()) => Ok(()),
    }
}

/// What an earlier owner left empty has its limits and counts: away with it.
fn make_anew(dir: &Path) -> Result<(), CgroupError> {
    let made = fs::remove_dir(dir).and_then(|()| fs::create_dir(dir));
    made.map_err(|source| match source.raw_os_error() {
        Some(libc::EBUSY | libc::ENOTEMPTY) => CgroupError::Exists { path: dir.to_path_buf() },
        _ => CgroupError::Create { path: dir.to_path_buf(), source },
    })
}

fn is_cpuset_v1(hierarchy: &Hierarchy) -> bool {
    hierarchy.version == Version::V1 && hierarchy.controllers.iter().any(|one| one == "cpuset")
}

/// A v1 cpuset without processors takes no process: it begins with its parent's. The parent may be
/// without them too, if its maker is just about to give it its own.
fn inherit_cpuset(top: &Path, dir: &Path) -> Result<(), CgroupError> {
    // Below a parent that we made, the kernel has copied them, and this with them.
    if file::read_value(&dir.join("cgroup.clone_children")).is_ok_and(|value| value == "1") {
        return Ok(());
    }
    let Some(parent) = dir.parent().filter(|parent| parent.starts_with(top)) else { return Ok(()) };
    for name in ["cpuset.cpus", "cpuset.mems"] {
        let own = dir.join(name);
        if !file::read(&own)?.trim().is_empty() {
            continue;
        }
        if file::read(&parent.join(name))?.trim().is_empty() {
            inherit_cpuset(top, parent)?;
        }
        file::write(&own, file::read(&parent.join(name))?.trim())?;
    }
    Ok(())
}

fn carry_out(dir: &Path, action: &Action) -> Result<(), CgroupError> {
    let raw = |(name, value): &Setting| file::write_raw(&dir.join(name.as_ref()), value);
    let refused =
        |(name, value): &Setting, source| file::refused(&dir.join(name.as_ref()), value, source);
    let result = match action {
        Action::Write(one) => raw(one).map_err(|source| refused(one, source)),
        Action::WriteIfThere(one) => match raw(one) {
            Err(error) if file::is_gone(&error) => Ok(()),
            other => other.map_err(|source| refused(one, source)),
        },
        Action::EitherOrder(one, other) => match raw(one) {
            Ok(()) => raw(other).map_err(|source| refused(other, source)),
            Err(first) => match raw(other) {
                Ok(()) => raw(one).map_err(|source| refused(one, source)),
                Err(_) => Err(refused(one, first)),
            },
        },
        Action::FirstThatIsThere(all) => {
            let there = |(name, _): &&Setting| dir.join(name.as_ref()).exists();
            match all.iter().find(there).or(all.last()) {
                Some(one) => raw(one).map_err(|source| refused(one, source)),
                None => Ok(()),
            }
        }
        Action::SecondWord((name, value)) => {
            let path = dir.join(name.as_ref());
            let text = file::read(&path)?;
            let first = text.split_whitespace().next().unwrap_or("max");
            file::write(&path, &format!("{first} {value}"))
        }
        Action::Below { file: name, limit } => {
            let current = file::read(&dir.join(name))?.trim().parse().unwrap_or(0);
            if current < *limit { Ok(()) } else { Err(below_use(*limit, current)) }
        }
    };
    result.map_err(|error| with_reason(dir, error))
}

/// v1 says only "busy" when a limit lies below what cannot be given back.
fn with_reason(dir: &Path, error: CgroupError) -> CgroupError {
    match &error {
        CgroupError::Write { path, value, source }
            if source.raw_os_error() == Some(libc::EBUSY)
                && path.ends_with("memory.limit_in_bytes") =>
        {
            let current = file::read_raw(&dir.join("memory.usage_in_bytes")).ok();
            let current = current.and_then(|text| text.trim().parse::<u64>().ok());
            match (value.parse::<u64>(), current) {
                (Ok(limit), Some(current)) if current >= limit => below_use(limit, current),
                _ => error,
            }
        }
        _ => error,
    }
}

fn below_use(limit: u64, current: u64) -> CgroupError {
    CgroupError::Invalid {
        setting: "memory.limit".to_string(),
        value: limit.to_string(),
        why: format!("{current} bytes are in use now"),
    }
}

fn filter_v1(dir: &Path, rules: &DeviceRules, fresh: bool) -> Result<(), CgroupError> {
    let current = match fresh {
        true => None,
        false => DeviceRules::parse_v1_list(&file::read(&dir.join("devices.list"))?),
    };
    let mut open: Option<(&str, File)> = None;
    for (name, rule) in rules.v1_writes(current.as_ref()) {
        let path = dir.join(name);
        let refused = |source| file::refused(&path, &rule, source);
        // Each write is one rule; the file is opened once for all that follow each other.
        let mut to = match open.take() {
            Some((same, file)) if same == name => file,
            _ => OpenOptions::new().write(true).open(&path).map_err(refused)?,
        };
        to.write_all(rule.as_bytes()).map_err(refused)?;
        open = Some((name, to));
    }
    Ok(())
}

/// The new program takes the old one's place in one step: at no time is there none.
fn filter_v2(dir: &Path, rules: &DeviceRules) -> Result<(), CgroupError> {
    let failed = |verb| move |source| filter_error(verb, dir, (source, String::new()));
    let cgroup = File::open(dir).map_err(failed("open"))?;
    let program = DeviceProgram::load(&device_program::assemble(rules))
        .map_err(|error| filter_error("load", dir, error))?;
    let old = DeviceProgram::attached(cgroup.as_fd()).map_err(failed("ask for"))?;
    program.attach(cgroup.as_fd(), old.first()).map_err(failed("attach"))?;
    for superfluous in old.iter().skip(1) {
        superfluous.detach(cgroup.as_fd()).map_err(failed("replace"))?;
    }
    Ok(())
}

fn filter_error(verb: &'static str, dir: &Path, (source, log): (io::Error, String)) -> CgroupError {
    CgroupError::DeviceFilter { verb, path: dir.to_path_buf(), log, source }
}

#[test]
fn parents_are_made_from_the_top() {
    let top = Path::new("/sys/fs/cgroup");
    assert_eq!(
        from_top(top, Path::new("/sys/fs/cgroup/a/b")),
        [top, Path::new("/sys/fs/cgroup/a"), Path::new("/sys/fs/cgroup/a/b")]
    );
    assert_eq!(from_top(top, top), [top]);
}
