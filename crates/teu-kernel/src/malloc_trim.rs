//! `malloc_trim(3)`: memory that was freed goes back to the kernel.

/// Gives back what the heap does not use. For processes that stay, after their busy times.
pub fn malloc_trim() {
    #[cfg(target_env = "gnu")]
    // SAFETY: takes an integer, may be called at any time, touches only memory that is free.
    unsafe {
        libc::malloc_trim(0)
    };
}
