//! What reads the bytes of others, each alone, for `fuzz/`. Not part of the interface.
#![allow(missing_docs, reason = "the names say it, and nobody else calls them")]

use crate::{Layout, dbus, layout};
use std::io;

/// The texts of `/proc/self/mountinfo` and `/proc/self/cgroup`.
pub fn hierarchies(mountinfo: &str, memberships: &str) -> Layout {
    layout::parse(mountinfo, memberships)
}

/// What systemd says on the bus.
pub fn dbus_answer(mut bytes: &[u8]) -> io::Result<()> {
    dbus::answer(&mut bytes, 2).map(drop)
}

/// What the bus says before.
pub fn dbus_greeting(bytes: &[u8]) -> io::Result<()> {
    struct Told<'a>(&'a [u8]);
    impl io::Read for Told<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.read(buffer)
        }
    }
    impl io::Write for Told<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    dbus::authenticate(&mut Told(bytes), 0)
}
