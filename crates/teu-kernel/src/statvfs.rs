//! What a mount allows: `fstatvfs(3)`.

use std::io;
use std::os::fd::BorrowedFd;

/// Whether nothing can be executed from the mount that `file` lies on. `O_PATH` is enough.
pub fn is_noexec(file: BorrowedFd<'_>) -> io::Result<bool> {
    let about = rustix::fs::fstatvfs(file)?;
    Ok(about.f_flag.contains(rustix::fs::StatVfsMountFlags::NOEXEC))
}

/// Where the link that `link` was opened as (`O_PATH | O_NOFOLLOW`) leads: `readlinkat(2)` with an
/// empty path. Bytes that are no text are replaced.
pub fn read_link(link: BorrowedFd<'_>) -> io::Result<String> {
    let target = rustix::fs::readlinkat(link, c"", Vec::new())?;
    Ok(target.to_string_lossy().into_owned())
}
