//! What a process is called and who may look into it: `prctl(2)`.

use std::ffi::CStr;
use std::io;

/// Whether others may trace this process, read its memory and dump its core (`PR_SET_DUMPABLE`).
/// Its files in /proc belong to root while they may not. exec switches it on again.
pub fn set_dumpable(dumpable: bool) -> io::Result<()> {
    prctl(libc::PR_SET_DUMPABLE, libc::c_ulong::from(dumpable), 0, 0)
}

/// The name that `ps` and `top` show, of which 15 bytes count (`PR_SET_NAME`).
pub fn set_name(name: &CStr) -> io::Result<()> {
    Ok(rustix::thread::set_name(name)?)
}

/// What `/proc/PID/cmdline` shows (`PR_SET_MM`; needs CAP_SYS_RESOURCE).
pub fn set_command_line(text: &'static CStr) -> io::Result<()> {
    let start = text.as_ptr() as libc::c_ulong;
    let end = start + text.to_bytes_with_nul().len() as libc::c_ulong;
    // The start may not be behind the end at any time, so which goes first depends on where both lie.
    let (first, second) = ((PR_SET_MM_ARG_END, end), (PR_SET_MM_ARG_START, start));
    prctl(libc::PR_SET_MM, second.0, second.1, 0)
        .and_then(|()| prctl(libc::PR_SET_MM, first.0, first.1, 0))
        .or_else(|_| {
            prctl(libc::PR_SET_MM, first.0, first.1, 0)?;
            prctl(libc::PR_SET_MM, second.0, second.1, 0)
        })
}

const PR_SET_MM_ARG_START: libc::c_ulong = 8;
const PR_SET_MM_ARG_END: libc::c_ulong = 9;

fn prctl(
    option: i32,
    first: libc::c_ulong,
    second: libc::c_ulong,
    third: libc::c_ulong,
) -> io::Result<()> {
    // SAFETY: the options used in this file take integers, or the address of a string that lives as
    // long as the program.
    if unsafe { libc::prctl(option, first, second, third, 0) } == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
