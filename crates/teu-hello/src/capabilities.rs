//! What the process may do: `capabilities(7)`, `seccomp(2)`, from /proc/self/status.

/// The kernel's capabilities, by number.
const NAMES: [&str; 41] = [
    "chown",
    "dac_override",
    "dac_read_search",
    "fowner",
    "fsetid",
    "kill",
    "setgid",
    "setuid",
    "setpcap",
    "linux_immutable",
    "net_bind_service",
    "net_broadcast",
    "net_admin",
    "net_raw",
    "ipc_lock",
    "ipc_owner",
    "sys_module",
    "sys_rawio",
    "sys_chroot",
    "sys_ptrace",
    "sys_pacct",
    "sys_admin",
    "sys_boot",
    "sys_nice",
    "sys_resource",
    "sys_time",
    "sys_tty_config",
    "mknod",
    "lease",
    "audit_write",
    "audit_control",
    "setfcap",
    "mac_override",
    "mac_admin",
    "syslog",
    "wake_alarm",
    "block_suspend",
    "audit_read",
    "perfmon",
    "bpf",
    "checkpoint_restore",
];

/// Name, value, meaning.
pub(crate) fn rows() -> Vec<(&'static str, String, String)> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or("-").trim().to_string()
    };
    let bits = u64::from_str_radix(&field("CapEff"), 16).unwrap_or(0);
    let names: Vec<&str> = NAMES
        .iter()
        .enumerate()
        .filter(|(bit, _)| bits >> bit & 1 == 1)
        .map(|(_, name)| *name)
        .collect();
    let seccomp = match field("Seccomp").as_str() {
        "0" => "0 (off)",
        "1" => "1 (strict)",
        "2" => "2 (filter)",
        _ => "-",
    };
    let uid = field("Uid").split_whitespace().next().unwrap_or("-").to_string();
    let mut rows = vec![
        ("user", uid, String::new()),
        ("capabilities", format!("{} of {}", names.len(), NAMES.len()), String::new()),
    ];
    rows.extend(names.chunks(4).map(|some| ("", some.join(" "), String::new())));
    rows.push((
        "seccomp",
        seccomp.to_string(),
        "which system calls the kernel answers".to_string(),
    ));
    rows.push((
        "new rights",
        if field("NoNewPrivs") == "1" { "never" } else { "by set-user-id" }.to_string(),
        String::new(),
    ));
    rows
}
