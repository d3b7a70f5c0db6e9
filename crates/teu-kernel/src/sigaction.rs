//! Signals of a process between clone and exec, and of an init: `sigaction(2)`, `sigprocmask(2)`,
//! `sigtimedwait(2)`, `kill(2)`.

use std::io;

/// Gives every signal its default action and lets all through. An ignored signal stays ignored
/// through exec, and Rust ignores SIGPIPE.
pub fn reset_all() {
    // The bare call, because the C library keeps 32 and 33 from its callers, and a parent written in
    // another language may have ignored them. `struct sigaction` of the kernel is at most four words
    // on x86_64 and aarch64, and all zero it says SIG_DFL, no flags, no mask.
    let default = [0u64; 4];
    for signal in 1..=64 {
        let nothing = std::ptr::null_mut::<u64>();
        // SAFETY: `default` lives through the call; SIG_DFL runs no code of ours. 9 and 19 are refused.
        unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, default.as_ptr(), nothing, 8) };
    }
    set_mask(false);
}

/// Blocks all signals, to be taken by [`wait`].
pub fn block_all() {
    set_mask(true);
}

fn set_mask(full: bool) {
    // SAFETY: plain data of C, initialised by the next call.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    if full {
        // SAFETY: a valid pointer to a sigset.
        unsafe { libc::sigfillset(&raw mut set) };
    }
    // SAFETY: an initialised set that lives through the call.
    unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const set, std::ptr::null_mut()) };
}

/// Waits for any blocked signal: its number.
pub fn wait() -> io::Result<i32> {
    // SAFETY: plain data of C, initialised by the next call.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: a valid pointer to a sigset.
    unsafe { libc::sigfillset(&raw mut set) };
    loop {
        // SAFETY: an initialised set; a null siginfo is allowed.
        let signal = unsafe { libc::sigwaitinfo(&raw const set, std::ptr::null_mut()) };
        if signal > 0 {
            return Ok(signal);
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// Sends `signal` to the process `pid`: for an init to its own child, which it has not reaped.
pub fn kill(pid: u32, signal: i32) -> io::Result<()> {
    let pid = i32::try_from(pid).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: two integers.
    if unsafe { libc::kill(pid, signal) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
