//! Limits in docker's field names: a part of `HostConfig`.

use serde_json::{Value, json};
use teu_model::{DeviceLimit, ResourceRequest};

/// The fields of `HostConfig` that are limits.
pub fn value(resources: &ResourceRequest) -> Value {
    let doubled =
        resources.memory_bytes.and_then(|bytes| i64::try_from(bytes).ok()?.checked_mul(2));
    json!({
        "Memory": resources.memory_bytes.unwrap_or(0),
        "MemoryReservation": resources.memory_reservation_bytes.unwrap_or(0),
        // As much swap as memory, where nothing is said.
        "MemorySwap": resources.memory_swap_bytes.or(doubled).unwrap_or(0),
        "NanoCpus": resources.nano_cpus.unwrap_or(0),
        "CpuShares": resources.cpu_shares.unwrap_or(0),
        "CpusetCpus": resources.cpuset_cpus.clone().unwrap_or_default(),
        "CpusetMems": resources.cpuset_mems.clone().unwrap_or_default(),
        "PidsLimit": resources.pids,
        "CpuPeriod": resources.cpu_period_us.unwrap_or(0),
        "CpuQuota": resources.cpu_quota_us.unwrap_or(0),
        "CpuRealtimePeriod": resources.cpu_rt_period_us.unwrap_or(0),
        "CpuRealtimeRuntime": resources.cpu_rt_runtime_us.unwrap_or(0),
        "KernelMemory": 0,
        "MemorySwappiness": resources.memory_swappiness,
        "OomKillDisable": resources.oom_kill_disable,
        "CgroupParent": resources.cgroup_parent.clone().unwrap_or_default(),
        "BlkioWeight": resources.blkio_weight.unwrap_or(0),
        "BlkioWeightDevice": device_limits(&resources.blkio_weight_device, "Weight"),
        "BlkioDeviceReadBps": device_limits(&resources.device_read_bps, "Rate"),
        "BlkioDeviceWriteBps": device_limits(&resources.device_write_bps, "Rate"),
        "BlkioDeviceReadIOps": device_limits(&resources.device_read_iops, "Rate"),
        "BlkioDeviceWriteIOps": device_limits(&resources.device_write_iops, "Rate"),
    })
}

fn device_limits(limits: &[DeviceLimit], name: &str) -> Vec<Value> {
    limits.iter().map(|limit| json!({ "Path": limit.path, name: limit.value })).collect()
}
