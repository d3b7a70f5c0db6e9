//! A profile as docker's users write it: `--security-opt seccomp=FILE`.
//!
//! Docker's format is a bundle's `linux.seccomp` with conditions added: which capabilities, which
//! machine, which kernel a rule is for. They are decided here, once; what is left is the bundle's.

use super::{Abi, SeccompError};
use crate::capability::CapSet;
use serde::Deserialize;
use teu_oci::runtime::{
    LinuxSeccomp, LinuxSeccompArg, LinuxSyscall, SeccompAction, SeccompArch, SeccompFlag,
};

/// docker's own is 15 KiB.
const SIZE_MAX: usize = 1 << 20;

/// What the conditions of a profile ask about.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances {
    /// The container's bounding set.
    pub caps: CapSet,
    /// The machine.
    pub abi: Abi,
    /// Its kernel's version: major and minor.
    pub kernel: (u32, u32),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Profile {
    default_action: SeccompAction,
    default_errno_ret: Option<u32>,
    #[serde(default)]
    architectures: Option<Vec<SeccompArch>>,
    #[serde(default)]
    arch_map: Option<Vec<ArchMap>>,
    #[serde(default)]
    flags: Option<Vec<SeccompFlag>>,
    listener_path: Option<String>,
    listener_metadata: Option<String>,
    #[serde(default)]
    syscalls: Option<Vec<Syscall>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ArchMap {
    architecture: SeccompArch,
    #[serde(default)]
    sub_architectures: Option<Vec<SeccompArch>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Syscall {
    #[serde(default)]
    names: Option<Vec<String>>,
    name: Option<String>,
    action: SeccompAction,
    errno_ret: Option<u32>,
    #[serde(default)]
    args: Option<Vec<LinuxSeccompArg>>,
    #[serde(default)]
    includes: Option<Conditions>,
    #[serde(default)]
    excludes: Option<Conditions>,
}

/// All that are given must hold for `includes`; one is enough for `excludes`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Conditions {
    #[serde(default)]
    arches: Option<Vec<String>>,
    #[serde(default)]
    caps: Option<Vec<String>>,
    min_kernel: Option<String>,
}

/// Reads a profile in docker's format, or a bundle's, and decides its conditions.
pub fn read_profile(text: &[u8], now: Circumstances) -> Result<LinuxSeccomp, SeccompError> {
    if text.len() > SIZE_MAX {
        return Err(SeccompError::TooLarge);
    }
    let profile: Profile =
        serde_json::from_slice(text).map_err(|source| SeccompError::Format { source })?;
    let listed = profile.architectures.unwrap_or_default();
    let mapped = profile.arch_map.unwrap_or_default();
    if !listed.is_empty() && !mapped.is_empty() {
        return Err(SeccompError::Both { one: "architectures", other: "archMap" });
    }
    let native = match now.abi {
        Abi::X86_64 | Abi::X86 => SeccompArch::X86_64,
        Abi::Aarch64 | Abi::Arm => SeccompArch::Aarch64,
    };
    let mut architectures = listed;
    for map in mapped.into_iter().filter(|map| map.architecture == native) {
        architectures.push(map.architecture);
        architectures.extend(map.sub_architectures.unwrap_or_default());
    }
    let mut syscalls = Vec::new();
    for call in profile.syscalls.unwrap_or_default() {
        syscalls.extend(decide(call, now)?);
    }
    Ok(LinuxSeccomp {
        default_action: profile.default_action,
        default_errno_ret: profile.default_errno_ret,
        architectures,
        flags: profile.flags.unwrap_or_default(),
        listener_path: profile.listener_path,
        listener_metadata: profile.listener_metadata,
        syscalls,
    })
}

fn decide(call: Syscall, now: Circumstances) -> Result<Option<LinuxSyscall>, SeccompError> {
    let mut names = call.names.unwrap_or_default();
    if let Some(name) = call.name {
        if !names.is_empty() {
            return Err(SeccompError::Both { one: "name", other: "names" });
        }
        names.push(name);
    }
    let includes = call.includes.unwrap_or_default();
    let excludes = call.excludes.unwrap_or_default();
    let included = includes.kernel(now)?.unwrap_or(true)
        && includes.arch(now).unwrap_or(true)
        && includes.caps.iter().flatten().all(|name| has(now.caps, name));
    let excluded = excludes.kernel(now)?.unwrap_or(false)
        || excludes.arch(now).unwrap_or(false)
        || excludes.caps.iter().flatten().any(|name| has(now.caps, name));
    Ok((included && !excluded).then(|| LinuxSyscall {
        names,
        action: call.action,
        errno_ret: call.errno_ret,
        args: call.args.unwrap_or_default(),
    }))
}

fn has(caps: CapSet, name: &str) -> bool {
    CapSet::from_names([name]).is_ok_and(|set| caps.contains(set))
}

impl Conditions {
    /// In Go's words for machines.
    fn arch(&self, now: Circumstances) -> Option<bool> {
        let arches = self.arches.as_ref().filter(|arches| !arches.is_empty())?;
        let here = match now.abi {
            Abi::X86_64 | Abi::X86 => "amd64",
            Abi::Aarch64 | Abi::Arm => "arm64",
        };
        Some(arches.iter().any(|arch| arch == here))
    }

    fn kernel(&self, now: Circumstances) -> Result<Option<bool>, SeccompError> {
        let Some(text) = &self.min_kernel else { return Ok(None) };
        let bad = || SeccompError::Kernel { given: text.chars().take(40).collect() };
        let (major, minor) = text.split_once('.').ok_or_else(bad)?;
        let number = |part: &str| part.parse::<u32>().map_err(|_| bad());
        let wanted = (number(major)?, number(minor.split('.').next().unwrap_or(""))?);
        Ok(Some(now.kernel >= wanted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::Capability;

    fn names(text: &str, caps: &[Capability], kernel: (u32, u32)) -> String {
        let caps = caps.iter().copied().collect();
        let now = Circumstances { caps, abi: Abi::X86_64, kernel };
        match read_profile(text.as_bytes(), now) {
            Ok(profile) => {
                let names = profile.syscalls.iter().flat_map(|call| call.names.clone());
                names.collect::<Vec<_>>().join(" ")
            }
            Err(error) => format!("error: {error}"),
        }
    }

    fn check(syscalls: &str, caps: &[Capability], expected: &str) {
        let text = format!(r#"{{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{syscalls}]}}"#);
        assert_eq!(names(&text, caps, (6, 1)), expected, "{syscalls}");
    }

    #[test]
    fn conditions() {
        let rule = |extra: &str| format!(r#"{{"names":["a"],"action":"SCMP_ACT_ALLOW"{extra}}}"#);
        check(&rule(""), &[], "a");
        check(&rule(r#","includes":{},"excludes":{},"args":null"#), &[], "a");
        let admin = r#","includes":{"caps":["CAP_SYS_ADMIN"]}"#;
        check(&rule(admin), &[], "");
        check(&rule(admin), &[Capability::SYS_ADMIN], "a");
        let without = r#","excludes":{"caps":["CAP_SYS_ADMIN","CAP_BPF"]}"#;
        check(&rule(without), &[], "a");
        check(&rule(without), &[Capability::BPF], "");
        check(&rule(r#","includes":{"arches":["amd64","x32"]}"#), &[], "a");
        check(&rule(r#","includes":{"arches":["s390"]}"#), &[], "");
        check(&rule(r#","excludes":{"arches":["amd64"]}"#), &[], "");
        check(&rule(r#","includes":{"minKernel":"4.8"}"#), &[], "a");
        check(&rule(r#","includes":{"minKernel":"7.0"}"#), &[], "");
        check(r#"{"name":"b","action":"SCMP_ACT_ALLOW"}"#, &[], "b");
    }

    #[test]
    fn what_is_wrong() {
        check(
            r#"{"names":["a"],"action":"SCMP_ACT_ALLOW","includes":{"minKernel":"six"}}"#,
            &[],
            "error: the seccomp profile asks for kernel `six`, which is not a version like 4.8",
        );
        check(
            r#"{"name":"b","names":["a"],"action":"SCMP_ACT_ALLOW"}"#,
            &[],
            "error: the seccomp profile has both \"name\" and \"names\"",
        );
        for bad in ["", "[]", "{}", "null", "{\"defaultAction\":\"x\"}"] {
            assert_eq!(names(bad, &[], (6, 1)), "error: the seccomp profile is not valid", "{bad}");
        }
    }
}
