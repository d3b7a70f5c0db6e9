//! The OCI runtime specification's `config.json`: what a bundle asks for, in OCI's field names.
//!
//! What an engine of ours writes and what Docker, containerd and Podman write are read alike: a list
//! that is `null` is empty, a field that is absent was not asked for. Nothing is judged here; what a
//! field may hold is decided where it is used, in teu-runtime.

mod linux;
mod process;
mod resources;
mod seccomp;

pub use linux::*;
pub use process::*;
pub use resources::*;
pub use seccomp::*;

use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;

/// A whole `config.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Spec {
    /// Version of the specification that the writer had in mind.
    pub oci_version: String,
    /// The program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process: Option<Process>,
    /// Its root directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root: Option<Root>,
    /// Its host name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// Its NIS domain name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domainname: Option<String>,
    /// What is mounted on the root, in order.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_empty")]
    pub mounts: Vec<Mount>,
    /// Programs that run at points of the container's life.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hooks: Option<Hooks>,
    /// Free text.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "null_is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// What only Linux has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub linux: Option<Linux>,
}

/// The container's root directory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Root {
    /// Absolute, or relative to the bundle.
    pub path: String,
    /// Nothing in it can be written.
    #[serde(skip_serializing_if = "is_false")]
    pub readonly: bool,
}

/// One mount.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Mount {
    /// Where, inside the container.
    pub destination: String,
    /// Type of file system; `bind` or absent for a bind mount.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Device, directory, or a word that means nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// As for `mount(8)`.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_empty")]
    pub options: Vec<String>,
    /// Map of user ids, for an id-mapped mount.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_empty")]
    pub uid_mappings: Vec<LinuxIdMapping>,
    /// Map of group ids, for an id-mapped mount.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_empty")]
    pub gid_mappings: Vec<LinuxIdMapping>,
}

/// Programs that run at points of the container's life.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Hooks {
    /// Before `createRuntime`; deprecated, and still what others use.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_empty")]
    pub prestart: Vec<Hook>,
    /// Namespaces are there, `pivot_root` is not done; in the runtime's namespaces.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_empty")]
    pub create_runtime: Vec<Hook>,
    /// The same moment, in the container's namespaces.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_empty")]
    pub create_container: Vec<Hook>,
    /// Right before the program, in the container.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_empty")]
    pub start_container: Vec<Hook>,
    /// The program runs.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_empty")]
    pub poststart: Vec<Hook>,
    /// The container is deleted.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_empty")]
    pub poststop: Vec<Hook>,
}

impl Hooks {
    /// Whether none is asked for.
    pub fn is_empty(&self) -> bool {
        *self == Hooks::default()
    }
}

/// One hook.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hook {
    /// The program, absolute.
    pub path: String,
    /// Its arguments, its own name first.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_empty")]
    pub args: Vec<String>,
    /// Its environment.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_empty")]
    pub env: Vec<String>,
    /// Seconds after which it is killed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<i64>,
}

/// Go programs write an empty list as `null`.
fn null_is_empty<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `runc spec`, shortened; with what Docker adds.
    const CONFIG: &str = r#"{"ociVersion":"1.0.2","process":{"terminal":true,"consoleSize":{"height":24,"width":80},"user":{"uid":1,"gid":2,"additionalGids":[3]},"args":["sh"],"env":["PATH=/bin"],"cwd":"/","capabilities":{"bounding":["CAP_KILL"]},"rlimits":[{"type":"RLIMIT_NOFILE","hard":1024,"soft":1024}],"noNewPrivileges":true,"oomScoreAdj":100},"root":{"path":"rootfs","readonly":true},"hostname":"h","mounts":[{"destination":"/proc","type":"proc","source":"proc"},{"destination":"/dev","type":"tmpfs","source":"tmpfs","options":["nosuid","mode=755"]}],"linux":{"uidMappings":[{"containerID":0,"hostID":100000,"size":65536}],"sysctl":{"net.core.somaxconn":"256"},"cgroupsPath":"/a/b","namespaces":[{"type":"pid"},{"type":"network","path":"/proc/1/ns/net"}],"devices":[{"path":"/dev/fuse","type":"c","major":10,"minor":229,"fileMode":438}],"seccomp":{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":1,"architectures":["SCMP_ARCH_X86_64"],"syscalls":[{"names":["socket"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":40,"op":"SCMP_CMP_NE"}]}]},"rootfsPropagation":"slave","maskedPaths":["/proc/kcore"],"readonlyPaths":["/proc/sys"],"timeOffsets":{"boottime":{"secs":604800}}}}"#;

    #[test]
    fn every_field_comes_back_as_it_was_written() {
        let read: Spec = serde_json::from_str(CONFIG).unwrap();
        let written = serde_json::to_value(&read).unwrap();
        assert_eq!(written, serde_json::from_str::<serde_json::Value>(CONFIG).unwrap());
    }

    #[test]
    fn null_stands_for_nothing() {
        let text = r#"{"process":{"args":null,"user":{}},"mounts":null,"linux":{"namespaces":null},"hooks":{"prestart":null}}"#;
        let read: Spec = serde_json::from_str(text).unwrap();
        assert!(read.mounts.is_empty() && read.hooks.unwrap().is_empty());
    }

    #[test]
    fn an_id_beyond_32_bits_is_refused() {
        for uid in ["4294967296", "-1", "1e30", "\"0\""] {
            let text = format!(r#"{{"process":{{"user":{{"uid":{uid}}}}}}}"#);
            assert!(serde_json::from_str::<Spec>(&text).is_err(), "{uid}");
        }
    }
}
