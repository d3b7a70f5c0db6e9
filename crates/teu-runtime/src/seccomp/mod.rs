//! Which system calls a container may make: a profile in, a program for the kernel out.
//!
//! ```text
//!   docker's default (default.rs) ─┐
//!   --security-opt FILE (profile.rs)─┼─► rules ──compile.rs──► BPF ──teu_kernel::seccomp──► kernel
//!   a bundle's linux.seccomp ──────┘    (Filter)               (Program)
//! ```
//! Pure: the program is made before the container's first process exists, and only loaded there.
//!
//! What a profile means, where libseccomp, runc and the kernel leave a choice:
//! - Of several rules for a call, one without conditions beats those with; else the first that holds.
//! - Conditions of one rule must all hold; two for one argument make it "any of them" (as in runc).
//! - A convention the profile does not name ends the process.
//! - Numbers above all that the profile names are "no such call" (ENOSYS) where the default is a
//!   refusal, so that C libraries newer than the profile fall back (as in runc).
//! - Arguments the kernel reads as 32 bits are compared as 32 bits (`ints.rs`).

mod arch;
mod compile;
mod default;
mod ints;
mod profile;
#[cfg(test)]
mod simulate;
mod table;

pub use arch::{Abi, Arches};
pub use default::{default_filter, default_profile};
pub use profile::{Circumstances, read_profile};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use teu_kernel::seccomp::{Flags, Instruction};
use teu_oci::runtime::{
    LinuxSeccomp, LinuxSeccompArg, SeccompAction, SeccompFlag, SeccompOperator,
};

pub use teu_oci::runtime::SeccompOperator as Comparison;

/// What the kernel answers: `SECCOMP_RET_*` with its 16 bits of data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Action(pub u32);

impl Action {
    /// Let it through.
    pub const ALLOW: Action = Action(0x7fff_0000);
    /// End the process.
    pub const KILL_PROCESS: Action = Action(0x8000_0000);
    /// Ask the listener.
    pub const NOTIFY: Action = Action(0x7fc0_0000);

    /// Return `errno`, and do nothing.
    pub const fn errno(errno: u16) -> Action {
        Action(0x0005_0000 | errno as u32)
    }

    fn of(action: SeccompAction, errno: Option<u32>) -> Result<Action, SeccompError> {
        // The kernel returns no errno above this one.
        let errno = errno.unwrap_or(1);
        let errno = u16::try_from(errno).ok().filter(|errno| *errno <= 4095);
        let errno = errno.ok_or(SeccompError::Errno)?;
        Ok(match action {
            SeccompAction::Kill | SeccompAction::KillThread => Action(0),
            SeccompAction::KillProcess => Action::KILL_PROCESS,
            SeccompAction::Trap => Action(0x0003_0000),
            SeccompAction::Errno => Action::errno(errno),
            SeccompAction::Trace => Action(0x7ff0_0000 | u32::from(errno)),
            SeccompAction::Log => Action(0x7ffc_0000),
            SeccompAction::Allow => Action::ALLOW,
            SeccompAction::Notify => Action::NOTIFY,
        })
    }

    /// Whether it stops the call without asking anybody.
    fn is_refusal(self) -> bool {
        matches!(self.0 & 0xffff_0000, 0 | 0x8000_0000 | 0x0003_0000 | 0x0005_0000)
    }
}

/// A condition on one argument. Checked: `index` is below 6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Which argument.
    index: u32,
    /// What it is compared with, or the mask.
    value: u64,
    /// With a mask: what is left.
    value_two: u64,
    op: Comparison,
}

impl Condition {
    fn of(arg: &LinuxSeccompArg) -> Result<Condition, SeccompError> {
        if arg.index >= 6 {
            return Err(SeccompError::Argument { index: arg.index });
        }
        let LinuxSeccompArg { index, value, value_two, op } = *arg;
        Ok(Condition { index, value, value_two, op })
    }
}

/// These calls, under these conditions, get this answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule<'a> {
    names: Vec<&'a str>,
    /// Only where calls are numbered so; else everywhere.
    abi: Option<Abi>,
    conditions: Vec<Condition>,
    action: Action,
}

/// A profile, checked, in the form the compiler takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter<'a> {
    default: Action,
    arches: Arches,
    flags: Flags,
    rules: Vec<Rule<'a>>,
}

impl<'a> Filter<'a> {
    /// From a bundle's `linux.seccomp`.
    pub fn new(profile: &'a LinuxSeccomp) -> Result<Filter<'a>, SeccompError> {
        let default = Action::of(profile.default_action, profile.default_errno_ret)?;
        if default == Action::NOTIFY {
            return Err(SeccompError::NotifyDefault);
        }
        let mut rules = Vec::with_capacity(profile.syscalls.len());
        for call in &profile.syscalls {
            let action = Action::of(call.action, call.errno_ret)?;
            let names: Vec<&str> = call.names.iter().map(String::as_str).collect();
            if action == Action::NOTIFY && names.contains(&"write") {
                return Err(SeccompError::NotifyWrite);
            }
            let conditions: Vec<Condition> =
                call.args.iter().map(Condition::of).collect::<Result<_, _>>()?;
            push_rules(&mut rules, Rule { names, abi: None, conditions, action });
        }
        let arches = Arches::named(&profile.architectures, Abi::NATIVE);
        let mut flags = profile.flags.iter().fold(Flags::empty(), |flags, flag| flags | bit(*flag));
        if profile.flags.is_empty() {
            // As runc: the mitigation that a filter would switch on costs much and, since Linux 5.16,
            // is not the kernel's own choice either.
            flags = Flags::SPEC_ALLOW;
        }
        if rules.iter().any(|rule| rule.action == Action::NOTIFY) {
            flags |= Flags::NEW_LISTENER;
        }
        Ok(Filter { default, arches, flags, rules })
    }

    /// The program the kernel takes.
    pub fn compile(&self) -> Result<Program, SeccompError> {
        Ok(Program { instructions: compile::compile(self)?, flags: self.flags })
    }
}

/// Adds `rule`; where it has two conditions on one argument, a rule for each condition.
fn push_rules<'a>(rules: &mut Vec<Rule<'a>>, rule: Rule<'a>) {
    let twice = (0..6).any(|i| rule.conditions.iter().filter(|c| c.index == i).count() > 1);
    if !twice {
        return rules.push(rule);
    }
    for condition in &rule.conditions {
        rules.push(Rule { conditions: vec![*condition], ..rule.clone() });
    }
}

fn bit(flag: SeccompFlag) -> Flags {
    match flag {
        SeccompFlag::Tsync => Flags::TSYNC,
        SeccompFlag::Log => Flags::LOG,
        SeccompFlag::SpecAllow => Flags::SPEC_ALLOW,
        SeccompFlag::WaitKillableRecv => Flags::WAIT_KILLABLE_RECV,
    }
}

/// What is loaded in the container's first process. Serialises as one line of hex digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// For `teu_kernel::seccomp::set_filter`.
    pub instructions: Vec<Instruction>,
    /// How it is loaded. With `NEW_LISTENER` the kernel gives a descriptor back.
    pub flags: Flags,
}

impl Program {
    /// The bundle's filter, compiled.
    pub fn new(profile: &LinuxSeccomp) -> Result<Program, SeccompError> {
        Filter::new(profile)?.compile()
    }

    /// 4 bytes of flags, then 8 bytes an instruction.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(4 + 8 * self.instructions.len());
        bytes.extend(self.flags.bits().to_le_bytes());
        for Instruction { code, jt, jf, k } in &self.instructions {
            bytes.extend(code.to_le_bytes());
            bytes.extend([*jt, *jf]);
            bytes.extend(k.to_le_bytes());
        }
        bytes
    }

    /// What [`Program::to_bytes`] made.
    pub fn from_bytes(bytes: &[u8]) -> Option<Program> {
        let (flags, code) = bytes.split_first_chunk::<4>()?;
        let (instructions, rest) = code.as_chunks::<8>();
        if !rest.is_empty() {
            return None;
        }
        let instruction = |b: &[u8; 8]| Instruction {
            code: u16::from_le_bytes([b[0], b[1]]),
            jt: b[2],
            jf: b[3],
            k: u32::from_le_bytes([b[4], b[5], b[6], b[7]]),
        };
        Some(Program {
            instructions: instructions.iter().map(instruction).collect(),
            flags: Flags::from_bits_truncate(u32::from_le_bytes(*flags)),
        })
    }
}

impl Serialize for Program {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let bytes = self.to_bytes();
        let digit = |half: u8| char::from(DIGITS[usize::from(half)]);
        let text: String = bytes.iter().flat_map(|b| [digit(b >> 4), digit(b & 15)]).collect();
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Program {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Program, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        let digit = |c: u8| char::from(c).to_digit(16).and_then(|d| u8::try_from(d).ok());
        let pairs = text.as_bytes().as_chunks::<2>().0.iter();
        let bytes: Option<Vec<u8>> =
            pairs.map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect();
        let program = bytes.and_then(|bytes| Program::from_bytes(&bytes));
        program.ok_or_else(|| serde::de::Error::custom("not a seccomp program"))
    }
}

/// Why a profile cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SeccompError {
    /// A call has six arguments.
    #[error("the seccomp profile has a condition on argument {index}; a call has arguments 0 to 5")]
    Argument {
        /// What was given.
        index: u32,
    },
    /// The kernel returns errno 1 to 4095.
    #[error("the seccomp profile has an errno above 4095")]
    Errno,
    /// The listener itself could make no call.
    #[error("SCMP_ACT_NOTIFY cannot be a seccomp profile's default action")]
    NotifyDefault,
    /// The descriptor could not be handed over.
    #[error("SCMP_ACT_NOTIFY cannot be used for the write system call")]
    NotifyWrite,
    /// More than the kernel takes.
    #[error("the seccomp profile needs {instructions} instructions; the kernel takes 4096")]
    TooLong {
        /// How many it would be.
        instructions: usize,
    },
    /// Larger than any true profile.
    #[error("the seccomp profile is larger than 1 MiB")]
    TooLarge,
    /// Not a profile.
    #[error("the seccomp profile is not valid")]
    Format {
        /// What the parser says.
        source: serde_json::Error,
    },
    /// Both of two ways to say the same.
    #[error("the seccomp profile has both \"{one}\" and \"{other}\"")]
    Both {
        /// One way.
        one: &'static str,
        /// The other.
        other: &'static str,
    },
    /// `minKernel` that is no version.
    #[error("the seccomp profile asks for kernel `{given}`, which is not a version like 4.8")]
    Kernel {
        /// What was given.
        given: String,
    },
}

impl SeccompError {
    /// Advice, where there is some.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            SeccompError::Format { .. } => {
                Some("the format is that of docker's default.json, or linux.seccomp of a bundle")
            }
            SeccompError::TooLong { .. } => Some("join rules that differ in their names only"),
            _ => None,
        }
    }
}

/// The words of a bundle for what a filter of ours says.
fn arg(index: u32, op: SeccompOperator, value: u64, value_two: u64) -> LinuxSeccompArg {
    LinuxSeccompArg { index, value, value_two, op }
}
