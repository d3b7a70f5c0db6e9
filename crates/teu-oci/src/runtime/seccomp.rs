//! `linux.seccomp`: which system calls are let through, by name and argument.

use super::null_is_empty;
use serde::{Deserialize, Serialize};

/// A filter of system calls: `seccomp(2)`, in libseccomp's words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LinuxSeccomp {
    /// What happens to a call that no rule names.
    pub default_action: SeccompAction,
    /// The error that `SCMP_ACT_ERRNO` gives then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_errno_ret: Option<u32>,
    /// The machine's own where empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_empty")]
    pub architectures: Vec<SeccompArch>,
    /// How the filter is loaded.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_empty")]
    pub flags: Vec<SeccompFlag>,
    /// Socket of an agent that decides, for `SCMP_ACT_NOTIFY`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listener_path: Option<String>,
    /// Words for that agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listener_metadata: Option<String>,
    /// The rules.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_empty")]
    pub syscalls: Vec<LinuxSyscall>,
}

/// One rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LinuxSyscall {
    /// The calls it is about.
    pub names: Vec<String>,
    /// What happens.
    pub action: SeccompAction,
    /// The error that `SCMP_ACT_ERRNO` gives, or the message of `SCMP_ACT_TRACE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errno_ret: Option<u32>,
    /// All must hold, for the rule to hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_empty")]
    pub args: Vec<LinuxSeccompArg>,
}

/// A condition on one argument.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LinuxSeccompArg {
    /// Which argument, from 0.
    pub index: u32,
    /// Compared with this; the mask of `SCMP_CMP_MASKED_EQ`.
    pub value: u64,
    /// The value of `SCMP_CMP_MASKED_EQ`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub value_two: u64,
    /// How it is compared.
    pub op: SeccompOperator,
}

/// What happens to a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SeccompAction {
    /// The same as [`SeccompAction::KillThread`].
    #[serde(rename = "SCMP_ACT_KILL")]
    Kill,
    /// The whole process ends by SIGSYS.
    #[serde(rename = "SCMP_ACT_KILL_PROCESS")]
    KillProcess,
    /// The thread ends by SIGSYS.
    #[serde(rename = "SCMP_ACT_KILL_THREAD")]
    KillThread,
    /// SIGSYS.
    #[serde(rename = "SCMP_ACT_TRAP")]
    Trap,
    /// The call fails.
    #[default]
    #[serde(rename = "SCMP_ACT_ERRNO")]
    Errno,
    /// A tracer decides.
    #[serde(rename = "SCMP_ACT_TRACE")]
    Trace,
    /// It is let through.
    #[serde(rename = "SCMP_ACT_ALLOW")]
    Allow,
    /// It is let through and logged.
    #[serde(rename = "SCMP_ACT_LOG")]
    Log,
    /// An agent decides.
    #[serde(rename = "SCMP_ACT_NOTIFY")]
    Notify,
}

/// How an argument is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SeccompOperator {
    /// `!=`
    #[serde(rename = "SCMP_CMP_NE")]
    NotEqual,
    /// `<`
    #[serde(rename = "SCMP_CMP_LT")]
    Less,
    /// `<=`
    #[serde(rename = "SCMP_CMP_LE")]
    LessOrEqual,
    /// `==`
    #[serde(rename = "SCMP_CMP_EQ")]
    Equal,
    /// `>=`
    #[serde(rename = "SCMP_CMP_GE")]
    GreaterOrEqual,
    /// `>`
    #[serde(rename = "SCMP_CMP_GT")]
    Greater,
    /// `argument & value == value_two`
    #[serde(rename = "SCMP_CMP_MASKED_EQ")]
    MaskedEqual,
}

/// A calling convention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SeccompArch {
    /// i386.
    #[serde(rename = "SCMP_ARCH_X86")]
    X86,
    /// x86_64.
    #[serde(rename = "SCMP_ARCH_X86_64")]
    X86_64,
    /// 32-bit pointers on x86_64.
    #[serde(rename = "SCMP_ARCH_X32")]
    X32,
    /// 32-bit ARM.
    #[serde(rename = "SCMP_ARCH_ARM")]
    Arm,
    /// 64-bit ARM.
    #[serde(rename = "SCMP_ARCH_AARCH64")]
    Aarch64,
    /// Any other: a filter for a machine that teu does not run on.
    #[serde(other, rename = "SCMP_ARCH_OTHER")]
    Other,
}

/// How a filter is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SeccompFlag {
    /// On all threads at once.
    #[serde(rename = "SECCOMP_FILTER_FLAG_TSYNC")]
    Tsync,
    /// Everything but "allow" is logged.
    #[serde(rename = "SECCOMP_FILTER_FLAG_LOG")]
    Log,
    /// Speculative store bypass stays allowed.
    #[serde(rename = "SECCOMP_FILTER_FLAG_SPEC_ALLOW")]
    SpecAllow,
    /// A call that the agent has received can only be interrupted by a fatal signal.
    #[serde(rename = "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV")]
    WaitKillableRecv,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(value: &u64) -> bool {
    *value == 0
}
