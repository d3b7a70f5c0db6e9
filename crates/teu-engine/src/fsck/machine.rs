//! What this root's containers have of the machine: addresses, cables, firewall, groups, processes, mounts.

use super::{Defect, Seen};
use crate::{Engine, EngineError, files, records};
use std::collections::BTreeSet;
use std::path::PathBuf;
use teu_cgroup::{MONITORS, list_groups};
use teu_kernel::{mount, pidfd};
use teu_model::ContainerId;

pub(super) fn find(
    engine: &Engine,
    seen: &Seen,
    defects: &mut Vec<Defect>,
) -> Result<(), EngineError> {
    network(engine, seen, defects)?;
    groups(engine, seen, defects)?;
    monitors(engine, seen, defects)?;
    mounts(engine, seen, defects);
    Ok(())
}

fn network(engine: &Engine, seen: &Seen, defects: &mut Vec<Defect>) -> Result<(), EngineError> {
    let holdings = engine.networks.holdings()?;
    for lease in &holdings.leases {
        if lease.sandbox.as_ref().is_some_and(|sandbox| seen.holds(sandbox)) {
            continue;
        }
        let sandbox = lease.sandbox.clone();
        defects.push(Defect::new(
            format!("address {}", lease.address),
            match &sandbox {
                Some(sandbox) => format!("it is held for {}, which does not run", sandbox.short()),
                None => "nobody can tell for whom it is held".to_string(),
            },
            "give it back",
            move |engine| {
                // Only what is a defect: others may have begun to hold something meanwhile.
                let exists = |id: &ContainerId| Some(id) != sandbox.as_ref();
                Ok(engine.networks.release_abandoned(&exists).map(drop)?)
            },
        ));
    }
    for name in records::names_in(&engine.paths.run.join("sandboxes"))? {
        let path = engine.paths.run.join("sandboxes").join(&name);
        let id = ContainerId::parse(&name);
        if id.as_ref().is_ok_and(|id| seen.holds(id)) {
            continue;
        }
        defects.push(Defect::new(
            format!("sandboxes/{}", name.get(..12).unwrap_or(&name)),
            "no container runs in it",
            "remove it",
            move |engine| {
                if let Ok(id) = &id {
                    engine.networks.release(id)?;
                }
                files::remove_tree(&path)
            },
        ));
    }
    let known: BTreeSet<&str> =
        holdings.leases.iter().filter_map(|lease| lease.host_ifname.as_deref()).collect();
    for veth in holdings.veths.iter().filter(|veth| !known.contains(veth.as_str())) {
        let name = veth.clone();
        let mut defect = Defect::new(
            format!("interface {veth}"),
            "no container's address belongs to it",
            "remove it",
            move |engine: &Engine| Ok(engine.networks.remove_veth(&name)?),
        );
        // The kernel takes a namespace's interfaces a little after its last process.
        defect.may_be_leaving = true;
        defects.push(defect);
    }
    if let Some((table, wrong)) = engine.networks.firewall_fault()? {
        defects.push(Defect::new(
            format!("firewall table {table}"),
            wrong,
            "write it anew",
            |engine| Ok(engine.networks.restore_firewall()?),
        ));
    }
    Ok(())
}

fn groups(engine: &Engine, seen: &Seen, defects: &mut Vec<Defect>) -> Result<(), EngineError> {
    let layout = engine.layout()?;
    let parent = layout.default_parent(&engine.paths.id);
    for name in list_groups(layout, &parent, "")? {
        let Ok(id) = ContainerId::parse(&name) else { continue };
        if seen.holds(&id) {
            continue;
        }
        let group = layout.plan(&parent, &name)?;
        let processes = group.procs().unwrap_or_default().len();
        let mut defect = Defect::new(
            format!("cgroup {}", id.short()),
            match processes {
                0 => "no container runs in it".to_string(),
                1 => "a process is in it, and no container".to_string(),
                more => format!("{more} processes are in it, and no container"),
            },
            "kill what is in it, and remove it",
            move |engine: &Engine| {
                engine.with_action(&id, || {
                    group.kill()?;
                    Ok(group.remove()?)
                })
            },
        );
        defect.may_be_leaving = true;
        defects.push(defect);
    }
    Ok(())
}

/// Processes in the monitors' group that watch nobody.
fn monitors(engine: &Engine, seen: &Seen, defects: &mut Vec<Defect>) -> Result<(), EngineError> {
    if !seen.busy.is_empty() {
        return Ok(());
    }
    let running = seen.containers.values().filter_map(|one| one.state.running.as_ref());
    let watching: BTreeSet<u32> = running.map(|running| running.monitor_pid).collect();
    let group = engine.monitors_group()?;
    debug_assert_eq!(group.name(), MONITORS);
    for pid in group.procs().unwrap_or_default() {
        // A restarting container's monitor keeps its time and is not recorded as running.
        if watching.contains(&pid)
            || seen.containers.keys().any(|id| watches(pid, id) && seen.holds(id))
        {
            continue;
        }
        let Some(started) = pidfd::start_time(pid) else { continue };
        let mut defect = Defect::new(
            format!("process {pid}"),
            "it is a monitor, and no container is its",
            "kill it",
            move |_| {
                let Ok(process) = pidfd::pidfd_open(pid) else { return Ok(()) };
                if pidfd::start_time(pid) != Some(started) {
                    return Ok(());
                }
                let killed = pidfd::pidfd_send_signal(
                    std::os::fd::AsFd::as_fd(&process),
                    teu_model::Signal::KILL.0,
                );
                killed.map_err(|source| EngineError::step(format!("kill {pid}"), source))
            },
        );
        defect.may_be_leaving = true;
        defects.push(defect);
    }
    Ok(())
}

/// Its command line names the container.
fn watches(pid: u32, id: &ContainerId) -> bool {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&line).contains(id.as_str())
}

/// Mounts below what belongs to this root alone, beside the roots of images.
fn mounts(engine: &Engine, seen: &Seen, defects: &mut Vec<Defect>) {
    if !seen.busy.is_empty() {
        return;
    }
    let roots = engine.paths.run.join("roots");
    let ours = [
        engine.paths.run.clone(),
        engine.paths.root.join("containers"),
        engine.paths.root.join("scratch"),
        engine.paths.root.join("roots"),
    ];
    let table = std::fs::read_to_string("/proc/thread-self/mountinfo").unwrap_or_default();
    let mut stray: Vec<PathBuf> = table
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .map(|point| PathBuf::from(point.replace("\\040", " ")))
        .filter(|point| ours.iter().any(|ours| point != ours && point.starts_with(ours)))
        .filter(|point| {
            // An image's root is the snapshots' business.
            !(point.parent() == Some(&roots)
                && point.file_name().is_some_and(|name| {
                    let name = name.to_string_lossy();
                    name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
                }))
        })
        .collect();
    stray.reverse();
    for point in stray {
        defects.push(Defect::new(
            format!("mount {}", point.display()),
            "nothing of teu's is mounted there",
            "unmount it",
            move |_| {
                mount::unmount_lazily(&point).map_err(|source| {
                    EngineError::step(format!("unmount {}", point.display()), source)
                })
            },
        ));
    }
}
