//! Settings below /proc/sys/net, of the calling thread's network namespace.

use crate::NetworkError;
use crate::error::Doing;
use std::io::{self, Write};

/// Writes `value`, where the setting exists: a kernel without IPv6 has none of its settings.
pub(crate) fn set_if_there(name: &str, value: &str) -> Result<(), NetworkError> {
    let path = format!("/proc/sys/net/{name}");
    let open = std::fs::OpenOptions::new().write(true).open(&path);
    match open.and_then(|mut file| file.write_all(value.as_bytes())) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result.doing(|| format!("write {value} to {path}")),
    }
}

/// Whether packets are forwarded between interfaces.
pub(crate) fn forwarding_is_on() -> Result<bool, NetworkError> {
    let path = "/proc/sys/net/ipv4/ip_forward";
    let value = std::fs::read(path).doing(|| format!("read {path}"))?;
    Ok(value.first() == Some(&b'1'))
}
