//! What the kernel said about a container's end: processes killed for want of memory, forbidden system
//! calls. Read at the end, because the kernel forgets.

use teu_kernel::kmsg;
use teu_model::{ContainerId, Exit, Signal};

/// A table of processes longer than this is cut.
const TASKS_MAX: usize = 20;
/// Of so many kills the victims are named.
const KILLS_MAX: usize = 4;
/// What is said of memory by kind: cgroup v2, then v1.
const KINDS: &[&str] = &["anon", "file", "kernel", "shmem", "slab", "sock", "rss", "cache", "swap"];

/// The kernel's lines about the end of `id`, whose first process was `pid`; none where it said nothing, or
/// nobody may read it.
pub(crate) fn about(id: &ContainerId, pid: Option<u32>, exit: &Exit) -> Vec<String> {
    let forbidden = exit.signal == Some(Signal(31));
    if !(exit.oom_killed || forbidden) {
        return Vec::new();
    }
    let Ok(messages) = kmsg::messages() else { return Vec::new() };
    let mut said = if exit.oom_killed { out_of_memory(&messages, id.as_str()) } else { vec![] };
    if let (true, true, Some(pid)) = (exit.oom_killed, said.is_empty(), pid) {
        // Of many kills in a row the kernel tells only the victims, without their groups.
        let victim = format!("Killed process {pid} (");
        said.extend(messages.iter().rev().find(|line| line.contains(&victim)).cloned());
    }
    if let (true, Some(pid)) = (forbidden, pid) {
        let pid = format!(" pid={pid} ");
        let audit = messages.iter().rev().find(|line| {
            line.contains("type=1326") && line.contains(&pid) && line.contains("syscall=")
        });
        said.extend(audit.cloned());
    }
    said
}

/// The last kill whole, of those before it the victim only.
fn out_of_memory(messages: &[String], id: &str) -> Vec<String> {
    let mut kills: Vec<Vec<String>> = Vec::new();
    let mut current: Vec<&String> = Vec::new();
    let mut is_ours = false;
    for line in messages {
        if line.contains(" invoked oom-killer: ") {
            current.clear();
            is_ours = false;
        }
        current.push(line);
        is_ours |= line.starts_with("oom-kill:") && line.contains(id);
        if line.contains("Killed process ") {
            if is_ours {
                kills.push(current.iter().map(|line| (*line).clone()).collect());
            }
            current.clear();
            is_ours = false;
        }
    }
    let Some(last) = kills.pop() else { return Vec::new() };
    let victims = kills.iter().rev().take(KILLS_MAX).filter_map(|kill| kill.last().cloned());
    let mut said: Vec<String> = victims.collect();
    said.reverse();
    said.extend(digest(&last));
    said
}

/// What of one kill's sixty lines says something.
fn digest(kill: &[String]) -> Vec<String> {
    let (mut usage, mut kinds, mut tasks) = (Vec::new(), Vec::new(), Vec::new());
    for line in kill {
        let mut words = line.split_ascii_whitespace();
        let (first, second) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        if line.contains(" invoked oom-killer: ") || line.starts_with("memory: usage ") {
            usage.push(line.clone());
        } else if KINDS.contains(&first) && second.bytes().all(|byte| byte.is_ascii_digit()) {
            kinds.push(format!("{first} {second}"));
        } else if line.starts_with('[') && tasks.len() <= TASKS_MAX {
            tasks.push(line.clone());
        }
    }
    let mut said = usage;
    if !kinds.is_empty() {
        said.push(format!("memory by kind, bytes: {}", kinds.join(", ")));
    }
    said.extend(tasks);
    said.extend(kill.last().cloned());
    said
}

#[test]
fn a_kill_is_found_by_the_group() {
    let lines = |id: &str, name: &str| -> Vec<String> {
        [
            format!("{name} invoked oom-killer: gfp_mask=0xcc0, order=0, oom_score_adj=0"),
            "Call Trace:".into(),
            "memory: usage 16384kB, limit 16384kB, failcnt 60".into(),
            "anon 16000000".into(),
            "pgfault 4142".into(),
            "[  pid  ]   uid  tgid total_vm name".into(),
            format!("[  18896]     0 18896     4538 {name}"),
            format!("oom-kill:constraint=CONSTRAINT_MEMCG,oom_memcg=/teu-1/{id},task={name}"),
            format!("Memory cgroup out of memory: Killed process 18896 ({name}) total-vm:1kB"),
        ]
        .to_vec()
    };
    let messages = [lines("aa", "first"), lines("bb", "other"), lines("aa", "tail")].concat();
    let said = out_of_memory(&messages, "aa");
    assert!(said[0].contains("(first)") && said.last().unwrap().contains("(tail)"), "{said:#?}");
    assert!(said.contains(&"memory by kind, bytes: anon 16000000".to_string()), "{said:#?}");
    assert!(!said.iter().any(|line| line.contains("other") || line.contains("Trace")));
    assert!(out_of_memory(&messages, "cc").is_empty());
}
