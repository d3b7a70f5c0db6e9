//! Signals as data: `sigprocmask(2)`, `signalfd(2)`; and the few that a process wants to ignore.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// Signals that arrive at a descriptor instead of interrupting. Dropped, they interrupt again.
#[derive(Debug)]
pub struct Signals {
    file: OwnedFd,
    before: libc::sigset_t,
}

impl Signals {
    /// Blocks `signals` for the calling thread and makes them readable (`signalfd(2)`).
    pub fn take(signals: &[i32]) -> io::Result<Signals> {
        let wanted = set(signals)?;
        let mut before = set(&[])?;
        // SAFETY: both sets are initialised and live through the call.
        let result =
            unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const wanted, &raw mut before) };
        if result != 0 {
            return Err(io::Error::from_raw_os_error(result));
        }
        // SAFETY: the set is initialised and lives through the call.
        let fd = unsafe {
            libc::signalfd(-1, &raw const wanted, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK)
        };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just made `fd` for us, and nobody else knows it.
        Ok(Signals { file: unsafe { OwnedFd::from_raw_fd(fd) }, before })
    }

    /// The number of the next signal that has arrived, if one has.
    pub fn next(&self) -> io::Result<Option<i32>> {
        let mut bytes = [0u8; size_of::<libc::signalfd_siginfo>()];
        match rustix::io::read(&self.file, &mut bytes) {
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Ok(None),
            Err(error) => Err(error.into()),
            // ssi_signo is the first field, a u32 (signalfd(2)).
            Ok(_) => Ok(Some(i32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))),
        }
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        // What arrived and was not read would strike now; whoever gave the signals up meant them to be heard
        // by the reader, which is gone.
        while let Ok(Some(_)) = self.next() {}
        // SAFETY: the set came from the same call and lives through this one.
        unsafe {
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.before, std::ptr::null_mut())
        };
    }
}

fn set(signals: &[i32]) -> io::Result<libc::sigset_t> {
    // SAFETY: plain data of C, which the next call initialises.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: a valid pointer to a sigset.
    unsafe { libc::sigemptyset(&raw mut set) };
    for &signal in signals {
        // SAFETY: an initialised sigset; a number that is no signal is refused.
        if unsafe { libc::sigaddset(&raw mut set, signal) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(set)
}

/// Has the whole process ignore `signal` from now on. Its children inherit that until they reset it.
pub fn ignore(signal: i32) -> io::Result<()> {
    // SAFETY: SIG_IGN is no function of ours that could run at a bad time.
    let before = unsafe { libc::signal(signal, libc::SIG_IGN) };
    if before == libc::SIG_ERR { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Sends `signal` to the calling process: to end, or stop, as the signal's default action would.
pub fn raise(signal: i32) -> io::Result<()> {
    // SAFETY: an integer; a number that is no signal is refused.
    if unsafe { libc::raise(signal) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Whoever wants to know that a signal's descriptor is ready polls it: [`AsRawFd`] for messages only.
impl AsRawFd for Signals {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.file.as_raw_fd()
    }
}

#[test]
fn a_signal_arrives_as_a_number() {
    let signals = Signals::take(&[libc::SIGWINCH]).unwrap();
    assert_eq!(signals.next().unwrap(), None);
    raise(libc::SIGWINCH).unwrap();
    assert_eq!(signals.next().unwrap(), Some(libc::SIGWINCH));
    assert_eq!(signals.next().unwrap(), None);
    assert!(Signals::take(&[4711]).is_err());
}
