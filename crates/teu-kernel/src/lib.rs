//! Every system call of teu, thinly, in the kernel's words; the only crate with `unsafe`.
//!
//! One file per facility, named as its manual page. A function here takes borrowed descriptors,
//! returns owned ones, and decides nothing.
#![expect(
    unsafe_code,
    reason = "the one crate where the kernel is called; each use says why it is sound"
)]

pub mod append;
pub mod bpf;
pub mod cachestat;
pub mod capability;
pub mod cgroupfs;
pub mod child_fs;
pub mod clone;
pub mod close_range;
pub mod copy_file_range;
pub mod device;
pub mod durable;
pub mod exec;
pub mod exec_self;
pub mod fifo;
pub mod flock;
pub mod ids;
pub mod inotify;
pub mod keyctl;
pub mod kmsg;
pub mod local_time;
pub mod loopdev;
pub mod malloc_trim;
pub mod memfd;
pub mod mntns;
pub mod mount;
pub mod netlink;
pub mod netns;
pub mod openat;
pub mod openat2;
pub mod pidfd;
pub mod pidfd_info;
pub mod poll;
pub mod prctl;
pub mod random;
pub mod read_write;
pub mod rlimit;
pub mod seccomp;
pub mod setns;
pub mod sigaction;
pub mod signal;
pub mod stat;
pub mod statvfs;
pub mod statx;
pub mod sync_file_range;
pub mod tcp;
pub mod tty;
pub mod unix;
pub mod unshare;
pub mod uts;
pub mod wait;
pub mod xattr;

pub use libc::{self, c_int};
