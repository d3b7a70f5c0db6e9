//! Device numbers: `makedev(3)`.

/// The major and minor number in a `st_rdev`.
pub fn numbers(device: u64) -> (u32, u32) {
    (rustix::fs::major(device), rustix::fs::minor(device))
}
