//! Standard output that may be closed by its reader (`teu ps | head -1`): no panic, no message.

use std::io::Write;

/// Writes bytes that need be no text: names of files.
pub fn bytes(bytes: &[u8]) {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(bytes).and_then(|()| out.flush());
    written.unwrap_or(());
}

/// Writes `text`; a reader that is gone is no reason to fail.
pub fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.unwrap_or(());
}
