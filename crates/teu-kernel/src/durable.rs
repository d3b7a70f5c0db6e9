//! Files that are whole or absent, whatever happens: write new, sync, rename, sync the directory.

use rustix::fs::{Mode, OFlags};
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

/// What a reader may count on after the machine loses power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// The old or the new content, and the new one once this returned.
    Synced,
    /// Whole for every process of this boot; no promise beyond it. For what dies with the boot.
    ThisBoot,
}

/// Replaces the file at `path` by `content` in one step.
pub fn replace(path: &Path, content: &[u8], mode: u32, durability: Durability) -> io::Result<()> {
    let (directory, name) = split(path)?;
    // A process writes one such file at a time, and the id in the name keeps processes apart.
    let temporary = directory.join(format!(".{name}.{}", std::process::id()));
    let written = write_new(&temporary, content, mode, durability)
        .and_then(|()| Ok(rustix::fs::rename(&temporary, path)?))
        .and_then(|()| {
            if durability == Durability::Synced { sync_directory(directory) } else { Ok(()) }
        });
    if written.is_err() {
        // The first error is the one to tell; a left-over temporary name is removed by the next command.
        std::fs::remove_file(&temporary).unwrap_or(());
    }
    written
}

/// Makes `path` with `content`; fails with `AlreadyExists` where something has that name.
pub fn write_new(path: &Path, content: &[u8], mode: u32, durability: Durability) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let mut file = std::fs::File::from(rustix::fs::open(path, flags, Mode::from_raw_mode(mode))?);
    file.write_all(content)?;
    if durability == Durability::Synced {
        rustix::fs::fdatasync(&file)?;
    }
    Ok(())
}

/// Makes the names in `directory` durable: after this a rename in it survives power loss.
pub fn sync_directory(directory: &Path) -> io::Result<()> {
    let directory = rustix::fs::open(
        directory,
        OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    sync_fd(directory.as_fd())
}

/// `fsync(2)`.
pub fn sync_fd(fd: BorrowedFd<'_>) -> io::Result<()> {
    Ok(rustix::fs::fsync(fd)?)
}

/// Moves `from` to `to`; fails with `AlreadyExists` instead of replacing (`renameat2(2)`, Linux 3.15).
pub fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    let here = rustix::fs::CWD;
    Ok(rustix::fs::renameat_with(here, from, here, to, rustix::fs::RenameFlags::NOREPLACE)?)
}

fn split(path: &Path) -> io::Result<(&Path, &str)> {
    let parts = path.parent().zip(path.file_name().and_then(|name| name.to_str()));
    parts.ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidInput, "a file's path needs a directory and a name")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_whole_files_and_leaves_no_other_name() {
        let directory = std::env::temp_dir().join(format!("teu-durable-{}", std::process::id()));
        std::fs::create_dir(&directory).unwrap();
        let file = directory.join("state.json");
        for content in ["one", "two"] {
            replace(&file, content.as_bytes(), 0o600, Durability::Synced).unwrap();
            assert_eq!(std::fs::read_to_string(&file).unwrap(), content);
        }
        assert_eq!(
            write_new(&file, b"", 0o600, Durability::ThisBoot).unwrap_err().kind(),
            io::ErrorKind::AlreadyExists
        );
        assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 1);
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
