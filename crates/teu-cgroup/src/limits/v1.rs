//! Limits in the files of v1.

use super::{Action, Place, Setting, Steps, invalid};
use crate::CgroupError;
use teu_oci::runtime::{LinuxBlockIo, LinuxCpu, LinuxMemory};

pub(super) fn cpu(steps: &mut Steps<'_>, at: &Place, cpu: &LinuxCpu) {
    if let Some(shares) = cpu.shares.filter(|&n| n > 0) {
        steps.write(at, "cpu.shares", shares);
    }
    let period = cpu.period.filter(|&n| n > 0).map(|n| setting("cpu.cfs_period_us", n));
    let quota = cpu.quota.filter(|&n| n != 0).map(|n| setting("cpu.cfs_quota_us", n));
    both_or_one(steps, at, period, quota);
    let period = cpu.realtime_period.filter(|&n| n > 0).map(|n| setting("cpu.rt_period_us", n));
    let runtime = cpu.realtime_runtime.filter(|&n| n != 0).map(|n| setting("cpu.rt_runtime_us", n));
    both_or_one(steps, at, period, runtime);
    if let Some(burst) = cpu.burst {
        steps.write(at, "cpu.cfs_burst_us", burst);
    }
    if let Some(idle) = cpu.idle {
        steps.write(at, "cpu.idle", idle);
    }
}

pub(super) fn memory(
    steps: &mut Steps<'_>,
    at: &Place,
    memory: &LinuxMemory,
) -> Result<(), CgroupError> {
    let limit = memory.limit.filter(|&n| n != 0);
    // No limit of memory and one of memory and swap would contradict each other.
    let swap = memory.swap.filter(|&n| n != 0).or(limit.filter(|&n| n == -1));
    if let (Some(limit @ 1..), Some(swap @ 1..)) = (limit, swap)
        && swap < limit
    {
        return Err(invalid("memory.swap", swap, "it counts memory too, and is below its limit"));
    }
    let asked_swap = memory.swap.is_some_and(|n| n != 0);
    let limit = limit.map(|n| setting("memory.limit_in_bytes", n));
    let swap = swap.map(|n| setting("memory.memsw.limit_in_bytes", n));
    match (limit, swap) {
        // Not asked, and without the file there is nothing to lift.
        (Some(limit), Some(swap)) if !asked_swap => {
            steps.push(at, Action::WriteIfThere(swap));
            steps.push(at, Action::Write(limit));
        }
        (limit, swap) => both_or_one(steps, at, limit, swap),
    }
    if let Some(reservation) = memory.reservation.filter(|&n| n != 0) {
        steps.write(at, "memory.soft_limit_in_bytes", reservation);
    }
    if let Some(buffers) = memory.kernel_tcp.filter(|&n| n != 0) {
        steps.write(at, "memory.kmem.tcp.limit_in_bytes", buffers);
    }
    if memory.disable_oom_killer == Some(true) {
        steps.write(at, "memory.oom_control", 1);
    }
    if let Some(swappiness) = memory.swappiness {
        if swappiness > 100 {
            return Err(invalid("memory.swappiness", swappiness, "it goes from 0 to 100"));
        }
        steps.write(at, "memory.swappiness", swappiness);
    }
    Ok(())
}

pub(super) fn block_io(steps: &mut Steps<'_>, at: &Place, io: &LinuxBlockIo) {
    // CFQ's files until Linux 4.20, BFQ's since.
    let mut weight = |file: &'static str, value: String| {
        let bfq = file.replace("blkio.", "blkio.bfq.");
        let both = vec![(file.into(), value.clone()), (bfq.into(), value)];
        steps.push(at, Action::FirstThatIsThere(both));
    };
    if let Some(all) = io.weight.filter(|&n| n > 0) {
        weight("blkio.weight", all.to_string());
    }
    for device in &io.weight_device {
        if let Some(own) = device.weight.filter(|&n| n > 0) {
            let value = format!("{}:{} {own}", device.major, device.minor);
            weight("blkio.weight_device", value);
        }
    }
    if let Some(leaf) = io.leaf_weight.filter(|&n| n > 0) {
        steps.write(at, "blkio.leaf_weight", leaf);
    }
    for device in &io.weight_device {
        if let Some(leaf) = device.leaf_weight.filter(|&n| n > 0) {
            let value = format!("{}:{} {leaf}", device.major, device.minor);
            steps.write(at, "blkio.leaf_weight_device", value);
        }
    }
    for (limits, file) in [
        (&io.throttle_read_bps_device, "blkio.throttle.read_bps_device"),
        (&io.throttle_write_bps_device, "blkio.throttle.write_bps_device"),
        (&io.throttle_read_iops_device, "blkio.throttle.read_iops_device"),
        (&io.throttle_write_iops_device, "blkio.throttle.write_iops_device"),
    ] {
        for limit in limits {
            steps.write(at, file, format!("{}:{} {}", limit.major, limit.minor, limit.rate));
        }
    }
}

fn setting(file: &'static str, value: impl ToString) -> Setting {
    (file.into(), value.to_string())
}

fn both_or_one(steps: &mut Steps<'_>, at: &Place, one: Option<Setting>, other: Option<Setting>) {
    match (one, other) {
        (Some(one), Some(other)) => steps.push(at, Action::EitherOrder(one, other)),
        (Some(only), None) | (None, Some(only)) => steps.push(at, Action::Write(only)),
        (None, None) => {}
    }
}
