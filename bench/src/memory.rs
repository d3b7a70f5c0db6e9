//! What containers cost while they do nothing, and what the tenth of an image costs beside the first.

use crate::Result;
use crate::world::{IMAGE, World, run};
use std::collections::HashSet;
use std::fs;

const IDLE: usize = 10;

/// KiB: of a process alone, and its share of what several have.
#[derive(Clone, Copy, Default)]
struct Memory {
    private: u64,
    proportional: u64,
}

impl std::ops::AddAssign for Memory {
    fn add_assign(&mut self, other: Memory) {
        self.private += other.private;
        self.proportional += other.proportional;
    }
}

/// All processes that are there only because containers are, the containers' own not counted.
pub fn idle(world: &World) -> Result<()> {
    println!("{IDLE} idle containers (`sleep`), memory of the platform's processes:\n");
    println!(
        "| | private KiB each | proportional KiB each | besides, with or without containers |"
    );
    println!("|---|---|---|---|");
    let sleep = ["run", "-d", IMAGE, "sleep", "100000"];
    let mut ids = Vec::new();
    for _ in 0..IDLE {
        ids.push(run(&mut world.teu.command(&sleep))?);
    }
    // Monitors give back what they needed for the start once it is over.
    std::thread::sleep(std::time::Duration::from_secs(2));
    let is_ours = |words: &[String]| {
        words.first().is_some_and(|name| name == "teu-monitor")
            && ids.iter().any(|id| words.contains(id))
    };
    let (count, memory) = sum(processes()?.into_iter().filter(|pid| is_ours(&words(*pid))));
    print("teu", count, memory, "nothing");
    world.teu.remove(&ids)?;
    if let Some(docker) = &world.docker {
        let mut ids = Vec::new();
        let (_, before) = sum(below(docker.top())?);
        for _ in 0..IDLE {
            ids.push(run(&mut docker.command(&sleep))?);
        }
        let shims = below(docker.top())?;
        let is_shim = |pid: &u32| words(*pid).first().is_some_and(|name| name.contains("shim"));
        let (count, memory) = sum(shims.into_iter().filter(is_shim));
        let besides = format!("dockerd and containerd, {} KiB private", before.private);
        print("docker", count, memory, &besides);
        run(docker.command(&["rm", "-f"]).args(&ids))?;
    }
    if let Some(podman) = &world.podman {
        for _ in 0..IDLE {
            run(&mut podman.run(&["-d", IMAGE, "sleep", "100000"]))?;
        }
        let directory = podman.directory().to_string_lossy().into_owned();
        let is_theirs = |words: &[String]| {
            words.first().is_some_and(|name| name.ends_with("conmon"))
                && words.iter().any(|word| word.contains(&directory))
        };
        let (count, memory) = sum(processes()?.into_iter().filter(|pid| is_theirs(&words(*pid))));
        print("podman", count, memory, "nothing");
        run(&mut podman.command(&["rm", "--all", "--force", "--time", "0"]))?;
    }
    println!();
    Ok(())
}

fn print(name: &str, processes: usize, memory: Memory, besides: &str) {
    let each = |kib: u64| kib / IDLE as u64;
    println!(
        "| {name} ({processes} processes) | {} | {} | {besides} |",
        each(memory.private),
        each(memory.proportional)
    );
}

/// Ten containers read the same 64 MiB of their image; what each group is charged for.
pub fn tenth(world: &World) -> Result<()> {
    const SCRIPT: &str = "cat /large >/dev/null; echo read; exec sleep 100000";
    println!(
        "64 MiB of the image read by ten containers, one after the other; what each is charged for:\n"
    );
    println!("| | first, KiB | tenth, KiB |\n|---|---|---|");
    let words = ["run", "-d", "--network", "none", IMAGE, "sh", "-c", SCRIPT];
    let mut told = Vec::new();
    let mut ids = Vec::new();
    for _ in 0..10 {
        let id = run(&mut world.teu.command(&words))?;
        while !run(&mut world.teu.command(&["logs", &id]))?.contains("read") {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        told.push(charged(&id));
        ids.push(id);
    }
    println!("| teu | {} | {} |", told[0], told[9]);
    world.teu.remove(&ids)?;
    if let Some(docker) = &world.docker {
        let (mut told, mut ids) = (Vec::new(), Vec::new());
        for _ in 0..10 {
            let id = run(&mut docker.command(&words))?;
            while !run(&mut docker.command(&["logs", &id]))?.contains("read") {
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            told.push(charged(&id));
            ids.push(id);
        }
        println!("| docker | {} | {} |", told[0], told[9]);
        run(docker.command(&["rm", "-f"]).args(&ids))?;
    }
    println!();
    Ok(())
}

/// `cache` and `rss` of the group whose last name is the container's id.
fn charged(id: &str) -> String {
    let find = || {
        for pid in processes().ok()? {
            let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok();
            let line = groups.as_deref().unwrap_or_default().lines().find(|line| {
                line.contains(id) && (line.contains(":memory:") || line.starts_with("0::"))
            });
            let Some(path) = line.and_then(|line| line.splitn(3, ':').nth(2)) else { continue };
            for top in ["/sys/fs/cgroup/memory", "/sys/fs/cgroup"] {
                if let Ok(stat) = fs::read_to_string(format!("{top}{path}/memory.stat")) {
                    let of = |names: &[&str]| {
                        let line = stat.lines().find(|line| {
                            names.contains(&line.split(' ').next().unwrap_or_default())
                        });
                        let bytes =
                            line.and_then(|line| line.split(' ').nth(1)?.parse::<u64>().ok());
                        bytes.unwrap_or(0) / 1024
                    };
                    let (cache, anon) = (of(&["cache", "file"]), of(&["rss", "anon"]));
                    return Some(format!("cache {cache}, anonymous {anon}"));
                }
            }
        }
        None
    };
    find().unwrap_or_else(|| "unknown".to_string())
}

fn sum(processes: impl IntoIterator<Item = u32>) -> (usize, Memory) {
    let (mut count, mut all) = (0, Memory::default());
    for pid in processes {
        if let Ok(text) = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) {
            let of = |name: &str| -> u64 {
                let line = text.lines().find(|line| line.starts_with(name));
                line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
            };
            count += 1;
            all += Memory {
                private: of("Private_Clean:") + of("Private_Dirty:"),
                proportional: of("Pss:"),
            };
        }
    }
    (count, all)
}

fn processes() -> Result<Vec<u32>> {
    let entries = fs::read_dir("/proc")?.flatten();
    Ok(entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
}

fn words(pid: u32) -> Vec<String> {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let line = String::from_utf8_lossy(&line).into_owned();
    line.split('\0').map(str::to_string).collect()
}

/// All descendants.
fn below(top: u32) -> Result<Vec<u32>> {
    let parent = |pid: u32| -> Option<u32> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.rsplit(')').next()?.split_whitespace().nth(1)?.parse().ok()
    };
    let all: Vec<(u32, Option<u32>)> =
        processes()?.into_iter().map(|pid| (pid, parent(pid))).collect();
    let mut found = HashSet::from([top]);
    loop {
        let before = found.len();
        let of_them = |(pid, parent): &(u32, Option<u32>)| {
            parent.is_some_and(|parent| found.contains(&parent)).then_some(*pid)
        };
        let children: Vec<u32> = all.iter().filter_map(of_them).collect();
        found.extend(children);
        if found.len() == before {
            found.remove(&top);
            return Ok(found.into_iter().collect());
        }
    }
}
