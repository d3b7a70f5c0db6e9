//! Limits in the files of v2. OCI's numbers are v1's: they are converted as runc does it, so that a
//! container weighs the same under both.

use super::{Action, Place, Steps, invalid};
use crate::CgroupError;
use teu_oci::runtime::{LinuxBlockIo, LinuxCpu, LinuxMemory, LinuxThrottleDevice};

pub(super) fn cpu(steps: &mut Steps<'_>, at: &Place, cpu: &LinuxCpu) -> Result<(), CgroupError> {
    if let Some(runtime) = cpu.realtime_runtime.filter(|&n| n != 0) {
        return Err(unsupported("cpu.realtimeRuntime", runtime));
    }
    if let Some(period) = cpu.realtime_period.filter(|&n| n != 0) {
        return Err(unsupported("cpu.realtimePeriod", period));
    }
    if let Some(idle) = cpu.idle {
        steps.write(at, "cpu.idle", idle);
    }
    // An idle group has no weight, and refuses one.
    if let Some(shares) = cpu.shares.filter(|&n| n > 0 && cpu.idle != Some(1)) {
        steps.write(at, "cpu.weight", weight_of_shares(shares));
    }
    let quota = cpu.quota.filter(|&n| n != 0).map(max_or);
    let period = cpu.period.filter(|&n| n > 0);
    match (quota, period) {
        (Some(quota), Some(period)) => steps.write(at, "cpu.max", format!("{quota} {period}")),
        (Some(quota), None) => steps.write(at, "cpu.max", quota),
        (None, Some(period)) => {
            steps.push(at, Action::SecondWord(("cpu.max".into(), period.to_string())));
        }
        (None, None) => {}
    }
    if let Some(burst) = cpu.burst {
        steps.write(at, "cpu.max.burst", burst);
    }
    Ok(())
}

pub(super) fn memory(
    steps: &mut Steps<'_>,
    at: &Place,
    memory: &LinuxMemory,
) -> Result<(), CgroupError> {
    if let Some(swappiness) = memory.swappiness {
        return Err(unsupported("memory.swappiness", swappiness));
    }
    if memory.disable_oom_killer == Some(true) {
        return Err(unsupported("memory.disableOOMKiller", true));
    }
    if let Some(buffers) = memory.kernel_tcp.filter(|&n| n > 0) {
        return Err(unsupported("memory.kernelTCP", buffers));
    }
    let limit = memory.limit.filter(|&n| n != 0);
    if let (Some(true), Some(limit)) = (memory.check_before_update, limit)
        && let Ok(limit) = u64::try_from(limit)
    {
        steps.push(at, Action::Below { file: "memory.current", limit });
    }
    if let Some(swap) = swap_max(limit, memory.swap.filter(|&n| n != 0))? {
        let setting = ("memory.swap.max".into(), swap.clone());
        // A kernel without swap has no such file, and keeps these two anyway.
        let kept_anyway = swap == "0" || swap == "max";
        let action = if kept_anyway { Action::WriteIfThere } else { Action::Write };
        steps.push(at, action(setting));
    }
    if let Some(limit) = limit {
        steps.write(at, "memory.max", max_or(limit));
    }
    if let Some(reservation) = memory.reservation.filter(|&n| n != 0) {
        steps.write(at, "memory.low", max_or(reservation));
    }
    Ok(())
}

/// OCI and v1 count memory and swap together, v2 counts swap alone.
fn swap_max(limit: Option<i64>, swap: Option<i64>) -> Result<Option<String>, CgroupError> {
    match (limit, swap) {
        (_, Some(-1)) | (Some(-1), None) => Ok(Some("max".to_string())),
        (_, None) => Ok(None),
        (None | Some(..0), Some(swap)) => Err(invalid(
            "memory.swap",
            swap,
            "it counts memory too, and needs a limit of memory beside it",
        )),
        (Some(limit), Some(swap)) if swap < limit => {
            Err(invalid("memory.swap", swap, "it counts memory too, and is below its limit"))
        }
        (Some(limit), Some(swap)) => Ok(Some((swap - limit).to_string())),
    }
}

pub(super) fn block_io(steps: &mut Steps<'_>, at: &Place, io: &LinuxBlockIo) {
    // BFQ takes OCI's range; the weight that all other schedulers share goes to 10000.
    let mut weight = |device: &str, weight: u16| {
        let bfq = ("io.bfq.weight".into(), format!("{device}{weight}"));
        let other = ("io.weight".into(), format!("{device}{}", io_weight(weight)));
        steps.push(at, Action::FirstThatIsThere(vec![bfq, other]));
    };
    if let Some(all) = io.weight.filter(|&n| n > 0) {
        weight("", all);
    }
    for device in &io.weight_device {
        if let Some(own) = device.weight.filter(|&n| n > 0) {
            weight(&format!("{}:{} ", device.major, device.minor), own);
        }
    }
    for (limits, key) in [
        (&io.throttle_read_bps_device, "rbps"),
        (&io.throttle_write_bps_device, "wbps"),
        (&io.throttle_read_iops_device, "riops"),
        (&io.throttle_write_iops_device, "wiops"),
    ] {
        for limit in limits {
            steps.write(at, "io.max", io_max(limit, key));
        }
    }
}

fn io_max(limit: &LinuxThrottleDevice, key: &str) -> String {
    let LinuxThrottleDevice { major, minor, rate } = limit;
    match rate {
        0 => format!("{major}:{minor} {key}=max"),
        rate => format!("{major}:{minor} {key}={rate}"),
    }
}

fn max_or(value: i64) -> String {
    if value < 0 { "max".to_string() } else { value.to_string() }
}

/// 2…262144 shares to a weight of 1…10000, so that both ends and the usual values (1024 and 100) meet:
/// runc's formula since 1.3.2.
pub(super) fn weight_of_shares(shares: u64) -> u64 {
    if shares <= 2 {
        return 1;
    }
    if shares >= 262_144 {
        return 10_000;
    }
    #[expect(clippy::cast_precision_loss, reason = "below 2^18")]
    let doublings = (shares as f64).log2();
    let exponent = (doublings * doublings + 125.0 * doublings) / 612.0 - 7.0 / 34.0;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 1 and 10000"
    )]
    let weight = 10f64.powf(exponent).ceil() as u64;
    weight.clamp(1, 10_000)
}

/// 10…1000 to 1…10000.
pub(super) fn io_weight(weight: u16) -> u64 {
    1 + u64::from(weight.clamp(10, 1000) - 10) * 9_999 / 990
}

fn unsupported(setting: &str, value: impl ToString) -> CgroupError {
    let (setting, value) = (setting.to_string(), value.to_string());
    CgroupError::Unsupported { setting, value, version: "v2" }
}
