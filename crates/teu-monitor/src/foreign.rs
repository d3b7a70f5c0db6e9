//! What reads the bytes of others, each alone, for `fuzz/`. Not part of the interface.
#![allow(missing_docs, reason = "the names say it, and nobody else calls them")]

use crate::protocol::{FRAME_BYTES_MAX, receive};
use crate::request::{Reply, Request};
use serde::de::DeserializeOwned;
use std::io;
use std::os::fd::AsFd;
use teu_kernel::unix;

/// One message, as a monitor takes it from a client.
pub fn request(frame: &[u8]) -> io::Result<bool> {
    through::<Request>(frame)
}

/// One message, as a client takes it from a monitor.
pub fn reply(frame: &[u8]) -> io::Result<bool> {
    through::<Reply>(frame)
}

fn through<T: DeserializeOwned>(frame: &[u8]) -> io::Result<bool> {
    let (here, there) = unix::seqpacket_pair()?;
    let frame = &frame[..frame.len().min(FRAME_BYTES_MAX)];
    unix::send(here.as_fd(), &[frame], &[])?;
    Ok(receive::<T>(there.as_fd(), &mut vec![0; FRAME_BYTES_MAX])?.is_some())
}
