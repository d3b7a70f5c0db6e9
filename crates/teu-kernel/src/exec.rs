//! `execve(2)`, with lists made beforehand: nothing is allocated at the call.

use std::ffi::{CStr, CString};
use std::io;
use std::ptr;

/// A list of strings as exec takes it.
#[derive(Debug)]
pub struct Strings {
    /// Keeps what the pointers point to.
    #[expect(dead_code, reason = "owned, and read through `pointers`")]
    owned: Vec<CString>,
    pointers: Vec<*const libc::c_char>,
}

impl Strings {
    /// Owns `strings`, whose bytes do not move with them.
    pub fn new(strings: Vec<CString>) -> Strings {
        let pointers = strings.iter().map(|one| one.as_ptr()).chain([ptr::null()]).collect();
        Strings { owned: strings, pointers }
    }
}

/// Becomes the program at `path`. Comes back only with the reason why not.
pub fn execve(path: &CStr, arguments: &Strings, environment: &Strings) -> io::Error {
    // SAFETY: a C string, and two arrays of pointers to C strings, each ended by null, all of which
    // live through the call.
    unsafe {
        libc::execve(path.as_ptr(), arguments.pointers.as_ptr(), environment.pointers.as_ptr())
    };
    io::Error::last_os_error()
}
