//! A mount of another mount namespace, copied: `setns(2)`, `open_tree(2)`.

use crate::mount;
use rustix::thread::{LinkNameSpaceType, UnshareFlags};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

/// A detached copy of the mount at `path`, as the namespace `inside` sees it. A thread of its own goes
/// there, because a thread that shares its working directory with others may not, and none comes back.
pub fn clone_tree_inside(inside: BorrowedFd<'_>, path: &Path) -> io::Result<OwnedFd> {
    let visit = || {
        // SAFETY: CLONE_FS alone shares or unshares no memory and no descriptor table.
        unsafe { rustix::thread::unshare_unsafe(UnshareFlags::FS) }?;
        rustix::thread::move_into_link_name_space(inside, Some(LinkNameSpaceType::Mount))?;
        mount::clone_tree(rustix::fs::CWD, path, false)
    };
    std::thread::scope(|scope| {
        let visitor = std::thread::Builder::new().spawn_scoped(scope, visit)?;
        visitor.join().unwrap_or_else(|_| Err(io::Error::other("the visit broke off")))
    })
}
