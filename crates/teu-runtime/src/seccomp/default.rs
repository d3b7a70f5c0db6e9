//! The profile of a container that asked for none: docker's meaning, in a table.
//!
//! All is refused with EPERM but what stands here. Grouped by what the calls are for, so that a reader
//! sees what a container can do; a call that opened a way out of a container somewhere stands with the
//! capability that it takes.
//!
//! Two rows are stricter than docker's, each for a way around a rule of docker's own:
//! - `socketcall` on i386 cannot make a socket: the family would be in memory, where no filter can
//!   look, and AF_VSOCK and AF_ALG would be open again. C libraries since 2015 make the direct call.
//! - `socket`'s family is compared as the 32 bits the kernel reads (`ints.rs`).

use super::{Abi, Action, Arches, Condition, Filter, Rule, arg};
use crate::capability::{CapSet, Capability};
use teu_kernel::seccomp::Flags;
use teu_oci::runtime::{LinuxSeccomp, LinuxSyscall, SeccompAction, SeccompArch, SeccompOperator};

/// When a row holds.
#[derive(Clone, Copy)]
enum When {
    Always,
    /// The container has the capability.
    Has(Capability),
    /// It has not.
    Lacks(Capability),
    /// In this convention only.
    On(Abi),
}

/// `(argument, comparison, value, second value)`.
type Check = (u32, SeccompOperator, u64, u64);

struct Row {
    when: When,
    checks: &'static [Check],
    /// `None`: allowed.
    errno: Option<u16>,
    calls: &'static str,
}

const fn allow(when: When, calls: &'static str) -> Row {
    Row { when, checks: &[], errno: None, calls }
}

const fn allow_if(when: When, checks: &'static [Check], calls: &'static str) -> Row {
    Row { when, checks, errno: None, calls }
}

use SeccompOperator::{Equal, Greater, Less, MaskedEqual, NotEqual};
use When::{Always, Has, Lacks, On};

/// `CLONE_NEW*` without CLONE_NEWTIME, which clone cannot take: user, pid, net, ipc, uts, cgroup, mnt.
const NEW_NAMESPACES: u64 = 0x7e02_0000;
const NO_SUCH_CALL: u16 = 38;

#[rustfmt::skip]
const ROWS: &[Row] = &[
    // Files and directories.
    allow(Always, "open openat openat2 creat close close_range read readv pread64 preadv preadv2 \
        write writev pwrite64 pwritev pwritev2 lseek _llseek dup dup2 dup3 fcntl fcntl64 ioctl flock \
        access faccessat faccessat2 chdir fchdir getcwd umask \
        stat stat64 lstat lstat64 fstat fstat64 fstatat64 newfstatat statx \
        statfs statfs64 fstatfs fstatfs64 statmount listmount \
        chmod fchmod fchmodat fchmodat2 chown chown32 fchown fchown32 fchownat lchown lchown32 \
        utime utimes utimensat utimensat_time64 futimesat \
        link linkat symlink symlinkat readlink readlinkat unlink unlinkat rename renameat renameat2 \
        mkdir mkdirat rmdir mknod mknodat getdents getdents64 name_to_handle_at \
        truncate truncate64 ftruncate ftruncate64 fallocate fadvise64 fadvise64_64 readahead \
        sync syncfs fsync fdatasync sync_file_range cachestat \
        copy_file_range sendfile sendfile64 splice tee vmsplice \
        getxattr lgetxattr fgetxattr getxattrat setxattr lsetxattr fsetxattr setxattrat \
        listxattr llistxattr flistxattr listxattrat removexattr lremovexattr fremovexattr removexattrat \
        inotify_init inotify_init1 inotify_add_watch inotify_rm_watch fanotify_mark \
        landlock_create_ruleset landlock_add_rule landlock_restrict_self"),
    // Waiting for descriptors; asynchronous reads and writes.
    allow(Always, "select _newselect pselect6 pselect6_time64 poll ppoll ppoll_time64 \
        epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_wait epoll_wait_old epoll_pwait epoll_pwait2 \
        eventfd eventfd2 signalfd signalfd4 timerfd_create timerfd_gettime timerfd_gettime64 \
        timerfd_settime timerfd_settime64 pipe pipe2 \
        io_setup io_destroy io_submit io_cancel io_getevents io_pgetevents io_pgetevents_time64"),
    // Memory.
    allow(Always, "brk mmap mmap2 munmap mremap mprotect madvise mincore msync remap_file_pages mseal \
        mlock mlock2 mlockall munlock munlockall memfd_create memfd_secret membarrier map_shadow_stack \
        pkey_alloc pkey_free pkey_mprotect process_mrelease"),
    // Processes and threads.
    allow(Always, "fork vfork execve execveat exit exit_group wait4 waitid waitpid restart_syscall \
        getpid getppid gettid getpgid getpgrp getsid setpgid setsid pidfd_open pidfd_send_signal \
        prctl seccomp rseq set_tid_address set_robust_list get_robust_list \
        get_thread_area set_thread_area \
        futex futex_time64 futex_wait futex_waitv futex_wake futex_requeue uretprobe riscv_hwprobe \
        getpriority setpriority ioprio_get ioprio_set getcpu \
        sched_getaffinity sched_setaffinity sched_getattr sched_setattr sched_getparam sched_setparam \
        sched_getscheduler sched_setscheduler sched_get_priority_max sched_get_priority_min \
        sched_rr_get_interval sched_rr_get_interval_time64 sched_yield \
        getrlimit ugetrlimit setrlimit prlimit64 getrusage times sysinfo uname"),
    // Who it is, and what it may.
    allow(Always, "getuid getuid32 geteuid geteuid32 getgid getgid32 getegid getegid32 \
        getresuid getresuid32 getresgid getresgid32 getgroups getgroups32 \
        setuid setuid32 setgid setgid32 setreuid setreuid32 setregid setregid32 \
        setresuid setresuid32 setresgid setresgid32 setfsuid setfsuid32 setfsgid setfsgid32 \
        setgroups setgroups32 capget capset getrandom"),
    // Signals.
    allow(Always, "kill tkill tgkill pause alarm sigaltstack sigprocmask sigreturn \
        rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend \
        rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo"),
    // Time. Setting it needs CAP_SYS_TIME, which the kernel asks for itself (adjtimex can also read).
    allow(Always, "time gettimeofday nanosleep clock_getres clock_getres_time64 clock_gettime \
        clock_gettime64 clock_nanosleep clock_nanosleep_time64 clock_adjtime clock_adjtime64 adjtimex \
        getitimer setitimer timer_create timer_delete timer_getoverrun timer_gettime timer_gettime64 \
        timer_settime timer_settime64"),
    // Sockets. The families AF_ALG (38) and AF_VSOCK (40) stay closed: one has opened the kernel, the
    // other leads to the machine that the host runs on.
    allow(Always, "bind listen accept accept4 connect shutdown socketpair getsockname getpeername \
        getsockopt setsockopt send sendto sendmsg sendmmsg recv recvfrom recvmsg recvmmsg \
        recvmmsg_time64"),
    allow_if(Always, &[(0, Less, 38, 0)], "socket"),
    allow_if(Always, &[(0, Equal, 39, 0)], "socket"),
    allow_if(Always, &[(0, Greater, 40, 0)], "socket"),
    allow_if(Always, &[(0, NotEqual, 1, 0)], "socketcall"),
    // Messages, semaphores and shared memory.
    allow(Always, "ipc msgctl msgget msgrcv msgsnd semctl semget semop semtimedop semtimedop_time64 \
        shmat shmctl shmdt shmget mq_open mq_unlink mq_notify mq_getsetattr mq_timedreceive \
        mq_timedreceive_time64 mq_timedsend mq_timedsend_time64"),
    // Looking into other processes: the kernel asks for the same user and no more rights. Safe since
    // Linux 4.8, where a tracer can no longer walk around the filter.
    allow(Always, "ptrace process_vm_readv process_vm_writev"),
    // Plain Linux, with and without UNAME26 (0x20000), and 32 bits (8), and "which one?".
    allow_if(Always, &[(0, Equal, 0, 0)], "personality"),
    allow_if(Always, &[(0, Equal, 0x0008, 0)], "personality"),
    allow_if(Always, &[(0, Equal, 0x2_0000, 0)], "personality"),
    allow_if(Always, &[(0, Equal, 0x2_0008, 0)], "personality"),
    allow_if(Always, &[(0, Equal, 0xffff_ffff, 0)], "personality"),
    // What one processor has.
    allow(On(Abi::X86_64), "arch_prctl modify_ldt"),
    allow(On(Abi::X86), "arch_prctl modify_ldt"),
    allow(On(Abi::Arm), "arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls"),
    allow(On(Abi::Aarch64), "sync_file_range2"),
    // With the capability.
    allow(Has(Capability::DAC_READ_SEARCH), "open_by_handle_at"),
    allow(Has(Capability::SYS_ADMIN), "clone clone3 unshare setns mount umount umount2 fsopen fsconfig \
        fsmount fspick move_mount mount_setattr open_tree bpf perf_event_open fanotify_init \
        lookup_dcookie lsm_get_self_attr lsm_set_self_attr lsm_list_modules quotactl quotactl_fd \
        sethostname setdomainname syslog"),
    allow(Has(Capability::SYS_BOOT), "reboot"),
    allow(Has(Capability::SYS_CHROOT), "chroot"),
    allow(Has(Capability::SYS_MODULE), "delete_module init_module finit_module"),
    allow(Has(Capability::SYS_PACCT), "acct"),
    allow(Has(Capability::SYS_PTRACE), "kcmp pidfd_getfd process_madvise"),
    allow(Has(Capability::SYS_RAWIO), "iopl ioperm"),
    allow(Has(Capability::SYS_TIME), "settimeofday stime clock_settime clock_settime64"),
    allow(Has(Capability::SYS_TTY_CONFIG), "vhangup"),
    allow(Has(Capability::SYS_NICE), "get_mempolicy mbind set_mempolicy set_mempolicy_home_node"),
    allow(Has(Capability::SYSLOG), "syslog"),
    allow(Has(Capability::BPF), "bpf"),
    allow(Has(Capability::PERFMON), "perf_event_open"),
    // Without it: processes and threads, but no namespaces. clone3 has its flags in memory, where no
    // filter can look: "no such call", and C libraries use clone.
    allow_if(Lacks(Capability::SYS_ADMIN), &[(0, MaskedEqual, NEW_NAMESPACES, 0)], "clone"),
    Row { when: Lacks(Capability::SYS_ADMIN), checks: &[], errno: Some(NO_SUCH_CALL), calls: "clone3" },
];

fn holds(when: When, caps: CapSet) -> bool {
    match when {
        Always | On(_) => true,
        Has(capability) => caps.has(capability),
        Lacks(capability) => !caps.has(capability),
    }
}

/// The default for a container with the capabilities `caps` (its bounding set), ready to compile.
pub fn default_filter(caps: CapSet) -> Filter<'static> {
    let rules = ROWS.iter().filter(|row| holds(row.when, caps)).map(|row| Rule {
        names: row.calls.split_ascii_whitespace().collect(),
        abi: if let On(abi) = row.when { Some(abi) } else { None },
        conditions: row
            .checks
            .iter()
            .map(|&(index, op, value, value_two)| Condition { index, value, value_two, op })
            .collect(),
        action: row.errno.map_or(Action::ALLOW, Action::errno),
    });
    Filter {
        default: Action::errno(1),
        arches: Arches::all_of(Abi::NATIVE),
        flags: Flags::SPEC_ALLOW,
        rules: rules.collect(),
    }
}

/// The same in a bundle's words. There a rule cannot be bound to one convention; those that are here
/// name calls that other conventions do not have, or have with the same meaning.
pub fn default_profile(caps: CapSet) -> LinuxSeccomp {
    let architectures = match Abi::NATIVE {
        Abi::X86_64 | Abi::X86 => vec![SeccompArch::X86_64, SeccompArch::X86, SeccompArch::X32],
        Abi::Aarch64 | Abi::Arm => vec![SeccompArch::Aarch64, SeccompArch::Arm],
    };
    let rows = ROWS.iter().filter(|row| holds(row.when, caps));
    let rows = rows.filter(|row| match row.when {
        On(abi) => Arches::all_of(Abi::NATIVE).abis.contains(&Some(abi)),
        _ => true,
    });
    let syscalls = rows.map(|row| LinuxSyscall {
        names: row.calls.split_ascii_whitespace().map(str::to_string).collect(),
        action: if row.errno.is_some() { SeccompAction::Errno } else { SeccompAction::Allow },
        errno_ret: row.errno.map(u32::from),
        args: row.checks.iter().map(|&(index, op, one, two)| arg(index, op, one, two)).collect(),
    });
    LinuxSeccomp {
        default_action: SeccompAction::Errno,
        default_errno_ret: Some(1),
        architectures,
        syscalls: syscalls.collect(),
        ..LinuxSeccomp::default()
    }
}
