//! `memfd_create(2)`: a file that has no name; for messages too long for a socket.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::OwnedFd;

/// A nameless file holding `content`, at its beginning.
pub fn with_content(content: &[u8]) -> io::Result<OwnedFd> {
    let fd = rustix::fs::memfd_create(c"teu-message", rustix::fs::MemfdFlags::CLOEXEC)?;
    let mut file = File::from(fd);
    file.write_all(content)?;
    file.rewind()?;
    Ok(file.into())
}

/// All of the file's content; an error where it is longer than `limit`.
pub fn content(file: OwnedFd, limit: usize) -> io::Result<Vec<u8>> {
    let mut file = File::from(file);
    file.rewind()?;
    let mut content = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    file.take(most).read_to_end(&mut content)?;
    if content.len() > limit {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a message longer than allowed"));
    }
    Ok(content)
}

#[test]
fn content_comes_back_up_to_the_limit() {
    assert_eq!(content(with_content(b"hello").unwrap(), 5).unwrap(), b"hello");
    assert!(content(with_content(b"hello").unwrap(), 4).is_err());
}
