//! Limits of a process: `prlimit(2)`, `getrlimit(2)`.

use std::io;

/// Names and numbers, as `RLIMIT_…`; the same on x86_64 and aarch64.
const NAMES: [(&str, u32); 16] = [
    ("CPU", libc::RLIMIT_CPU),
    ("FSIZE", libc::RLIMIT_FSIZE),
    ("DATA", libc::RLIMIT_DATA),
    ("STACK", libc::RLIMIT_STACK),
    ("CORE", libc::RLIMIT_CORE),
    ("RSS", libc::RLIMIT_RSS),
    ("NPROC", libc::RLIMIT_NPROC),
    ("NOFILE", libc::RLIMIT_NOFILE),
    ("MEMLOCK", libc::RLIMIT_MEMLOCK),
    ("AS", libc::RLIMIT_AS),
    ("LOCKS", libc::RLIMIT_LOCKS),
    ("SIGPENDING", libc::RLIMIT_SIGPENDING),
    ("MSGQUEUE", libc::RLIMIT_MSGQUEUE),
    ("NICE", libc::RLIMIT_NICE),
    ("RTPRIO", libc::RLIMIT_RTPRIO),
    ("RTTIME", libc::RLIMIT_RTTIME),
];

/// The number of `RLIMIT_NOFILE` and its kin.
pub fn number(name: &str) -> Option<u32> {
    let name = name.strip_prefix("RLIMIT_")?;
    NAMES.iter().find(|known| known.0 == name).map(|known| known.1)
}

/// The name of a number, for messages.
pub fn name(number: u32) -> &'static str {
    NAMES.iter().find(|known| known.1 == number).map_or("?", |known| known.0)
}

/// Sets a limit of the process `pid`; 0 is the caller. `u64::MAX` is no limit.
pub fn set(pid: u32, resource: u32, soft: u64, hard: u64) -> io::Result<()> {
    let pid = i32::try_from(pid).map_err(|_| io::ErrorKind::InvalidInput)?;
    let limit = libc::rlimit64 { rlim_cur: soft, rlim_max: hard };
    // SAFETY: `limit` lives through the call; a null pointer for the old one is allowed.
    let result = unsafe {
        libc::syscall(
            libc::SYS_prlimit64,
            pid,
            resource,
            &raw const limit,
            std::ptr::null_mut::<libc::rlimit64>(),
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// A limit of the caller: soft, hard. `u64::MAX` is no limit.
pub fn get(resource: u32) -> io::Result<(u64, u64)> {
    let mut limit = libc::rlimit64 { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` lives through the call; a null pointer for the new one is allowed.
    let result = unsafe {
        libc::syscall(
            libc::SYS_prlimit64,
            0,
            resource,
            std::ptr::null::<libc::rlimit64>(),
            &raw mut limit,
        )
    };
    if result == 0 { Ok((limit.rlim_cur, limit.rlim_max)) } else { Err(io::Error::last_os_error()) }
}

#[test]
fn a_limit_is_as_it_was_set() {
    let (soft, hard) = get(libc::RLIMIT_CORE).unwrap();
    set(0, libc::RLIMIT_CORE, soft, hard).unwrap();
    assert_eq!(get(libc::RLIMIT_CORE).unwrap(), (soft, hard));
    assert!(get(999).is_err());
}

#[test]
fn names_are_numbers() {
    assert_eq!(number("RLIMIT_NOFILE"), Some(libc::RLIMIT_NOFILE));
    assert_eq!((number("NOFILE"), number("RLIMIT_X")), (None, None));
    assert_eq!(name(libc::RLIMIT_NPROC), "NPROC");
    assert!(set(0, 999, 1, 1).is_err());
}
