//! Random bytes for ids and names.

use std::io;

/// `getrandom(2)`: fills an array; never blocks once the machine has booted.
pub fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    let filled = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())?;
    // Up to 256 bytes come whole, says getrandom(2).
    debug_assert!(filled == N && N <= 256);
    Ok(bytes)
}
