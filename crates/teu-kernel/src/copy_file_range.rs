//! Copying between open files in the kernel, holes left out: `copy_file_range(2)`, `lseek(2)` with `SEEK_DATA`
//! and `SEEK_HOLE`.

use rustix::fs::SeekFrom;
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::FileExt;

/// Copies the first `size` bytes of `from` to the same places in `to`, which is empty; holes stay holes. Returns how
/// many bytes were there: fewer where the file was cut meanwhile.
pub fn copy(from: &File, to: &File, size: u64) -> io::Result<u64> {
    use std::os::fd::AsFd;
    let mut at = 0;
    while at < size {
        let start = match rustix::fs::seek(from, SeekFrom::Data(at)) {
            Ok(start) => start,
            // Nothing but a hole up to the end.
            Err(Errno::NXIO) => break,
            // A file system that knows no holes.
            Err(Errno::INVAL | Errno::OPNOTSUPP) => at,
            Err(error) => return Err(error.into()),
        };
        let end = match rustix::fs::seek(from, SeekFrom::Hole(start)) {
            Ok(end) => end.min(size),
            Err(_) => size,
        };
        if start >= end {
            break;
        }
        let reached = copy_range(from.as_fd(), to.as_fd(), from, to, start, end)?;
        if reached < end {
            to.set_len(reached)?;
            return Ok(reached);
        }
        at = end;
    }
    to.set_len(size)?;
    Ok(size)
}

fn copy_range(
    from_fd: BorrowedFd<'_>,
    to_fd: BorrowedFd<'_>,
    from: &File,
    to: &File,
    start: u64,
    end: u64,
) -> io::Result<u64> {
    let mut at = start;
    while at < end {
        let (mut source, mut target) = (at, at);
        let length = usize::try_from(end - at).unwrap_or(usize::MAX).min(1 << 30);
        match rustix::fs::copy_file_range(
            from_fd,
            Some(&mut source),
            to_fd,
            Some(&mut target),
            length,
        ) {
            // Some file systems answer so where there is more to read.
            Ok(0) => return by_hand(from, to, at, end),
            Ok(count) => at += count as u64,
            Err(Errno::INTR) => {}
            Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM) => {
                return by_hand(from, to, at, end);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(at)
}

fn by_hand(from: &File, to: &File, mut at: u64, end: u64) -> io::Result<u64> {
    let mut piece = vec![0; 1 << 18];
    while at < end {
        let length = usize::try_from(end - at).unwrap_or(usize::MAX).min(piece.len());
        match from.read_at(&mut piece[..length], at) {
            Ok(0) => break,
            Ok(count) => {
                to.write_all_at(&piece[..count], at)?;
                at += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(at)
}

#[test]
fn holes_stay_holes() {
    use std::os::unix::fs::MetadataExt;
    let at = std::env::temp_dir().join(format!("teu-copy-{}", std::process::id()));
    let (from, to) = (at.with_extension("from"), at.with_extension("to"));
    let source = File::options().read(true).write(true).create_new(true).open(&from).unwrap();
    source.set_len(64 << 20).unwrap();
    source.write_all_at(b"middle", 32 << 20).unwrap();
    let target = File::create_new(&to).unwrap();
    assert_eq!(copy(&source, &target, 64 << 20).unwrap(), 64 << 20);
    assert_eq!(std::fs::read(&from).unwrap(), std::fs::read(&to).unwrap());
    assert!(target.metadata().unwrap().blocks() < 4096);
    std::fs::remove_file(from).unwrap();
    std::fs::remove_file(to).unwrap();
}
