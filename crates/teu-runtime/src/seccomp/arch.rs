//! The calling conventions a process can switch between on this machine.
//!
//! A 64-bit kernel also takes 32-bit calls, whose numbers mean other things: a filter that looks at
//! the number without looking at the convention first can be walked around. x32 shares x86_64's
//! audit number and is told from it by one bit in the number of the call.

use teu_oci::runtime::SeccompArch;

/// A table of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Abi {
    /// x86_64, and x32 by a bit of the number.
    X86_64,
    /// i386.
    X86,
    /// 64-bit ARM.
    Aarch64,
    /// 32-bit ARM.
    Arm,
}

/// The bit that makes an x86_64 number an x32 one.
pub(super) const X32_BIT: u32 = 0x4000_0000;

impl Abi {
    /// The convention this program is built for.
    pub const NATIVE: Abi = if cfg!(target_arch = "aarch64") { Abi::Aarch64 } else { Abi::X86_64 };

    /// `AUDIT_ARCH_*`, as `seccomp_data.arch` has it.
    pub fn audit(self) -> u32 {
        match self {
            Abi::X86_64 => 0xC000_003E,
            Abi::X86 => 0x4000_0003,
            Abi::Aarch64 => 0xC000_00B7,
            Abi::Arm => 0x4000_0028,
        }
    }

    /// Whether a register holds 64 bits.
    pub(super) fn is_wide(self) -> bool {
        matches!(self, Abi::X86_64 | Abi::Aarch64)
    }
}

/// Which conventions a filter knows. All others are answered by ending the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arches {
    /// The 64-bit one and the 32-bit one, in the order in which they are asked.
    pub abis: [Option<Abi>; 2],
    /// Whether x32 is one of them.
    pub x32: bool,
}

impl Arches {
    /// All that machines of the kind `native` can speak: what docker's profile is for.
    pub fn all_of(native: Abi) -> Arches {
        match native {
            Abi::X86_64 | Abi::X86 => {
                Arches { abis: [Some(Abi::X86_64), Some(Abi::X86)], x32: true }
            }
            Abi::Aarch64 | Abi::Arm => {
                Arches { abis: [Some(Abi::Aarch64), Some(Abi::Arm)], x32: false }
            }
        }
    }

    /// Those named that a machine of the kind `native` has, and always its own: a filter that does
    /// not know it could run nothing.
    pub fn named(named: &[SeccompArch], native: Abi) -> Arches {
        let all = Arches::all_of(native);
        let wanted = |abi: Abi| {
            let word = match abi {
                Abi::X86_64 => SeccompArch::X86_64,
                Abi::X86 => SeccompArch::X86,
                Abi::Aarch64 => SeccompArch::Aarch64,
                Abi::Arm => SeccompArch::Arm,
            };
            abi == native || named.contains(&word)
        };
        Arches {
            abis: all.abis.map(|abi| abi.filter(|abi| wanted(*abi))),
            x32: all.x32 && named.contains(&SeccompArch::X32),
        }
    }
}
