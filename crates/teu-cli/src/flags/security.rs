//! Rights: capabilities, system calls, what of /proc and /sys is closed.

use super::{CreateFlags, Flag, Takes, switch};
use teu_model::{CgroupNamespace, CreateRequest, Seccomp};

/// As typed.
#[derive(Clone, Debug, Default)]
pub struct SecurityFlags {
    cap_add: Vec<String>,
    cap_drop: Vec<String>,
    /// `--privileged`; `exec` has it too.
    pub privileged: bool,
    options: Vec<String>,
    read_only: bool,
    cgroup_namespace: Option<String>,
}

/// Their definitions.
pub const SECURITY: &[Flag<CreateFlags>] = &[
    Flag {
        long: "cap-add",
        short: None,
        takes: Takes::Value("list"),
        doc: "Add Linux capabilities: NET_ADMIN, ALL",
        set: |typed, value| {
            typed.security.cap_add.push(value.to_string());
            Ok(())
        },
    },
    Flag {
        long: "cap-drop",
        short: None,
        takes: Takes::Value("list"),
        doc: "Drop Linux capabilities",
        set: |typed, value| {
            typed.security.cap_drop.push(value.to_string());
            Ok(())
        },
    },
    Flag {
        long: "privileged",
        short: None,
        takes: Takes::Nothing,
        doc: "Give all capabilities and devices, without a filter of system calls",
        set: |typed, value| switch(value).map(|on| typed.security.privileged = on),
    },
    Flag {
        long: "security-opt",
        short: None,
        takes: Takes::Value("list"),
        doc: "seccomp=FILE|unconfined, no-new-privileges, systempaths=unconfined",
        set: |typed, value| {
            typed.security.options.push(value.to_string());
            Ok(())
        },
    },
    Flag {
        long: "read-only",
        short: None,
        takes: Takes::Nothing,
        doc: "Mount the container's root filesystem as read only",
        set: |typed, value| switch(value).map(|on| typed.security.read_only = on),
    },
    Flag {
        long: "cgroupns",
        short: None,
        takes: Takes::Value("string"),
        doc: "Cgroup namespace to use (host, private)",
        set: |typed, value| {
            typed.security.cgroup_namespace = Some(value.to_string());
            Ok(())
        },
    },
];

impl SecurityFlags {
    /// Into the request.
    pub fn resolve(self, request: &mut CreateRequest) -> Result<(), String> {
        let security = &mut request.security;
        security.privileged = self.privileged;
        security.cap_add = self.cap_add;
        security.cap_drop = self.cap_drop;
        request.read_only_root = self.read_only;
        for option in &self.options {
            one_option(option, request)?;
        }
        request.cgroup_namespace = match self.cgroup_namespace.as_deref() {
            None | Some("" | "private") => CgroupNamespace::Private,
            Some("host") => CgroupNamespace::Host,
            Some(_) => return Err("--cgroupns: invalid CGROUP mode".to_string()),
        };
        Ok(())
    }
}

/// `name=value`, docker's older `name:value`, or a name alone.
fn one_option(option: &str, request: &mut CreateRequest) -> Result<(), String> {
    let security = &mut request.security;
    let (name, value) = option.split_once(['=', ':']).unwrap_or((option, ""));
    match (name, value) {
        ("no-new-privileges", "" | "true") => security.no_new_privileges = true,
        ("no-new-privileges", "false") => security.no_new_privileges = false,
        ("seccomp", "unconfined") => security.seccomp = Seccomp::Unconfined,
        ("seccomp", "builtin") => security.seccomp = Seccomp::Default,
        ("seccomp", path) if !path.is_empty() => {
            security.seccomp = Seccomp::Profile(read_profile(path)?);
        }
        ("systempaths", "unconfined") => security.unmasked_paths = true,
        // teu sets neither, so that asking for neither is what is done already.
        ("apparmor", "unconfined") | ("label", "disable") => {}
        ("apparmor" | "label", _) => {
            return Err(format!("the security option {name}={value} is not there yet"));
        }
        _ => return Err(format!("invalid --security-opt: \"{option}\"")),
    }
    Ok(())
}

fn read_profile(path: &str) -> Result<String, String> {
    use std::io::Read;
    const PROFILE_MAX: u64 = 1 << 20;
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(PROFILE_MAX + 1).read_to_string(&mut text))
        .map_err(|error| format!("opening seccomp profile ({path}) failed: {error}"))?;
    if text.len() as u64 > PROFILE_MAX {
        return Err(format!("the seccomp profile {path} is larger than 1 MiB"));
    }
    Ok(text)
}
