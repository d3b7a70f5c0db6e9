//! Limits: memory, processors, processes, block devices. `create`, `run` and `update` alike.

use super::{CreateFlags, Flag, Takes, integer, size, switch};
use teu_model::{DeviceLimit, ResourceRequest};

/// As typed; each definition checks its own form.
#[derive(Clone, Debug, Default)]
pub struct ResourceFlags {
    meant: ResourceRequest,
    /// `--kernel-memory`: no kernel of today has it.
    pub kernel_memory: bool,
}

/// Flags that have these among them.
pub trait HasResources {
    /// Where they are kept.
    fn resources(&mut self) -> &mut ResourceFlags;
}

impl HasResources for CreateFlags {
    fn resources(&mut self) -> &mut ResourceFlags {
        &mut self.resources
    }
}

/// Zero means "not limited", as docker has it.
fn limit(bytes: u64) -> Option<u64> {
    Some(bytes).filter(|bytes| *bytes > 0)
}

fn natural(text: &str) -> Result<u64, String> {
    u64::try_from(integer(text)?).map_err(|_| "it cannot be negative".to_string())
}

const fn memory<T: HasResources>() -> Flag<T> {
    Flag {
        long: "memory",
        short: Some('m'),
        takes: Takes::Value("bytes"),
        doc: "Memory limit: 512m, 2g",
        set: |typed, value| {
            typed.resources().meant.memory_bytes = limit(size(value)?);
            Ok(())
        },
    }
}

const fn memory_reservation<T: HasResources>() -> Flag<T> {
    Flag {
        long: "memory-reservation",
        short: None,
        takes: Takes::Value("bytes"),
        doc: "Memory soft limit",
        set: |typed, value| {
            typed.resources().meant.memory_reservation_bytes = limit(size(value)?);
            Ok(())
        },
    }
}

const fn memory_swap<T: HasResources>() -> Flag<T> {
    Flag {
        long: "memory-swap",
        short: None,
        takes: Takes::Value("bytes"),
        doc: "Limit of memory and swap together; -1 for unlimited swap",
        set: |typed, value| {
            let bytes = match value {
                "-1" => Some(-1),
                _ => limit(size(value)?).map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX)),
            };
            typed.resources().meant.memory_swap_bytes = bytes;
            Ok(())
        },
    }
}

const fn kernel_memory<T: HasResources>() -> Flag<T> {
    Flag {
        long: "kernel-memory",
        short: None,
        takes: Takes::Value("bytes"),
        doc: "Kernel memory limit: deprecated, and ignored",
        set: |typed, value| {
            typed.resources().kernel_memory = size(value)? > 0;
            Ok(())
        },
    }
}

const fn cpus<T: HasResources>() -> Flag<T> {
    Flag {
        long: "cpus",
        short: None,
        takes: Takes::Value("decimal"),
        doc: "Number of CPUs: 0.5, 2",
        set: |typed, value| {
            let nano = nano(value)
                .ok_or("it must be a decimal number with at most nine digits after the point")?;
            typed.resources().meant.nano_cpus = limit(nano);
            Ok(())
        },
    }
}

const fn cpu_shares<T: HasResources>() -> Flag<T> {
    Flag {
        long: "cpu-shares",
        short: Some('c'),
        takes: Takes::Value("int"),
        doc: "CPU shares (relative weight, 1024 is usual)",
        set: |typed, value| {
            typed.resources().meant.cpu_shares = limit(natural(value)?);
            Ok(())
        },
    }
}

const fn cpu_period<T: HasResources>() -> Flag<T> {
    Flag {
        long: "cpu-period",
        short: None,
        takes: Takes::Value("int"),
        doc: "Microseconds in which the CPU quota is counted",
        set: |typed, value| {
            typed.resources().meant.cpu_period_us = limit(natural(value)?);
            Ok(())
        },
    }
}

const fn cpu_quota<T: HasResources>() -> Flag<T> {
    Flag {
        long: "cpu-quota",
        short: None,
        takes: Takes::Value("int"),
        doc: "Microseconds of CPU time in each period; -1 for no limit",
        set: |typed, value| {
            typed.resources().meant.cpu_quota_us = Some(integer(value)?).filter(|us| *us != 0);
            Ok(())
        },
    }
}

const fn cpu_rt_period<T: HasResources>() -> Flag<T> {
    Flag {
        long: "cpu-rt-period",
        short: None,
        takes: Takes::Value("int"),
        doc: "The same for real-time scheduling",
        set: |typed, value| {
            typed.resources().meant.cpu_rt_period_us = limit(natural(value)?);
            Ok(())
        },
    }
}

const fn cpu_rt_runtime<T: HasResources>() -> Flag<T> {
    Flag {
        long: "cpu-rt-runtime",
        short: None,
        takes: Takes::Value("int"),
        doc: "Microseconds of real-time scheduling in each period",
        set: |typed, value| {
            typed.resources().meant.cpu_rt_runtime_us = Some(integer(value)?).filter(|us| *us != 0);
            Ok(())
        },
    }
}

const fn cpuset_cpus<T: HasResources>() -> Flag<T> {
    Flag {
        long: "cpuset-cpus",
        short: None,
        takes: Takes::Value("string"),
        doc: "CPUs in which to allow execution (0-3, 0,1)",
        set: |typed, value| {
            typed.resources().meant.cpuset_cpus = Some(value.to_string()).filter(|v| !v.is_empty());
            Ok(())
        },
    }
}

const fn cpuset_mems<T: HasResources>() -> Flag<T> {
    Flag {
        long: "cpuset-mems",
        short: None,
        takes: Takes::Value("string"),
        doc: "Memory nodes in which to allow execution (0-3, 0,1)",
        set: |typed, value| {
            typed.resources().meant.cpuset_mems = Some(value.to_string()).filter(|v| !v.is_empty());
            Ok(())
        },
    }
}

const fn pids_limit<T: HasResources>() -> Flag<T> {
    Flag {
        long: "pids-limit",
        short: None,
        takes: Takes::Value("int"),
        doc: "Processes and threads at most; -1 for unlimited",
        set: |typed, value| {
            typed.resources().meant.pids = Some(integer(value)?).filter(|n| *n != 0);
            Ok(())
        },
    }
}

const fn blkio_weight<T: HasResources>() -> Flag<T> {
    Flag {
        long: "blkio-weight",
        short: None,
        takes: Takes::Value("uint16"),
        doc: "Block IO (relative weight), between 10 and 1000, or 0 to disable",
        set: |typed, value| {
            let weight = u16::try_from(natural(value)?).map_err(|_| "it is too large")?;
            typed.resources().meant.blkio_weight = Some(weight).filter(|weight| *weight > 0);
            Ok(())
        },
    }
}

const fn cgroup_parent<T: HasResources>() -> Flag<T> {
    Flag {
        long: "cgroup-parent",
        short: None,
        takes: Takes::Value("string"),
        doc: "Parent of the container's control group: /a/b or a-b.slice",
        set: |typed, value| {
            typed.resources().meant.cgroup_parent =
                Some(value.to_string()).filter(|parent| !parent.is_empty());
            Ok(())
        },
    }
}

/// For `update`.
pub const fn update_resources<T: HasResources>() -> [Flag<T>; 15] {
    [
        memory(),
        memory_reservation(),
        memory_swap(),
        kernel_memory(),
        cpus(),
        cpu_shares(),
        cpu_period(),
        cpu_quota(),
        cpu_rt_period(),
        cpu_rt_runtime(),
        cpuset_cpus(),
        cpuset_mems(),
        pids_limit(),
        blkio_weight(),
        cgroup_parent(),
    ]
}

/// For `create` and `run`.
pub const RESOURCES: &[Flag<CreateFlags>] = &[
    memory(),
    memory_reservation(),
    memory_swap(),
    kernel_memory(),
    cpus(),
    cpu_shares(),
    cpu_period(),
    cpu_quota(),
    cpu_rt_period(),
    cpu_rt_runtime(),
    cpuset_cpus(),
    cpuset_mems(),
    pids_limit(),
    blkio_weight(),
    cgroup_parent(),
    Flag {
        long: "memory-swappiness",
        short: None,
        takes: Takes::Value("int"),
        doc: "How readily memory is swapped out (0 to 100)",
        set: |typed, value| {
            let percent = integer(value)?;
            typed.resources.meant.memory_swappiness = match percent {
                -1 => None,
                percent => Some(u64::try_from(percent).map_err(|_| {
                    format!("Invalid value: {percent}, valid memory swappiness range is 0-100")
                })?),
            };
            Ok(())
        },
    },
    Flag {
        long: "oom-kill-disable",
        short: None,
        takes: Takes::Nothing,
        doc: "Disable OOM Killer",
        set: |typed, value| switch(value).map(|on| typed.resources.meant.oom_kill_disable = on),
    },
    Flag {
        long: "blkio-weight-device",
        short: None,
        takes: Takes::Value("list"),
        doc: "Block IO weight (relative device weight): /dev/sda:500",
        set: |typed, value| {
            let device = weight_device(value)?;
            typed.resources.meant.blkio_weight_device.extend(device);
            Ok(())
        },
    },
    Flag {
        long: "device-read-bps",
        short: None,
        takes: Takes::Value("list"),
        doc: "Limit read rate (bytes per second) from a device: /dev/sda:1mb",
        set: |typed, value| {
            typed.resources.meant.device_read_bps.push(bytes_rate(value)?);
            Ok(())
        },
    },
    Flag {
        long: "device-write-bps",
        short: None,
        takes: Takes::Value("list"),
        doc: "Limit write rate (bytes per second) to a device: /dev/sda:1mb",
        set: |typed, value| {
            typed.resources.meant.device_write_bps.push(bytes_rate(value)?);
            Ok(())
        },
    },
    Flag {
        long: "device-read-iops",
        short: None,
        takes: Takes::Value("list"),
        doc: "Limit read rate (IO per second) from a device: /dev/sda:1000",
        set: |typed, value| {
            typed.resources.meant.device_read_iops.push(count_rate(value)?);
            Ok(())
        },
    },
    Flag {
        long: "device-write-iops",
        short: None,
        takes: Takes::Value("list"),
        doc: "Limit write rate (IO per second) to a device: /dev/sda:1000",
        set: |typed, value| {
            typed.resources.meant.device_write_iops.push(count_rate(value)?);
            Ok(())
        },
    },
];

/// docker's words.
pub const KERNEL_MEMORY: &str =
    "Specifying a kernel memory limit is deprecated and will be removed in a future release.";

impl ResourceFlags {
    /// The limits that were meant.
    pub fn resolve(self) -> Result<ResourceRequest, String> {
        Ok(self.meant)
    }
}

/// `/dev/x:value`, with docker's words for what is no such thing.
fn of_device(text: &str) -> Result<(&str, &str), String> {
    let (path, value) = text.split_once(':').ok_or_else(|| format!("bad format: {text}"))?;
    if path.is_empty() || value.contains(':') {
        return Err(format!("bad format: {text}"));
    }
    if !path.starts_with("/dev/") {
        return Err(format!("bad format for device path: {text}"));
    }
    Ok((path, value))
}

fn weight_device(text: &str) -> Result<Option<DeviceLimit>, String> {
    let (path, value) = of_device(text)?;
    let weight = value.parse::<u64>().ok().filter(|n| *n == 0 || (10..=1000).contains(n));
    let value = weight.ok_or_else(|| format!("invalid weight for device: {text}"))?;
    // Zero means "no weight of its own".
    Ok((value > 0).then(|| DeviceLimit { path: path.to_string(), value }))
}

fn bytes_rate(text: &str) -> Result<DeviceLimit, String> {
    let (path, value) = of_device(text)?;
    let value = size(value).map_err(|_| {
        format!("invalid rate for device: {text}. The correct format is <device-path>:<number>[<unit>]. Number must be a positive integer. Unit is optional and can be kb, mb, or gb")
    })?;
    Ok(DeviceLimit { path: path.to_string(), value })
}

fn count_rate(text: &str) -> Result<DeviceLimit, String> {
    let (path, value) = of_device(text)?;
    let value = value.parse().map_err(|_| {
        format!("invalid rate for device: {text}. The correct format is <device-path>:<number>. Number must be a positive integer")
    })?;
    Ok(DeviceLimit { path: path.to_string(), value })
}

/// Billionths, exactly: `0.1` as a binary fraction is not.
fn nano(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|c| c.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty())
        || fraction.len() > 9
        || !digits(whole)
        || !digits(fraction)
    {
        return None;
    }
    let whole = if whole.is_empty() { 0 } else { whole.parse::<u64>().ok()? };
    let fraction = format!("{fraction:0<9}").parse::<u64>().ok()?;
    whole.checked_mul(1_000_000_000)?.checked_add(fraction)
}

#[test]
fn billionths() {
    for (text, expected) in [
        ("1", Some(1_000_000_000)),
        ("0.1", Some(100_000_000)),
        (".5", Some(500_000_000)),
        ("2.", Some(2_000_000_000)),
        ("1.000000001", Some(1_000_000_001)),
        ("", None),
        (".", None),
        ("-1", None),
        ("1e3", None),
        ("1.0000000001", None),
        ("99999999999999999999", None),
    ] {
        assert_eq!(nano(text), expected, "{text}");
    }
}
