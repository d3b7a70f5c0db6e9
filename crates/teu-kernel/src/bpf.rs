//! `bpf(2)`, as far as device filters of cgroup v2 need it (`BPF_PROG_TYPE_CGROUP_DEVICE`, Linux 4.15;
//! `BPF_F_REPLACE`, Linux 5.6).
//!
//! A program that is attached lives as long as its cgroup: its descriptor need not be kept.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

const PROG_LOAD: libc::c_int = 5;
const PROG_ATTACH: libc::c_int = 8;
const PROG_DETACH: libc::c_int = 9;
const PROG_GET_FD_BY_ID: libc::c_int = 13;
const PROG_QUERY: libc::c_int = 16;
const TYPE_CGROUP_DEVICE: u32 = 15;
const ATTACH_CGROUP_DEVICE: u32 = 6;
const F_ALLOW_MULTI: u32 = 2;
const F_REPLACE: u32 = 4;

/// One instruction, `struct bpf_insn`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Insn {
    /// Class, operation and source of the operand.
    pub code: u8,
    /// Destination register in the low four bits, source register in the high four.
    pub registers: u8,
    /// Jump distance, or offset in memory.
    pub offset: i16,
    /// Immediate operand.
    pub immediate: i32,
}

/// A program of the device-filter type, loaded and checked by the kernel.
#[derive(Debug)]
pub struct DeviceProgram(OwnedFd);

#[repr(C)]
#[derive(Default)]
struct LoadAttr {
    prog_type: u32,
    insn_cnt: u32,
    insns: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log_buf: u64,
    kern_version: u32,
    prog_flags: u32,
    prog_name: [u8; 16],
}

#[repr(C)]
#[derive(Default)]
struct AttachAttr {
    target_fd: u32,
    attach_bpf_fd: u32,
    attach_type: u32,
    attach_flags: u32,
    replace_bpf_fd: u32,
}

#[repr(C)]
#[derive(Default)]
struct QueryAttr {
    target_fd: u32,
    attach_type: u32,
    query_flags: u32,
    attach_flags: u32,
    prog_ids: u64,
    prog_cnt: u32,
    // Linux 6.17 answers in fields that follow, without looking at the size it was told.
    rest: [u32; 25],
}

impl DeviceProgram {
    /// `BPF_PROG_LOAD`. On refusal the verifier's words are in the second half of the error.
    pub fn load(program: &[Insn]) -> Result<DeviceProgram, (io::Error, String)> {
        match load(program, &mut []) {
            Ok(fd) => Ok(DeviceProgram(fd)),
            Err(_) => {
                // Once more, with room for the verifier's explanation.
                let mut log = vec![0u8; 64 * 1024];
                match load(program, &mut log) {
                    Ok(fd) => Ok(DeviceProgram(fd)),
                    Err(error) => {
                        let length = log.iter().position(|&byte| byte == 0).unwrap_or(log.len());
                        let text = String::from_utf8_lossy(&log[..length]);
                        Err((error, text.trim().to_string()))
                    }
                }
            }
        }
    }

    /// `BPF_PROG_ATTACH` with `BPF_F_ALLOW_MULTI`: beside those of the groups above, all of which must
    /// agree. With `replaced`, in one step in place of that program.
    pub fn attach(
        &self,
        cgroup: BorrowedFd<'_>,
        replaced: Option<&DeviceProgram>,
    ) -> io::Result<()> {
        let mut attr = attach_attr(cgroup, &self.0);
        attr.attach_flags = F_ALLOW_MULTI;
        if let Some(replaced) = replaced {
            attr.attach_flags |= F_REPLACE;
            attr.replace_bpf_fd = raw(replaced.0.as_fd());
        }
        bpf(PROG_ATTACH, &mut attr).map(drop)
    }

    /// `BPF_PROG_DETACH`.
    pub fn detach(&self, cgroup: BorrowedFd<'_>) -> io::Result<()> {
        bpf(PROG_DETACH, &mut attach_attr(cgroup, &self.0)).map(drop)
    }

    /// The programs attached to `cgroup` itself, in order: `BPF_PROG_QUERY`, at most 64 as the kernel
    /// allows no more.
    pub fn attached(cgroup: BorrowedFd<'_>) -> io::Result<Vec<DeviceProgram>> {
        let mut ids = [0u32; 64];
        let mut attr = QueryAttr {
            target_fd: raw(cgroup),
            attach_type: ATTACH_CGROUP_DEVICE,
            prog_ids: ids.as_mut_ptr() as u64,
            prog_cnt: 64,
            ..QueryAttr::default()
        };
        bpf(PROG_QUERY, &mut attr)?;
        let count = usize::try_from(attr.prog_cnt).unwrap_or(0).min(ids.len());
        ids[..count].iter().map(|&id| by_id(id)).collect()
    }
}

impl AsFd for DeviceProgram {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn load(program: &[Insn], log: &mut [u8]) -> io::Result<OwnedFd> {
    // No helper that asks for the GPL is called.
    const LICENSE: &CStr = c"Apache-2.0";
    let count = u32::try_from(program.len());
    let mut attr = LoadAttr {
        prog_type: TYPE_CGROUP_DEVICE,
        insn_cnt: count.map_err(|_| io::Error::from_raw_os_error(libc::E2BIG))?,
        insns: program.as_ptr() as u64,
        license: LICENSE.as_ptr() as u64,
        prog_name: *b"teu_devices\0\0\0\0\0",
        ..LoadAttr::default()
    };
    if !log.is_empty() {
        attr.log_level = 1;
        attr.log_size = u32::try_from(log.len()).unwrap_or(u32::MAX);
        attr.log_buf = log.as_mut_ptr() as u64;
    }
    own(bpf(PROG_LOAD, &mut attr)?)
}

fn by_id(id: u32) -> io::Result<DeviceProgram> {
    // struct { id, next_id, open_flags }
    own(bpf(PROG_GET_FD_BY_ID, &mut [id, 0, 0])?).map(DeviceProgram)
}

fn attach_attr(cgroup: BorrowedFd<'_>, program: &OwnedFd) -> AttachAttr {
    AttachAttr {
        target_fd: raw(cgroup),
        attach_bpf_fd: raw(program.as_fd()),
        attach_type: ATTACH_CGROUP_DEVICE,
        ..AttachAttr::default()
    }
}

/// A borrowed descriptor is never negative.
fn raw(fd: BorrowedFd<'_>) -> u32 {
    u32::try_from(fd.as_raw_fd()).unwrap_or(u32::MAX)
}

fn own(result: libc::c_long) -> io::Result<OwnedFd> {
    let fd = i32::try_from(result).map_err(|_| io::Error::from_raw_os_error(libc::EBADF))?;
    // SAFETY: only called with what a command that makes a descriptor (always O_CLOEXEC) returned.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// `T` is one of the structures above: the kernel's layout, from its beginning.
fn bpf<T>(command: libc::c_int, attr: &mut T) -> io::Result<libc::c_long> {
    // SAFETY: `attr` is the structure that `command` reads, its size is told, and whatever it points at
    // outlives the call, being borrowed by the caller.
    let result = unsafe {
        libc::syscall(libc::SYS_bpf, command, std::ptr::from_mut(attr), std::mem::size_of::<T>())
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

#[test]
fn structures_have_the_kernels_layout() {
    assert_eq!(std::mem::size_of::<Insn>(), 8);
    assert_eq!(std::mem::size_of::<LoadAttr>(), 64);
    assert_eq!(std::mem::offset_of!(LoadAttr, prog_name), 48);
    assert_eq!(std::mem::size_of::<AttachAttr>(), 20);
    assert_eq!(std::mem::offset_of!(QueryAttr, prog_ids), 16);
    // No padding: it would reach the kernel as it is, and only zeroes may.
    assert_eq!(std::mem::size_of::<QueryAttr>(), 128);
}
