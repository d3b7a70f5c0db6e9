//! What a group used, in the same numbers from both versions.

use crate::{CgroupError, Controller, Group, Version, file};
use std::collections::BTreeMap;
use std::path::Path;

/// All accounts of a group. What no controller of the machine counts is zero or `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Processor time.
    pub cpu: CpuStats,
    /// Memory.
    pub memory: MemoryStats,
    /// Tasks.
    pub pids: PidsStats,
    /// Block devices, by number.
    pub block_io: Vec<BlockIoStats>,
}

/// Processor time since the group was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CpuStats {
    /// Nanoseconds in all.
    pub usage_ns: u64,
    /// Of these, in programs.
    pub user_ns: u64,
    /// Of these, in the kernel.
    pub system_ns: u64,
    /// Periods in which the group wanted to run under a quota.
    pub periods: u64,
    /// Periods in which it was held back.
    pub throttled_periods: u64,
    /// For how long.
    pub throttled_ns: u64,
}

/// Memory in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryStats {
    /// In use now, page cache included.
    pub usage: u64,
    /// The most that ever was (v2: since Linux 5.19).
    pub max_usage: Option<u64>,
    /// `None`: no limit.
    pub limit: Option<u64>,
    /// Page cache.
    pub cache: u64,
    /// Page cache that was not used lately: what `docker stats` takes off the usage.
    pub inactive_file: u64,
    /// Memory of programs.
    pub anonymous: u64,
    /// Swap in use now.
    pub swap: u64,
    /// How often the limit was met.
    pub limit_hits: u64,
    /// `memory.stat` as the kernel has it.
    pub raw: BTreeMap<String, u64>,
}

impl MemoryStats {
    /// What the group cannot do without: usage without the page cache that can go.
    pub fn working_set(&self) -> u64 {
        self.usage.saturating_sub(self.inactive_file)
    }
}

/// Tasks: processes and threads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PidsStats {
    /// Now.
    pub current: u64,
    /// `None`: no limit.
    pub limit: Option<u64>,
}

/// What went to and from one block device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockIoStats {
    /// Major number.
    pub major: u32,
    /// Minor number.
    pub minor: u32,
    /// Bytes read.
    pub read_bytes: u64,
    /// Bytes written.
    pub written_bytes: u64,
    /// Reads.
    pub reads: u64,
    /// Writes.
    pub writes: u64,
}

impl Group {
    /// Reads all accounts. A group that is gone has used nothing.
    pub fn stats(&self) -> Result<Stats, CgroupError> {
        let read = |controller, of: Readers| match self.dir(controller) {
            Some((Version::V1, dir)) => (of.0)(&dir),
            Some((Version::V2, dir)) => (of.1)(&dir),
            None => Ok(Stats::default()),
        };
        let mut cpu = read(Controller::Cpuacct, (usage_v1, cpu_v2))?.cpu;
        if let Some((Version::V1, dir)) = self.dir(Controller::Cpu) {
            throttled_v1(&dir, &mut cpu)?;
        }
        Ok(Stats {
            cpu,
            memory: read(Controller::Memory, (memory_v1, memory_v2))?.memory,
            pids: read(Controller::Pids, (pids, pids))?.pids,
            block_io: read(Controller::Blkio, (block_io_v1, block_io_v2))?.block_io,
        })
    }
}

impl Group {
    /// Processor time alone, in nanoseconds: one file. A group that is gone has used none.
    pub fn cpu_usage_ns(&self) -> Result<u64, CgroupError> {
        match self.dir(Controller::Cpuacct) {
            Some((Version::V1, dir)) => Ok(number(&dir, "cpuacct.usage")?.unwrap_or(0)),
            Some((Version::V2, dir)) => Ok(cpu_v2(&dir)?.cpu.usage_ns),
            None => Ok(0),
        }
    }
}

/// Readers of one controller's part, for v1 and v2.
type Readers = (fn(&Path) -> Result<Stats, CgroupError>, fn(&Path) -> Result<Stats, CgroupError>);

fn text(dir: &Path, name: &str) -> Result<String, CgroupError> {
    Ok(file::read_if_there(&dir.join(name))?.unwrap_or_default())
}

/// `None` for `max` and for what is not there.
fn number(dir: &Path, name: &str) -> Result<Option<u64>, CgroupError> {
    Ok(text(dir, name)?.trim().parse().ok())
}

fn usage_v1(dir: &Path) -> Result<Stats, CgroupError> {
    let count = |name| Ok::<u64, CgroupError>(number(dir, name)?.unwrap_or(0));
    let cpu = CpuStats {
        usage_ns: count("cpuacct.usage")?,
        user_ns: count("cpuacct.usage_user")?,
        system_ns: count("cpuacct.usage_sys")?,
        ..CpuStats::default()
    };
    Ok(Stats { cpu, ..Stats::default() })
}

fn throttled_v1(dir: &Path, cpu: &mut CpuStats) -> Result<(), CgroupError> {
    let stat = text(dir, "cpu.stat")?;
    let key = |key| file::keyed(&stat, key).unwrap_or(0);
    cpu.periods = key("nr_periods");
    cpu.throttled_periods = key("nr_throttled");
    cpu.throttled_ns = key("throttled_time");
    Ok(())
}

fn cpu_v2(dir: &Path) -> Result<Stats, CgroupError> {
    let stat = text(dir, "cpu.stat")?;
    let key = |key| file::keyed(&stat, key).unwrap_or(0);
    let ns = |name| key(name).saturating_mul(1000);
    let cpu = CpuStats {
        usage_ns: ns("usage_usec"),
        user_ns: ns("user_usec"),
        system_ns: ns("system_usec"),
        periods: key("nr_periods"),
        throttled_periods: key("nr_throttled"),
        throttled_ns: ns("throttled_usec"),
    };
    Ok(Stats { cpu, ..Stats::default() })
}

fn memory_v1(dir: &Path) -> Result<Stats, CgroupError> {
    let raw = table(&text(dir, "memory.stat")?);
    let stat = |key: &str| raw.get(key).copied().unwrap_or(0);
    let usage = number(dir, "memory.usage_in_bytes")?.unwrap_or(0);
    let with_swap = number(dir, "memory.memsw.usage_in_bytes")?.unwrap_or(usage);
    let memory = MemoryStats {
        usage,
        max_usage: number(dir, "memory.max_usage_in_bytes")?,
        limit: number(dir, "memory.limit_in_bytes")?.filter(|&limit| limit < UNLIMITED_V1),
        cache: stat("total_cache"),
        inactive_file: stat("total_inactive_file"),
        anonymous: stat("total_rss"),
        swap: with_swap.saturating_sub(usage),
        // Whichever limit is met first counts: of memory, or of memory and swap.
        limit_hits: number(dir, "memory.failcnt")?
            .unwrap_or(0)
            .saturating_add(number(dir, "memory.memsw.failcnt")?.unwrap_or(0)),
        raw,
    };
    Ok(Stats { memory, ..Stats::default() })
}

/// v1 writes "no limit" as the largest number of whole pages; pages have 64 KiB at most.
const UNLIMITED_V1: u64 = 0x7fff_ffff_ffff_0000;

fn memory_v2(dir: &Path) -> Result<Stats, CgroupError> {
    let raw = table(&text(dir, "memory.stat")?);
    let stat = |key: &str| raw.get(key).copied().unwrap_or(0);
    let memory = MemoryStats {
        usage: number(dir, "memory.current")?.unwrap_or(0),
        max_usage: number(dir, "memory.peak")?,
        limit: number(dir, "memory.max")?,
        cache: stat("file"),
        inactive_file: stat("inactive_file"),
        anonymous: stat("anon"),
        swap: number(dir, "memory.swap.current")?.unwrap_or(0),
        limit_hits: file::keyed(&text(dir, "memory.events")?, "max").unwrap_or(0),
        raw,
    };
    Ok(Stats { memory, ..Stats::default() })
}

fn table(text: &str) -> BTreeMap<String, u64> {
    let pair = |line: &str| {
        let (key, value) = line.split_once(' ')?;
        Some((key.to_string(), value.trim().parse().ok()?))
    };
    text.lines().filter_map(pair).collect()
}

fn pids(dir: &Path) -> Result<Stats, CgroupError> {
    let current = number(dir, "pids.current")?.unwrap_or(0);
    let pids = PidsStats { current, limit: number(dir, "pids.max")? };
    Ok(Stats { pids, ..Stats::default() })
}

fn block_io_v1(dir: &Path) -> Result<Stats, CgroupError> {
    let bytes = text(dir, "blkio.throttle.io_service_bytes_recursive")?;
    let operations = text(dir, "blkio.throttle.io_serviced_recursive")?;
    Ok(Stats { block_io: parse_block_io_v1(&bytes, &operations), ..Stats::default() })
}

fn block_io_v2(dir: &Path) -> Result<Stats, CgroupError> {
    Ok(Stats { block_io: parse_block_io_v2(&text(dir, "io.stat")?), ..Stats::default() })
}

/// Lines `8:0 Read 4096`.
fn parse_block_io_v1(bytes: &str, operations: &str) -> Vec<BlockIoStats> {
    let mut devices = BTreeMap::new();
    for (text, counts_bytes) in [(bytes, true), (operations, false)] {
        for line in text.lines() {
            let mut words = line.split(' ');
            let (Some(device), Some(what), Some(count)) =
                (words.next(), words.next(), words.next())
            else {
                continue;
            };
            let (Some(device), Ok(count)) = (device_number(device), count.parse()) else {
                continue;
            };
            let entry = entry(&mut devices, device);
            match (what, counts_bytes) {
                ("Read", true) => entry.read_bytes = count,
                ("Write", true) => entry.written_bytes = count,
                ("Read", false) => entry.reads = count,
                ("Write", false) => entry.writes = count,
                _ => {}
            }
        }
    }
    devices.into_values().collect()
}

/// Lines `8:0 rbytes=4096 wbytes=0 rios=1 wios=0 …`.
fn parse_block_io_v2(text: &str) -> Vec<BlockIoStats> {
    let mut devices = BTreeMap::new();
    for line in text.lines() {
        let mut words = line.split(' ');
        let Some(device) = words.next().and_then(device_number) else { continue };
        let entry = entry(&mut devices, device);
        for (key, count) in words.filter_map(|word| word.split_once('=')) {
            let count = count.parse().unwrap_or(0);
            match key {
                "rbytes" => entry.read_bytes = count,
                "wbytes" => entry.written_bytes = count,
                "rios" => entry.reads = count,
                "wios" => entry.writes = count,
                _ => {}
            }
        }
    }
    devices.into_values().collect()
}

fn device_number(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once(':')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn entry(
    devices: &mut BTreeMap<(u32, u32), BlockIoStats>,
    (major, minor): (u32, u32),
) -> &mut BlockIoStats {
    devices.entry((major, minor)).or_insert_with(|| BlockIoStats {
        major,
        minor,
        ..BlockIoStats::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_tell_the_same_of_a_device() {
        let v1 = parse_block_io_v1(
            "8:0 Read 4096\n8:0 Write 1\n8:0 Sync 9\nTotal 4097\n",
            "8:0 Read 2\n8:0 Write 3\nTotal 5\n",
        );
        let v2 = parse_block_io_v2("8:0 rbytes=4096 wbytes=1 rios=2 wios=3 dbytes=0\n253:1\n");
        let device = BlockIoStats {
            major: 8,
            minor: 0,
            read_bytes: 4096,
            written_bytes: 1,
            reads: 2,
            writes: 3,
        };
        assert_eq!(v1[0], device);
        assert_eq!(v2[0], device);
    }

    #[test]
    fn working_set_is_usage_without_what_can_go() {
        let memory = MemoryStats { usage: 10, inactive_file: 4, ..MemoryStats::default() };
        assert_eq!(memory.working_set(), 6);
        assert_eq!(table("a 1\nb x\n\nc 3"), BTreeMap::from([("a".into(), 1), ("c".into(), 3)]));
    }
}
