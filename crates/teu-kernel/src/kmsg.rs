//! The kernel's own messages: `/dev/kmsg`, `Documentation/ABI/testing/dev-kmsg`.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;

/// No record is longer.
const RECORD_BYTES_MAX: usize = 8192;

/// All messages that the kernel still has, the oldest first, each without its head.
pub fn messages() -> io::Result<Vec<String>> {
    let mut file =
        OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open("/dev/kmsg")?;
    let mut buffer = vec![0; RECORD_BYTES_MAX];
    let mut messages = Vec::new();
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(messages),
            Ok(length) => messages.extend(message(&buffer[..length])),
            Err(error) => match error.raw_os_error() {
                Some(libc::EAGAIN) => return Ok(messages),
                // What was to be read next was overwritten meanwhile: the next read goes on behind it.
                Some(libc::EPIPE | libc::EINTR) => {}
                _ => return Err(error),
            },
        }
    }
}

/// `6,339,5140900,-;the message`, then lines that begin with a blank and name devices.
fn message(record: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(record);
    let (_, message) = text.split_once(';')?;
    message.lines().next().map(str::to_string)
}

#[test]
fn a_record_is_taken_apart() {
    let record = b"6,339,5140900,-;NET: Registered protocol; family 10\n SUBSYSTEM=net\n";
    assert_eq!(message(record).as_deref(), Some("NET: Registered protocol; family 10"));
    assert_eq!(message(b"nonsense"), None);
}
