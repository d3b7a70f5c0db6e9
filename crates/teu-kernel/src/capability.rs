//! The five capability sets of a thread: `capabilities(7)`, `capset(2)`, `prctl(2)`.
//!
//! A set is a bit mask: bit `n` is the capability with the number `n`. Nothing here allocates.
//!
//! To become a user with fewer rights: [`drop_bounding`] (needs CAP_SETPCAP), [`keep_over_setuid`],
//! set the ids, [`set`], [`raise_ambient`].

use std::io;

const VERSION_3: u32 = 0x2008_0522;

#[repr(C)]
struct Header {
    version: u32,
    pid: i32,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Data {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// The sets that `capset(2)` changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sets {
    /// What is looked at.
    pub effective: u64,
    /// What may be made effective.
    pub permitted: u64,
    /// What may pass through exec of a file that has it too.
    pub inheritable: u64,
}

/// The sets of this thread.
pub fn get() -> io::Result<Sets> {
    let mut header = Header { version: VERSION_3, pid: 0 };
    let mut data = [Data::default(); 2];
    // SAFETY: version 3 writes two elements, and `data` has two.
    let result = unsafe { libc::syscall(libc::SYS_capget, &raw mut header, data.as_mut_ptr()) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    let join = |low: u32, high: u32| u64::from(high) << 32 | u64::from(low);
    Ok(Sets {
        effective: join(data[0].effective, data[1].effective),
        permitted: join(data[0].permitted, data[1].permitted),
        inheritable: join(data[0].inheritable, data[1].inheritable),
    })
}

/// Sets them. A bit that this kernel does not know, or that is not permitted now, is refused.
pub fn set(sets: Sets) -> io::Result<()> {
    let mut header = Header { version: VERSION_3, pid: 0 };
    #[expect(clippy::cast_possible_truncation, reason = "the low half is meant")]
    let half = |shift: u32| Data {
        effective: (sets.effective >> shift) as u32,
        permitted: (sets.permitted >> shift) as u32,
        inheritable: (sets.inheritable >> shift) as u32,
    };
    let data = [half(0), half(32)];
    // SAFETY: version 3 reads two elements, and `data` has two.
    check(unsafe { libc::syscall(libc::SYS_capset, &raw mut header, data.as_ptr()) })
}

/// The bounding set: what no exec can ever give. Bits that the kernel does not know are clear.
pub fn bounding() -> u64 {
    (0..64u32)
        .take_while(|n| has_bounding(*n).is_some())
        .fold(0, |set, n| set | (u64::from(has_bounding(n) == Some(true)) << n))
}

/// Takes all but `keep` out of the bounding set.
pub fn drop_bounding(keep: u64) -> io::Result<()> {
    for number in (0..64u32).filter(|n| keep >> n & 1 == 0) {
        match prctl(libc::PR_CAPBSET_DROP, number, 0) {
            Ok(()) => {}
            // No such capability: this and all higher numbers.
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Whether the permitted set outlives the change from user 0 to another (cleared by exec).
pub fn keep_over_setuid(keep: bool) -> io::Result<()> {
    prctl(libc::PR_SET_KEEPCAPS, u32::from(keep), 0)
}

/// Empties the ambient set, then raises `set` in it: what a program without file capabilities keeps
/// through exec. Each must be permitted and inheritable.
pub fn raise_ambient(set: u64) -> io::Result<()> {
    prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL as u32, 0)?;
    for number in (0..64u32).filter(|n| set >> n & 1 == 1) {
        prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_RAISE as u32, number)?;
    }
    Ok(())
}

/// Whether the effective user is 0: `geteuid(2)`.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// No exec gives rights any more: `PR_SET_NO_NEW_PRIVS`. Cannot be undone.
pub fn set_no_new_privs() -> io::Result<()> {
    prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0)
}

fn has_bounding(number: u32) -> Option<bool> {
    // SAFETY: takes integers only.
    match unsafe { libc::prctl(libc::PR_CAPBSET_READ, libc::c_ulong::from(number), 0, 0, 0) } {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

fn prctl(option: i32, first: u32, second: u32) -> io::Result<()> {
    let (first, second) = (libc::c_ulong::from(first), libc::c_ulong::from(second));
    // SAFETY: the options used in this file take integers only; the unused ones must be 0.
    check(libc::c_long::from(unsafe { libc::prctl(option, first, second, 0, 0) }))
}

fn check(result: libc::c_long) -> io::Result<()> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[test]
fn a_thread_gives_up_what_it_has() {
    std::thread::spawn(|| {
        let before = get().unwrap();
        assert_eq!(before.effective & !before.permitted, 0);
        assert_eq!(before.permitted & !bounding() & before.effective, 0);
        if before.effective >> 8 & 1 == 1 {
            drop_bounding(1).unwrap();
            assert_eq!(bounding() & !1, 0);
        }
        set(Sets::default()).unwrap();
        assert_eq!(get().unwrap(), Sets::default());
        assert!(set(Sets { effective: 1, permitted: 1, inheritable: 0 }).is_err());
        assert!(raise_ambient(1).is_err());
    })
    .join()
    .unwrap();
}
