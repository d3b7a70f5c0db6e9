//! A keyring of one's own: `keyctl(2)`.

use std::ffi::CStr;
use std::io;

/// A new session keyring of this name, so that keys of the caller's session are not reachable.
pub fn join_session_keyring(name: &CStr) -> io::Result<()> {
    const JOIN_SESSION_KEYRING: libc::c_long = 1;
    // SAFETY: a C string that lives through the call.
    let result = unsafe { libc::syscall(libc::SYS_keyctl, JOIN_SESSION_KEYRING, name.as_ptr()) };
    if result >= 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
