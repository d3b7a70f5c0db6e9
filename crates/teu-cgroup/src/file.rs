//! The small files of a group: each is read or written in one call.

use crate::CgroupError;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

/// Writes without creating: a missing file is `NotFound`, not a refusal of the file system.
pub(crate) fn write_raw(path: &Path, value: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    let written = file.write(value.as_bytes())?;
    if written == value.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

pub(crate) fn write(path: &Path, value: &str) -> Result<(), CgroupError> {
    write_raw(path, value).map_err(|source| refused(path, value, source))
}

pub(crate) fn refused(path: &Path, value: &str, source: io::Error) -> CgroupError {
    CgroupError::Write { path: path.to_path_buf(), value: value.to_string(), source }
}

pub(crate) fn read_raw(path: &Path) -> io::Result<String> {
    let mut text = String::with_capacity(512);
    File::open(path)?.read_to_string(&mut text)?;
    Ok(text)
}

/// A file of one short line, in one read. Longer ones may come in several, whatever the room.
pub(crate) fn read_value(path: &Path) -> io::Result<String> {
    let mut bytes = [0; 256];
    let length = File::open(path)?.read(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes[..length]).trim_end().to_string())
}

pub(crate) fn read(path: &Path) -> Result<String, CgroupError> {
    read_raw(path).map_err(|source| CgroupError::Read { path: path.to_path_buf(), source })
}

/// `None` where the file is not there, or the group vanished while it was read.
pub(crate) fn read_if_there(path: &Path) -> Result<Option<String>, CgroupError> {
    match read_raw(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if is_gone(&error) => Ok(None),
        Err(source) => Err(CgroupError::Read { path: path.to_path_buf(), source }),
    }
}

/// The directory or file is not there, or was removed while it was open.
pub(crate) fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
        || error.raw_os_error() == Some(teu_kernel::libc::ENODEV)
}

/// The value after `key ` in a file of `key value` lines.
pub(crate) fn keyed(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')?.trim().parse().ok())
}

#[test]
fn a_key_is_found_whole() {
    let text = "oom 1\noom_kill 3\npopulated 0\n";
    assert_eq!(keyed(text, "oom_kill"), Some(3));
    assert_eq!(keyed(text, "oom"), Some(1));
    assert_eq!(keyed(text, "o"), None);
}
