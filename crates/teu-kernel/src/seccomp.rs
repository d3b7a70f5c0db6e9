//! Filters of system calls: `seccomp(2)`, Linux 3.17; notification 5.0.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

/// One instruction of classic BPF, laid out as `struct sock_filter`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// What to do.
    pub code: u16,
    /// How many instructions to skip if so.
    pub jt: u8,
    /// How many if not.
    pub jf: u8,
    /// The operand.
    pub k: u32,
}

/// The kernel takes no more instructions than this in one filter (`BPF_MAXINSNS`).
pub const INSTRUCTIONS_MAX: usize = 4096;

bitflags::bitflags! {
    /// `SECCOMP_FILTER_FLAG_*`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Flags: u32 {
        /// For all threads of the process.
        const TSYNC = 1;
        /// Log every answer but "allow".
        const LOG = 2;
        /// Do not switch on the mitigation of speculative store bypass.
        const SPEC_ALLOW = 4;
        /// Give back a descriptor that hears of the calls answered "notify".
        const NEW_LISTENER = 8;
        /// A notified call can be interrupted by deadly signals only, once it has been heard.
        const WAIT_KILLABLE_RECV = 32;
    }
}

/// Puts `program` before every system call of this thread, for good.
///
/// Needs CAP_SYS_ADMIN in the user namespace, or no_new_privs. Allocates nothing. The descriptor is
/// there with [`Flags::NEW_LISTENER`] only.
pub fn set_filter(program: &[Instruction], flags: Flags) -> io::Result<Option<OwnedFd>> {
    let length = u16::try_from(program.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let filter = libc::sock_fprog { len: length, filter: program.as_ptr().cast_mut().cast() };
    // SAFETY: `filter` holds the address and the true length of `program`, whose elements are laid
    // out as struct sock_filter; the kernel reads both during the call only.
    let result = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            flags.bits(),
            &raw const filter,
        )
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    if !flags.contains(Flags::NEW_LISTENER) {
        return Ok(None);
    }
    let fd = i32::try_from(result).map_err(|_| io::ErrorKind::InvalidData)?;
    // SAFETY: with NEW_LISTENER the result is a descriptor made for us, and nobody else knows it.
    Ok(Some(unsafe { OwnedFd::from_raw_fd(fd) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_answers() {
        // In a thread of its own: a filter cannot be taken off.
        std::thread::spawn(|| {
            const RETURN: u16 = 0x06;
            const LOAD: u16 = 0x20;
            const JUMP_EQUAL: u16 = 0x15;
            let program = [
                Instruction { code: LOAD, jt: 0, jf: 0, k: 0 },
                Instruction {
                    code: JUMP_EQUAL,
                    jt: 0,
                    jf: 1,
                    k: u32::try_from(libc::SYS_getpgrp).unwrap(),
                },
                Instruction { code: RETURN, jt: 0, jf: 0, k: 0x0005_0000 | 42 },
                Instruction { code: RETURN, jt: 0, jf: 0, k: 0x7fff_0000 },
            ];
            crate::capability::set_no_new_privs().unwrap();
            set_filter(&program, Flags::empty()).unwrap();
            // SAFETY: takes nothing.
            let result = unsafe { libc::syscall(libc::SYS_getpgrp) };
            assert_eq!(result, -1);
            assert_eq!(io::Error::last_os_error().raw_os_error(), Some(42));
            let too_long = vec![program[3]; INSTRUCTIONS_MAX + 1];
            assert!(set_filter(&too_long, Flags::empty()).is_err());
        })
        .join()
        .unwrap();
    }
}
