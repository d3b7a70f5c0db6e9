//! The program: its environment, ids, limits and policy.

use super::{CgroupJoin, ProcessPlan, policy};
use crate::error::PlanError;
use crate::seccomp::Program;
use teu_kernel::rlimit;
use teu_oci::runtime::{LinuxSeccomp, PosixRlimit, Process};

/// The most that one argument or variable may have: the kernel's `MAX_ARG_STRLEN`.
const TEXT_MAX: usize = 128 << 10;

impl ProcessPlan {
    /// For a container's first process, and for an exec.
    pub fn new(
        process: &Process,
        filter: Option<&LinuxSeccomp>,
        cgroup: CgroupJoin,
    ) -> Result<ProcessPlan, PlanError> {
        if process.args.is_empty() {
            return Err(PlanError::Missing { field: "process.args" });
        }
        refuse_labels(process)?;
        if filter.is_some_and(|filter| filter.listener_path.is_some()) {
            return Err(PlanError::Unsupported { field: "linux.seccomp.listenerPath".to_string() });
        }
        for text in process.args.iter().chain(&process.env).chain([&process.cwd]) {
            check_text(text)?;
        }
        if !process.cwd.starts_with('/') {
            return Err(bad("process.cwd", &process.cwd, "Cwd must be an absolute path"));
        }
        let user = &process.user;
        Ok(ProcessPlan {
            args: process.args.clone(),
            env: environment(&process.env)?,
            cwd: process.cwd.clone(),
            terminal: process.terminal,
            console_size: process.console_size,
            uid: id("process.user.uid", user.uid)?,
            gid: id("process.user.gid", user.gid)?,
            groups: user
                .additional_gids
                .iter()
                .map(|gid| id("process.user.additionalGids", *gid))
                .collect::<Result<_, _>>()?,
            umask: user.umask.unwrap_or(0o022) & 0o777,
            capabilities: policy::sets(process.capabilities.as_ref()),
            no_new_privileges: process.no_new_privileges,
            seccomp: filter
                .map(Program::new)
                .transpose()
                .map_err(|error| PlanError::Policy { why: error.to_string() })?,
            rlimits: rlimits(&process.rlimits)?,
            oom_score_adj: process.oom_score_adj.map(|score| score.clamp(-1000, 1000)),
            cgroup,
        })
    }
}

fn bad(field: &'static str, value: &str, why: &str) -> PlanError {
    PlanError::Bad { field, value: value.chars().take(256).collect(), why: why.to_string() }
}

/// `-1` means "unchanged" to setresuid(2), so it is nobody's id.
fn id(field: &'static str, id: u32) -> Result<u32, PlanError> {
    if id == u32::MAX { Err(bad(field, "4294967295", "not an id")) } else { Ok(id) }
}

fn refuse_labels(process: &Process) -> Result<(), PlanError> {
    let asked = |label: &Option<String>| {
        label.as_deref().is_some_and(|label| !matches!(label, "" | "unconfined"))
    };
    for (field, label) in [
        ("process.apparmorProfile", &process.apparmor_profile),
        ("process.selinuxLabel", &process.selinux_label),
    ] {
        if asked(label) {
            return Err(PlanError::Unsupported { field: field.to_string() });
        }
    }
    Ok(())
}

fn check_text(text: &str) -> Result<(), PlanError> {
    if text.contains('\0') {
        return Err(bad("process", text, "a text cannot hold a zero byte"));
    }
    if text.len() >= TEXT_MAX {
        return Err(bad("process", text, "the kernel takes at most 128 KiB in one text"));
    }
    Ok(())
}

/// Of several entries for one name the last counts, as in runc.
fn environment(given: &[String]) -> Result<Vec<String>, PlanError> {
    let mut env: Vec<String> = Vec::with_capacity(given.len());
    let mut places = std::collections::HashMap::new();
    for entry in given {
        let name = match entry.split_once('=') {
            Some((name, _)) if !name.is_empty() => name,
            _ => return Err(bad("process.env", entry, "an entry is NAME=value")),
        };
        match places.get(name) {
            Some(&place) => env[place] = entry.clone(),
            None => {
                places.insert(name, env.len());
                env.push(entry.clone());
            }
        }
    }
    Ok(env)
}

fn rlimits(asked: &[PosixRlimit]) -> Result<Vec<(u32, u64, u64)>, PlanError> {
    let mut limits: Vec<(u32, u64, u64)> = Vec::new();
    for limit in asked {
        let unknown = || bad("process.rlimits", &limit.kind, "no such limit");
        let number = rlimit::number(&limit.kind).ok_or_else(unknown)?;
        if limit.soft > limit.hard {
            return Err(bad("process.rlimits", &limit.kind, "soft is above hard"));
        }
        if limits.iter().any(|other| other.0 == number) {
            return Err(bad("process.rlimits", &limit.kind, "named twice"));
        }
        limits.push((number, limit.soft, limit.hard));
    }
    Ok(limits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(change: impl Fn(&mut Process)) -> Result<ProcessPlan, PlanError> {
        let mut process =
            Process { args: vec!["sh".into()], cwd: "/".into(), ..Process::default() };
        change(&mut process);
        ProcessPlan::new(&process, None, CgroupJoin::default())
    }

    #[test]
    fn the_last_of_one_name_counts_in_the_environment() {
        let env = |given: &[&str]| {
            plan(|process| process.env = given.iter().map(|e| e.to_string()).collect())
                .map(|plan| plan.env)
        };
        assert_eq!(env(&["A=1", "B=2", "A=3=4", "C="]).unwrap(), ["A=3=4", "B=2", "C="]);
        for entry in ["X", "X*", "=x", "", "A=\0"] {
            assert!(env(&[entry]).is_err(), "{entry:?}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        assert!(plan(|p| p.args.clear()).is_err());
        assert!(plan(|p| p.cwd = "relative".into()).is_err());
        assert!(plan(|p| p.user.uid = u32::MAX).is_err());
        assert!(plan(|p| p.args.push("x".repeat(TEXT_MAX))).is_err());
        assert!(plan(|p| p.apparmor_profile = Some("docker-default".into())).is_err());
        assert!(plan(|p| p.apparmor_profile = Some("unconfined".into())).is_ok());
        let limit = |kind: &str, soft| PosixRlimit { kind: kind.into(), soft, hard: 5 };
        assert!(plan(|p| p.rlimits = vec![limit("RLIMIT_NOFILE", 5)]).is_ok());
        assert!(plan(|p| p.rlimits = vec![limit("RLIMIT_NOFILE", 6)]).is_err());
        assert!(plan(|p| p.rlimits = vec![limit("RLIMIT_X", 1)]).is_err());
        assert!(
            plan(|p| p.rlimits = vec![limit("RLIMIT_CPU", 1), limit("RLIMIT_CPU", 2)]).is_err()
        );
    }
}
