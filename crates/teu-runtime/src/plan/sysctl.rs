//! Kernel settings: only those of the container's own namespaces, the others are the whole machine's.

use crate::error::PlanError;
use teu_oci::runtime::NamespaceKind;

/// Settings of the IPC namespace: `ipc_namespaces(7)`.
const IPC: [&str; 8] = [
    "kernel/msgmax",
    "kernel/msgmnb",
    "kernel/msgmni",
    "kernel/sem",
    "kernel/shmall",
    "kernel/shmmax",
    "kernel/shmmni",
    "kernel/shm_rmid_forced",
];

/// The path below /proc/sys that `name` stands for, if one of the namespaces in `own` has it.
pub(super) fn path(name: &str, value: &str, own: &[NamespaceKind]) -> Result<String, PlanError> {
    let path = as_path(name);
    let global = || PlanError::GlobalSysctl { name: name.to_string() };
    let parts = path.split('/');
    if parts.clone().any(|part| matches!(part, "" | "." | "..")) || path.contains('\0') {
        return Err(global());
    }
    if value.contains(['\0', '\n']) {
        return Err(PlanError::Bad {
            field: "linux.sysctl",
            value: name.to_string(),
            why: "its value is one line".to_string(),
        });
    }
    let kind = if path.starts_with("net/") {
        NamespaceKind::Network
    } else if IPC.contains(&path.as_str()) || path.starts_with("fs/mqueue/") {
        NamespaceKind::Ipc
    } else if path == "kernel/domainname" {
        NamespaceKind::Uts
    } else {
        return Err(global());
    };
    if own.contains(&kind) { Ok(path) } else { Err(global()) }
}

/// `sysctl.d(5)`: where a `.` comes first the dots are the separators, and `/` stands for a dot.
fn as_path(name: &str) -> String {
    let dots_separate = match (name.find('.'), name.find('/')) {
        (Some(dot), Some(slash)) => dot < slash,
        (Some(_), None) => true,
        _ => false,
    };
    if !dots_separate {
        return name.to_string();
    }
    let swap = |letter| match letter {
        '.' => '/',
        '/' => '.',
        other => other,
    };
    name.chars().map(swap).collect()
}

#[test]
fn only_settings_of_own_namespaces() {
    use NamespaceKind::{Ipc, Network, Uts};
    let check = |name: &str, own: &[NamespaceKind], want: Option<&str>| {
        assert_eq!(path(name, "1", own).ok().as_deref(), want, "{name}");
    };
    let all = [Network, Ipc, Uts];
    check("net.core.somaxconn", &all, Some("net/core/somaxconn"));
    check("net/ipv4/conf/eth0.1/rp_filter", &all, Some("net/ipv4/conf/eth0.1/rp_filter"));
    check("net.ipv4.conf.eth0/1.rp_filter", &all, Some("net/ipv4/conf/eth0.1/rp_filter"));
    check("kernel.shmmax", &all, Some("kernel/shmmax"));
    check("fs.mqueue.msg_max", &all, Some("fs/mqueue/msg_max"));
    check("net.core.somaxconn", &[Ipc], None);
    check("kernel.core_pattern", &all, None);
    check("kernel.shm_rmid_forced+kernel.core_pattern", &all, None);
    check("net/../kernel/core_pattern", &all, None);
    check("net.ipv4..x", &all, None);
    check("vm.swappiness", &all, None);
    assert!(path("net.core.somaxconn", "1\n2", &all).is_err());
}
