//! Leaving namespaces for new ones: `unshare(2)`.

use crate::clone::NewNamespaces;
use std::io;

/// Gives the calling thread new namespaces of `kinds`. A PID or time namespace counts for children only.
pub fn unshare(kinds: NewNamespaces) -> io::Result<()> {
    let kinds = i32::try_from(kinds.bits()).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: CLONE_NEW* flags change what names mean, never memory or descriptors of other threads.
    if unsafe { libc::unshare(kinds) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
