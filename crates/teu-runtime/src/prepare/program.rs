//! The program's arguments, environment, and the paths at which it may be.

use super::text;
use crate::child::Program;
use crate::error::{Stage, StartError};
use crate::parent::Stdio;
use crate::plan::ProcessPlan;
use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use teu_kernel::capability::Sets;
use teu_kernel::exec::Strings;
use teu_kernel::{child_fs, prctl};

pub(crate) fn program(
    id: &str,
    plan: &ProcessPlan,
    init: bool,
    stdio: Stdio,
) -> Result<Program, StartError> {
    let texts = |list: &[String]| -> Result<Vec<CString>, StartError> {
        list.iter().map(|one| text(Stage::Exec, one)).collect()
    };
    let stdio = match stdio {
        Stdio::Terminal => None,
        Stdio::Fds(fds) => Some(stdio_out_of_the_way(fds)?),
    };
    let name = plan.args.first().map_or("", String::as_str);
    let capabilities = plan.capabilities;
    Ok(Program {
        stdio,
        console_size: plan.console_size,
        arguments: Strings::new(texts(&plan.args)?),
        environment: Strings::new(texts(&plan.env)?),
        candidates: texts(&candidates(name, &plan.env))?,
        from_path: !name.contains('/'),
        cwd: text(Stage::WorkingDirectory, &plan.cwd)?,
        uid: plan.uid,
        gid: plan.gid,
        groups: plan.groups.clone(),
        umask: plan.umask,
        bounding: capabilities.bounding,
        capabilities: Sets {
            effective: capabilities.effective,
            permitted: capabilities.permitted,
            inheritable: capabilities.inheritable,
        },
        ambient: capabilities.ambient,
        no_new_privileges: plan.no_new_privileges,
        filter: plan.seccomp.as_ref().map(|filter| (filter.instructions.clone(), filter.flags)),
        keyring: text(Stage::Clone, &format!("_ses.{id}"))?,
        // Where that cannot be known, nothing is renamed.
        init: init.then(|| prctl::argument_area().unwrap_or_default()),
    })
}

/// Where a program of this name may be, as `execvp(3)` and Go's `exec.LookPath` search.
pub(crate) fn candidates(name: &str, env: &[String]) -> Vec<String> {
    if name.contains('/') {
        return vec![name.to_string()];
    }
    let path = env.iter().find_map(|entry| entry.strip_prefix("PATH="));
    let directories = path.unwrap_or("").split(':').filter(|_| path.is_some() && !name.is_empty());
    directories
        .map(|directory| match directory {
            "" => format!("./{name}"),
            _ => format!("{}/{name}", directory.trim_end_matches('/')),
        })
        .collect()
}

/// The three with numbers above 2, so that none is overwritten by another's getting its place.
fn stdio_out_of_the_way(fds: [OwnedFd; 3]) -> Result<[OwnedFd; 3], StartError> {
    let [input, output, error] = fds;
    Ok([out_of_the_way(input)?, out_of_the_way(output)?, out_of_the_way(error)?])
}

fn out_of_the_way(fd: OwnedFd) -> Result<OwnedFd, StartError> {
    if fd.as_raw_fd() > 2 {
        return Ok(fd);
    }
    child_fs::duplicate_above(fd.as_fd(), 3)
        .map_err(|error| StartError::new(Stage::Stdio, "", &error))
}

#[test]
fn programs_are_looked_for_as_execvp_does() {
    let check = |name: &str, env: &[&str], want: &[&str]| {
        let env: Vec<String> = env.iter().map(|entry| entry.to_string()).collect();
        assert_eq!(candidates(name, &env), want);
    };
    check("sh", &["A=1", "PATH=/bin:/usr/bin/"], &["/bin/sh", "/usr/bin/sh"]);
    check("sh", &["PATH="], &["./sh"]);
    check("sh", &["PATH=/a::b"], &["/a/sh", "./sh", "b/sh"]);
    check("sh", &["HOME=/"], &[]);
    check("", &["PATH=/bin"], &[]);
    check("./x", &["PATH=/bin"], &["./x"]);
    check("/bin/sh", &[], &["/bin/sh"]);
}
