//! What a state root holds of the machine, asked of the machine: groups, interfaces, processes, files.

use crate::bench::Bench;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// The kernel takes namespaces apart in the background, and monitors leave after their answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Everything that is left of containers of `bench`, in words; empty when nothing is.
pub(crate) fn left(bench: &Bench) -> Vec<String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = look(&bench.root, &bench.run);
        if found.is_empty() || Instant::now() > deadline {
            return found;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn look(root: &Path, run: &Path) -> Vec<String> {
    let id = run.to_string_lossy().rsplit('-').next().unwrap_or_default().to_string();
    let mut found = Vec::new();
    for directory in ["containers", "names/containers", "ingest", "trash"] {
        found.extend(
            names(&root.join(directory))
                .into_iter()
                .filter(|name| name != "images")
                .map(|name| format!("{directory}/{name}")),
        );
    }
    for scratch in names(&root.join("scratch")) {
        found.extend(
            names(&root.join("scratch").join(scratch))
                .into_iter()
                .map(|name| format!("scratch: {name}")),
        );
    }
    for directory in ["containers", "pending", "sandboxes"] {
        found.extend(
            names(&run.join(directory)).into_iter().map(|name| format!("run/{directory}/{name}")),
        );
    }
    for network in names(&run.join("networks")) {
        let addresses = run.join("networks").join(network).join("addresses");
        found.extend(names(&addresses).into_iter().map(|name| format!("address {name}")));
    }
    let groups = output(
        "find",
        &["/sys/fs/cgroup", "-mindepth", "3", "-path", &format!("*/teu-{id}*/*"), "-type", "d"],
    );
    found.extend(
        groups
            .lines()
            .filter(|line| !line.ends_with("/monitors"))
            .map(|line| format!("cgroup {line}")),
    );
    let links = output("ip", &["-o", "link"]);
    found.extend(
        links
            .lines()
            .filter(|line| line.contains(&format!(" t{id}")))
            .map(|line| format!("interface {line}")),
    );
    let processes = output("ps", &["-eo", "pid,stat,args"]);
    let ours = |line: &&str| {
        line.contains(&*run.to_string_lossy()) || line.contains(&*root.to_string_lossy())
    };
    let alive = processes
        .lines()
        .filter(ours)
        .filter(|line| !line.contains(" ps ") && !line.contains("strace"));
    found.extend(alive.map(|line| format!("process {line}")));
    found
}

/// What the machine holds of this root that belongs to no container of `known`, in words: a cheap look between
/// two rounds, which calls no program. Waits for what is just leaving.
pub(crate) fn strays(bench: &Bench, known: &[String]) -> Vec<String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = look_for_strays(&bench.root, &bench.run, known);
        if found.is_empty() || Instant::now() > deadline {
            return found;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn look_for_strays(root: &Path, run: &Path, known: &[String]) -> Vec<String> {
    let (root, run) = (root.to_string_lossy(), run.to_string_lossy());
    let is_known = |name: &str| known.iter().any(|id| name.contains(id.as_str()));
    let mut found = Vec::new();
    for directory in ["containers", "pending", "sandboxes"] {
        let names = names(&Path::new(&*run).join(directory)).into_iter();
        let strange = names.filter(|name| directory == "pending" || !is_known(name));
        found.extend(strange.map(|name| format!("run/{directory}/{name}")));
    }
    for directory in ["containers", "ingest"] {
        let names = names(&Path::new(&*root).join(directory)).into_iter();
        let strange = names.filter(|name| name != "images" && !is_known(name));
        found.extend(strange.map(|name| format!("{directory}/{name}")));
    }
    let id = run.rsplit('-').next().unwrap_or_default();
    let ours = format!("teu-{id}");
    let top = Path::new("/sys/fs/cgroup");
    let hierarchies = names(top).into_iter().map(|name| top.join(name)).chain([top.to_path_buf()]);
    for group in hierarchies.map(|hierarchy| hierarchy.join(&ours)) {
        let names = names(&group).into_iter().filter(|name| group.join(name).is_dir());
        let strange = names.filter(|name| name != "monitors" && !is_known(name));
        found.extend(strange.map(|name| format!("cgroup {}/{name}", group.display())));
    }
    let links = names(Path::new("/sys/class/net")).into_iter();
    let links: Vec<String> = links.filter(|name| name.starts_with(&format!("t{id}"))).collect();
    if links.len() > known.len() {
        found.push(format!("{} interfaces for {} containers: {links:?}", links.len(), known.len()));
    }
    let numbers = names(Path::new("/proc")).into_iter();
    for process in numbers.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())) {
        let words = std::fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
        let words = String::from_utf8_lossy(&words).replace('\0', " ");
        if (words.contains(&*run) || words.contains(&*root)) && !is_known(&words) {
            found.push(format!("process {process} {words}"));
        }
    }
    found
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

fn output(program: &str, words: &[&str]) -> String {
    let output = Command::new(program).args(words).output().expect("the usual tools are there");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
