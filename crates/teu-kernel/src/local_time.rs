//! A moment as the host's clocks show it: `localtime_r(3)`.

use std::mem::MaybeUninit;

/// Parts of a moment in the host's time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalTime {
    /// 0 is January.
    pub month: u8,
    /// From 1.
    pub day: u8,
    /// From 0.
    pub hour: u8,
    /// From 0.
    pub minute: u8,
    /// From 0, to 60 where a second is inserted.
    pub second: u8,
}

/// So many seconds after 1970 began. The zone is that of /etc/localtime, or of the variable TZ.
pub fn local_time(unix_secs: u64) -> Option<LocalTime> {
    let time = libc::time_t::try_from(unix_secs).ok()?;
    let mut parts = MaybeUninit::<libc::tm>::uninit();
    // SAFETY: both pointers are valid for the call.
    let result = unsafe { libc::localtime_r(&raw const time, parts.as_mut_ptr()) };
    if result.is_null() {
        return None;
    }
    // SAFETY: a result that is not null says that all of it was written.
    let parts = unsafe { parts.assume_init() };
    let small = |number: libc::c_int| u8::try_from(number).ok();
    Some(LocalTime {
        month: small(parts.tm_mon)?,
        day: small(parts.tm_mday)?,
        hour: small(parts.tm_hour)?,
        minute: small(parts.tm_min)?,
        second: small(parts.tm_sec)?,
    })
}

#[test]
fn a_moment_has_parts() {
    // Noon in Greenwich: the same minute and second in every zone of whole hours or half ones.
    let noon = local_time(1_000_000_000).unwrap();
    assert_eq!((noon.month, noon.second), (8, 40));
    assert!((8..=10).contains(&noon.day) && noon.minute < 60);
}
