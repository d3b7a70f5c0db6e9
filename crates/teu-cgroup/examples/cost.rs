//! What a group costs: microseconds of each step, median of 200 rounds.
//!
//! `cargo run --release -p teu-cgroup --example cost`. Creating and removing is nearly all the kernel's own
//! mkdir and rmdir, about 25 and 20 µs for each hierarchy.
#![expect(clippy::print_stdout, reason = "a measurement is read by people")]

use std::time::Instant;
use teu_cgroup::{Group, Layout, default_device_rules};
use teu_oci::runtime::LinuxResources;

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn main() -> Outcome {
    let layout = Layout::discover()?;
    println!("{} with {} hierarchies", layout.mode(), layout.hierarchies.len());
    let parent = format!("/teu-cost-{}", std::process::id());
    let nothing = LinuxResources::default();
    let limited: LinuxResources = LinuxResources {
        devices: default_device_rules(),
        memory: Some(teu_oci::runtime::LinuxMemory {
            limit: Some(64 << 20),
            ..teu_oci::runtime::LinuxMemory::default()
        }),
        pids: Some(teu_oci::runtime::LinuxPids { limit: Some(100) }),
        ..LinuxResources::default()
    };
    let keep = layout.plan(&parent, "keep")?;
    keep.create(&nothing)?;
    let mut taken: Vec<(&str, Vec<u128>)> = Vec::new();
    for round in 0..200 {
        let group = Group::open(&layout, &parent, &format!("c{round}"))?;
        time(&mut taken, "discover", || {
            Layout::discover()?;
            Ok(())
        })?;
        time(&mut taken, "create, no limits", || Ok(group.create(&nothing)?))?;
        time(&mut taken, "v2 descriptor and join files", || {
            drop((group.v2_dir_fd()?, group.join_files()));
            Ok(())
        })?;
        time(&mut taken, "stats", || {
            group.stats()?;
            Ok(())
        })?;
        time(&mut taken, "oom kills", || {
            group.oom_kills()?;
            Ok(())
        })?;
        time(&mut taken, "remove", || Ok(group.remove()?))?;
        time(&mut taken, "create, memory, pids, devices", || Ok(group.create(&limited)?))?;
        time(&mut taken, "remove (limited)", || Ok(group.remove()?))?;
    }
    keep.remove()?;
    layout.plan("/", &parent[1..])?.remove_if_empty()?;
    for (what, mut times) in taken {
        times.sort_unstable();
        println!("{:>8.1} µs  {what}", times[times.len() / 2] as f64 / 1000.0);
    }
    Ok(())
}

fn time(
    taken: &mut Vec<(&'static str, Vec<u128>)>,
    what: &'static str,
    step: impl FnOnce() -> Outcome,
) -> Outcome {
    let began = Instant::now();
    step()?;
    let nanoseconds = began.elapsed().as_nanos();
    match taken.iter_mut().find(|(name, _)| *name == what) {
        Some((_, times)) => times.push(nanoseconds),
        None => taken.push((what, vec![nanoseconds])),
    }
    Ok(())
}
