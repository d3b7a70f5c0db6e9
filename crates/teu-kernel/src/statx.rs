//! What the kernel knows of a file beyond `stat`: `statx(2)`, `statfs(2)`.

use rustix::fs::{AtFlags, StatxAttributes, StatxFlags};
use std::io;
use std::os::fd::BorrowedFd;
use std::path::Path;

/// Is something mounted on `path` itself? (`STATX_ATTR_MOUNT_ROOT`, Linux 5.8.) A link is not
/// followed; what does not exist is no mount.
pub fn is_mount_root(path: &Path) -> io::Result<bool> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
    match rustix::fs::statx(rustix::fs::CWD, path, flags, StatxFlags::empty()) {
        Ok(answer) => Ok(answer.stx_attributes.contains(StatxAttributes::MOUNT_ROOT)),
        Err(rustix::io::Errno::NOENT) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// To how many bytes offset and memory must be aligned for direct reads of `file`
/// (`STATX_DIOALIGN`, Linux 6.1). `None` where the file has no direct reads or the kernel does not say.
pub fn direct_read_alignment(file: BorrowedFd<'_>) -> io::Result<Option<u32>> {
    let wanted = StatxFlags::from_bits_retain(libc::STATX_DIOALIGN);
    let answer = rustix::fs::statx(file, c"", AtFlags::EMPTY_PATH, wanted)?;
    let told = answer.stx_mask & libc::STATX_DIOALIGN != 0 && answer.stx_dio_offset_align != 0;
    Ok(told.then(|| answer.stx_dio_offset_align.max(answer.stx_dio_mem_align)))
}

#[test]
fn proc_is_a_mount_and_a_file_in_it_is_none() {
    assert!(is_mount_root(Path::new("/proc")).unwrap());
    assert!(!is_mount_root(Path::new("/proc/self/stat")).unwrap());
    assert!(!is_mount_root(Path::new("/proc/no-such")).unwrap());
}
