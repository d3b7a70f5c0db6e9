//! `clone3(2)`: a process in new namespaces, and in a cgroup, from its first instruction on.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};

bitflags::bitflags! {
    /// `CLONE_NEW*`, of `clone(2)`, `unshare(2)`, `setns(2)`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct NewNamespaces: u64 {
        /// Time: not for [`clone3`], which could not set its clocks; unshare it first.
        const TIME = 0x0000_0080;
        /// Mounts.
        const MOUNT = 0x0002_0000;
        /// Cgroups.
        const CGROUP = 0x0200_0000;
        /// Host name.
        const UTS = 0x0400_0000;
        /// System V IPC and POSIX message queues.
        const IPC = 0x0800_0000;
        /// Users.
        const USER = 0x1000_0000;
        /// Process ids.
        const PID = 0x2000_0000;
        /// Network.
        const NETWORK = 0x4000_0000;
    }
}

/// What a new process is to be.
#[derive(Clone, Copy, Debug, Default)]
pub struct CloneArgs<'fd> {
    /// Namespaces that it gets.
    pub namespaces: NewNamespaces,
    /// It is a child of the caller's parent, not of the caller (`CLONE_PARENT`).
    pub sibling: bool,
    /// The cgroup v2 directory it is born in (`CLONE_INTO_CGROUP`, Linux 5.7).
    pub cgroup: Option<BorrowedFd<'fd>>,
}

/// `struct clone_args`, as long as Linux 5.7 has it.
#[repr(C)]
#[derive(Default)]
struct RawArgs {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

/// Makes a process that runs `child` in a copy of this one's memory and ends with its result.
/// Returns its number, as seen here, and a descriptor for it.
///
/// Of several threads only the caller's is in the copy: a lock that another one held, malloc's too,
/// is never released there. So where there may be threads `child` takes no lock and allocates
/// nothing. A panic in it ends it with status 70. Signals with a handler have their default action
/// in it (`CLONE_CLEAR_SIGHAND`, Linux 5.5).
pub fn clone3(args: &CloneArgs<'_>, child: &mut dyn FnMut() -> u8) -> io::Result<(u32, OwnedFd)> {
    let mut pidfd: libc::c_int = -1;
    let mut flags = args.namespaces.bits() | libc::CLONE_PIDFD as u64 | CLEAR_SIGHAND;
    // The kernel wants no signal named for a sibling: it tells its parent as the caller would.
    let mut exit_signal = libc::SIGCHLD as u64;
    if args.sibling {
        flags |= libc::CLONE_PARENT as u64;
        exit_signal = 0;
    }
    let mut cgroup = 0;
    if let Some(group) = args.cgroup {
        flags |= INTO_CGROUP;
        cgroup = u64::try_from(group.as_raw_fd()).unwrap_or(0);
    }
    let raw = RawArgs {
        flags,
        pidfd: (&raw mut pidfd) as u64,
        exit_signal,
        cgroup,
        ..RawArgs::default()
    };
    // SAFETY: no CLONE_VM: the child has its own copy of all memory, and with no stack given goes on
    // with its copy of this one. `raw` is a whole struct clone_args whose size is told, and `pidfd`
    // outlives the call.
    let result = unsafe { libc::syscall(libc::SYS_clone3, &raw const raw, size_of::<RawArgs>()) };
    if result == 0 {
        let status = catch_unwind(AssertUnwindSafe(child)).unwrap_or(70);
        exit_now(status);
    }
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    let pid = u32::try_from(result).map_err(|_| io::ErrorKind::InvalidData)?;
    // SAFETY: CLONE_PIDFD: the kernel has just made it for us, and nobody else knows it.
    Ok((pid, unsafe { OwnedFd::from_raw_fd(pidfd) }))
}

/// As `fork(2)`: the child's number in the parent, `None` in the child. For a process that is itself
/// such a copy with one thread, and knows that it never drops what its parent owns.
pub fn fork() -> io::Result<Option<u32>> {
    // Not clone3: a filter of system calls that cannot look at its flags answers "no such call".
    // SAFETY: as in `clone3`: the child has its own copy of all memory; all other arguments are null.
    let result = unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) };
    match result {
        0 => Ok(None),
        1.. => Ok(Some(u32::try_from(result).map_err(|_| io::ErrorKind::InvalidData)?)),
        _ => Err(io::Error::last_os_error()),
    }
}

/// `_exit(2)`: ends at once; nothing is flushed, nobody is called.
pub fn exit_now(status: u8) -> ! {
    // SAFETY: an integer; never returns.
    unsafe { libc::_exit(i32::from(status)) }
}

const CLEAR_SIGHAND: u64 = 0x1_0000_0000;
const INTO_CGROUP: u64 = 0x2_0000_0000;

#[test]
fn a_child_runs_and_its_status_comes_back() {
    use std::os::fd::AsFd;
    let (pid, pidfd) = clone3(&CloneArgs::default(), &mut || 42).unwrap();
    assert!(pid > 0);
    assert_eq!(crate::wait::wait(pidfd.as_fd()).unwrap(), crate::wait::Ended::Exited(42));
    let not_a_group = std::fs::File::open("/").unwrap();
    let args = CloneArgs { cgroup: Some(not_a_group.as_fd()), ..CloneArgs::default() };
    assert!(clone3(&args, &mut || 0).is_err());
}
