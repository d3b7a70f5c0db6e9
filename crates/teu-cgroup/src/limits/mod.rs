//! Resources as asked → writes as the kernel wants them. Pure: whatever this machine cannot keep is
//! refused here, before anything is made.

mod v1;
mod v2;

use crate::devices::DeviceRules;
use crate::{CgroupError, Controller, Layout, Version};
use std::borrow::Cow;
use teu_oci::runtime::LinuxResources;

/// All that a set of resources comes to on one machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// In order.
    pub(crate) steps: Vec<Step>,
    /// What device nodes may be used; `None` if nothing was said.
    pub(crate) devices: Option<DeviceRules>,
}

/// One step, in the group's directory of one hierarchy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// Index into [`Layout::hierarchies`].
    pub(crate) hierarchy: usize,
    /// The v2 controller that must be handed down first.
    pub(crate) v2_controller: Option<String>,
    pub(crate) action: Action,
}

/// A file of the group and what to write into it.
pub(crate) type Setting = (Cow<'static, str>, String);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// The file must be there and take it.
    Write(Setting),
    /// Where there is no such file, what is asked is so anyway.
    WriteIfThere(Setting),
    /// Two values that bound each other: in this order, or in the other if the kernel wants it so.
    EitherOrder(Setting, Setting),
    /// The first file that is there takes it.
    FirstThatIsThere(Vec<Setting>),
    /// Replaces the second word of the file, and keeps the first.
    SecondWord(Setting),
    /// Nothing is written unless this file's number is below the limit that follows.
    Below { file: &'static str, limit: u64 },
}

/// What `resources` come to with `layout`.
pub(crate) fn plan(layout: &Layout, resources: &LinuxResources) -> Result<Plan, CgroupError> {
    let mut steps = Steps { layout, list: Vec::new() };
    if let Some(cpu) = &resources.cpu {
        steps.cpu(cpu)?;
    }
    if let Some(memory) = &resources.memory {
        steps.memory(memory)?;
    }
    if let Some(limit) = resources.pids.as_ref().and_then(|pids| pids.limit) {
        let value = if limit <= 0 { "max".to_string() } else { limit.to_string() };
        let at = steps.at(Controller::Pids, "pids.limit", &value)?;
        steps.write(&at, "pids.max", value);
    }
    if let Some(block_io) = &resources.block_io {
        steps.block_io(block_io)?;
    }
    for huge in &resources.hugepage_limits {
        steps.hugepages(&huge.page_size, huge.limit)?;
    }
    for (device, rdma) in &resources.rdma {
        steps.rdma(device, rdma)?;
    }
    if let Some(network) = &resources.network {
        steps.network(network)?;
    }
    for (file, value) in &resources.unified {
        steps.unified(file, value)?;
    }
    let devices = DeviceRules::of(&resources.devices)?;
    if let (Some(_), None) = (&devices, layout.of(Controller::Devices)) {
        return Err(missing(Controller::Devices, "devices", "a list of rules"));
    }
    Ok(Plan { steps: steps.list, devices })
}

/// Where a setting goes.
struct Place {
    hierarchy: usize,
    version: Version,
    v2_controller: Option<String>,
}

struct Steps<'a> {
    layout: &'a Layout,
    list: Vec<Step>,
}

impl Steps<'_> {
    /// Where `controller` is; the error tells what was asked of it.
    fn at(&self, controller: Controller, setting: &str, value: &str) -> Result<Place, CgroupError> {
        let Some(found) = self.layout.of(controller) else {
            return Err(missing(controller, setting, value));
        };
        let hierarchy = self.layout.hierarchies.iter().position(|one| std::ptr::eq(one, found));
        let v2_controller = match found.version {
            Version::V1 => None,
            Version::V2 => controller.v2_name().map(String::from),
        };
        Ok(Place { hierarchy: hierarchy.unwrap_or(0), version: found.version, v2_controller })
    }

    fn push(&mut self, at: &Place, action: Action) {
        let v2_controller = at.v2_controller.clone();
        self.list.push(Step { hierarchy: at.hierarchy, v2_controller, action });
    }

    fn write(&mut self, at: &Place, file: impl Into<Cow<'static, str>>, value: impl ToString) {
        self.push(at, Action::Write((file.into(), value.to_string())));
    }

    fn cpu(&mut self, cpu: &teu_oci::runtime::LinuxCpu) -> Result<(), CgroupError> {
        let asks_time = cpu.shares.is_some_and(|n| n > 0)
            || cpu.quota.is_some_and(|n| n != 0)
            || cpu.period.is_some_and(|n| n > 0)
            || cpu.burst.is_some()
            || cpu.idle.is_some()
            || cpu.realtime_runtime.is_some_and(|n| n != 0)
            || cpu.realtime_period.is_some_and(|n| n > 0);
        if asks_time {
            let (setting, value) = name_cpu(cpu);
            let at = self.at(Controller::Cpu, setting, &value)?;
            match at.version {
                Version::V1 => v1::cpu(self, &at, cpu),
                Version::V2 => v2::cpu(self, &at, cpu)?,
            }
        }
        for (list, setting, file) in
            [(&cpu.cpus, "cpu.cpus", "cpuset.cpus"), (&cpu.mems, "cpu.mems", "cpuset.mems")]
        {
            if let Some(list) = list.as_deref().filter(|list| !list.is_empty()) {
                let at = self.at(Controller::Cpuset, setting, list)?;
                self.write(&at, file, list);
            }
        }
        Ok(())
    }

    fn memory(&mut self, memory: &teu_oci::runtime::LinuxMemory) -> Result<(), CgroupError> {
        let asked = [
            ("memory.limit", memory.limit),
            ("memory.swap", memory.swap),
            ("memory.reservation", memory.reservation),
            ("memory.kernelTCP", memory.kernel_tcp),
            ("memory.swappiness", memory.swappiness.and_then(|n| i64::try_from(n).ok())),
            (
                "memory.disableOOMKiller",
                memory.disable_oom_killer.map(i64::from).filter(|&n| n > 0),
            ),
        ];
        let nonzero = |(setting, value): &(&'static str, Option<i64>)| {
            value.filter(|&n| n != 0 || *setting == "memory.swappiness").map(|n| (*setting, n))
        };
        let Some((setting, value)) = asked.iter().find_map(nonzero) else { return Ok(()) };
        let at = self.at(Controller::Memory, setting, &value.to_string())?;
        match at.version {
            Version::V1 => v1::memory(self, &at, memory),
            Version::V2 => v2::memory(self, &at, memory),
        }
    }

    fn block_io(&mut self, block_io: &teu_oci::runtime::LinuxBlockIo) -> Result<(), CgroupError> {
        if *block_io == teu_oci::runtime::LinuxBlockIo::default() {
            return Ok(());
        }
        let at = self.at(Controller::Blkio, "blockIO", "weights or limits")?;
        match at.version {
            Version::V1 => v1::block_io(self, &at, block_io),
            Version::V2 => v2::block_io(self, &at, block_io),
        }
        Ok(())
    }

    fn hugepages(&mut self, page_size: &str, limit: u64) -> Result<(), CgroupError> {
        let setting = format!("hugepageLimits of {page_size}");
        if page_size.is_empty() || !page_size.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(invalid(&setting, limit, "a page size is written like 2MB or 1GB"));
        }
        let at = self.at(Controller::Hugetlb, &setting, &limit.to_string())?;
        let file = match at.version {
            Version::V1 => "limit_in_bytes",
            Version::V2 => "max",
        };
        self.write(&at, format!("hugetlb.{page_size}.{file}"), limit);
        // Reserved pages are counted apart since Linux 5.7.
        let reserved = format!("hugetlb.{page_size}.rsvd.{file}");
        self.push(&at, Action::WriteIfThere((reserved.into(), limit.to_string())));
        Ok(())
    }

    fn rdma(
        &mut self,
        device: &str,
        rdma: &teu_oci::runtime::LinuxRdma,
    ) -> Result<(), CgroupError> {
        let mut value = device.to_string();
        for (key, count) in [("hca_handle", rdma.hca_handles), ("hca_object", rdma.hca_objects)] {
            if let Some(count) = count {
                value.push_str(&format!(" {key}={count}"));
            }
        }
        let at = self.at(Controller::Rdma, "rdma", &value)?;
        self.write(&at, "rdma.max", value);
        Ok(())
    }

    fn network(
        &mut self,
        network: &teu_oci::runtime::LinuxNetworkResources,
    ) -> Result<(), CgroupError> {
        if let Some(class) = network.class_id.filter(|&class| class != 0) {
            let at = self.at(Controller::NetCls, "network.classID", &class.to_string())?;
            self.write(&at, "net_cls.classid", class);
        }
        for priority in &network.priorities {
            let value = format!("{} {}", priority.name, priority.priority);
            let at = self.at(Controller::NetPrio, "network.priorities", &value)?;
            self.write(&at, "net_prio.ifpriomap", value);
        }
        Ok(())
    }

    /// A file of v2 as the caller named it.
    fn unified(&mut self, file: &str, value: &str) -> Result<(), CgroupError> {
        let setting = format!("unified `{file}`");
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
        let controller = file.split_once('.').map(|(controller, _)| controller);
        let Some(controller) =
            controller.filter(|one| !one.is_empty() && file.bytes().all(allowed))
        else {
            return Err(invalid(&setting, value, "it is not the name of a file of cgroup v2"));
        };
        if matches!(file, "cgroup.procs" | "cgroup.threads") {
            return Err(invalid(&setting, value, "it moves processes, and limits nothing"));
        }
        let v2 = self.layout.hierarchies.iter().position(|one| one.version == Version::V2);
        let hierarchy = v2.filter(|&at| {
            let has = &self.layout.hierarchies[at].controllers;
            controller == "cgroup" || has.iter().any(|one| one == controller)
        });
        let Some(hierarchy) = hierarchy else {
            let why = format!("cgroup v2 has no controller `{controller}` on this machine");
            return Err(invalid(&setting, value, &why));
        };
        let v2_controller = (controller != "cgroup").then(|| controller.to_string());
        let at = Place { hierarchy, version: Version::V2, v2_controller };
        self.write(&at, file.to_string(), value);
        Ok(())
    }
}

/// One of the settings that were asked, to be named in an error.
fn name_cpu(cpu: &teu_oci::runtime::LinuxCpu) -> (&'static str, String) {
    if let Some(shares) = cpu.shares.filter(|&n| n > 0) {
        ("cpu.shares", shares.to_string())
    } else if let Some(quota) = cpu.quota.filter(|&n| n != 0) {
        ("cpu.quota", quota.to_string())
    } else if let Some(period) = cpu.period.filter(|&n| n > 0) {
        ("cpu.period", period.to_string())
    } else if let Some(burst) = cpu.burst {
        ("cpu.burst", burst.to_string())
    } else if let Some(idle) = cpu.idle {
        ("cpu.idle", idle.to_string())
    } else {
        ("cpu.realtimeRuntime", cpu.realtime_runtime.unwrap_or_default().to_string())
    }
}

fn missing(controller: Controller, setting: &str, value: &str) -> CgroupError {
    let (setting, value) = (setting.to_string(), value.to_string());
    CgroupError::MissingController { controller, setting, value }
}

fn invalid(setting: &str, value: impl ToString, why: &str) -> CgroupError {
    let (setting, value, why) = (setting.to_string(), value.to_string(), why.to_string());
    CgroupError::Invalid { setting, value, why }
}

#[cfg(test)]
mod tests;
