//! Lines that many processes append to one file, which is moved aside when it is long (`O_APPEND`, `flock(2)`).
//!
//! Each line is one `write`, so lines of several writers never mix. A writer holds the file's lock
//! shared, and moving it aside takes it alone: once a file has its second name nobody writes to it any
//! more, and a reader that has read it to its end has read all. Nobody waits for a lock: where one
//! cannot be had a line is written all the same, and a long file is left for the next writer to move.
//!
//! Empty lines mean nothing: a write that crosses a page is seen half done, and looks like a line that was cut.

use rustix::fs::{FlockOperation, Mode, OFlags};
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

/// How often a file may be moved aside under a writer before it writes wherever it is.
const TRIES: u32 = 3;

/// Appends `line`, which ends with a line end, to `path`. A file longer than `limit` becomes `path`.1 first.
pub fn line(path: &Path, line: &[u8], limit: u64) -> io::Result<()> {
    for last in (0..TRIES).map(|attempt| attempt + 1 == TRIES) {
        let flags =
            OFlags::RDWR | OFlags::APPEND | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let mut file = File::from(rustix::fs::open(path, flags, Mode::from_raw_mode(0o600))?);
        let locked = try_lock(&file, FlockOperation::NonBlockingLockShared)?;
        let length = file.metadata()?.len();
        if !last && (!locked || !is_named(path, &file)?) {
            continue;
        }
        if !last && length > limit {
            move_aside(path, &file)?;
            continue;
        }
        let mut whole = Vec::with_capacity(line.len() + 1);
        if ends_within_a_line(&file, length)? {
            whole.push(b'\n');
        }
        whole.extend_from_slice(line);
        return file.write_all(&whole);
    }
    Ok(())
}

/// A disk that was full cut the last line: the next one must not be taken for its end.
fn ends_within_a_line(file: &File, length: u64) -> io::Result<bool> {
    let mut last = [0];
    Ok(length > 0 && file.read_at(&mut last, length - 1)? == 1 && last != *b"\n")
}

/// Whether `path` still leads to `file`.
fn is_named(path: &Path, file: &File) -> io::Result<bool> {
    let opened = file.metadata()?;
    let named = path.symlink_metadata();
    Ok(named.is_ok_and(|named| (named.dev(), named.ino()) == (opened.dev(), opened.ino())))
}

fn move_aside(path: &Path, file: &File) -> io::Result<()> {
    // To get it alone the shared lock is given back first: another may have moved the file meanwhile.
    if try_lock(file, FlockOperation::NonBlockingLockExclusive)? && is_named(path, file)? {
        std::fs::rename(path, second_name(path))?;
    }
    Ok(())
}

/// Where the file lies after it was moved aside.
pub fn second_name(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(".1");
    PathBuf::from(name)
}

fn try_lock(file: &File, how: FlockOperation) -> io::Result<bool> {
    match rustix::fs::flock(file, how) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_lost_or_mixed_while_the_file_moves() {
        const WRITERS: u32 = 8;
        const LINES: u32 = 200;
        let directory = std::env::temp_dir().join(format!("teu-append-{}", std::process::id()));
        std::fs::create_dir(&directory).unwrap();
        let path = directory.join("log");
        let limit = u64::from(WRITERS * LINES) * 6 * 2 / 3;
        std::thread::scope(|scope| {
            for writer in 0..WRITERS {
                let path = &path;
                scope.spawn(move || {
                    for number in 0..LINES {
                        line(path, format!("{writer} {number:03}\n").as_bytes(), limit).unwrap();
                    }
                });
            }
        });
        let old = std::fs::read_to_string(second_name(&path)).unwrap();
        let new = std::fs::read_to_string(&path).unwrap();
        let mut lines: Vec<&str> = old.lines().chain(new.lines()).collect();
        lines.retain(|line| !line.is_empty());
        lines.sort_unstable();
        lines.dedup();
        assert_eq!(lines.len(), (WRITERS * LINES) as usize);
        assert!(lines.iter().all(|line| line.len() == 5));
        std::fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn after_a_line_that_was_cut_a_new_one_begins() {
        let directory = std::env::temp_dir().join(format!("teu-cut-{}", std::process::id()));
        std::fs::create_dir(&directory).unwrap();
        let path = directory.join("log");
        std::fs::write(&path, "whole\ncu").unwrap();
        line(&path, b"next\n", 1 << 20).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "whole\ncu\nnext\n");
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
