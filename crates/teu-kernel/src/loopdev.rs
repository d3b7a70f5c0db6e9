//! Block devices made of files: `loop(4)`. `LOOP_CONFIGURE` sets one up in one step, Linux 5.8.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

const LOOP_CTL_GET_FREE: libc::Ioctl = 0x4C82;
const LOOP_CONFIGURE: libc::Ioctl = 0x4C0A;
const LO_FLAGS_READ_ONLY: u32 = 1;
const LO_FLAGS_AUTOCLEAR: u32 = 4;
const LO_FLAGS_DIRECT_IO: u32 = 16;

/// `struct loop_info64`.
#[repr(C)]
struct Info {
    device: u64,
    inode: u64,
    rdevice: u64,
    offset: u64,
    size_limit: u64,
    number: u32,
    encrypt_type: u32,
    encrypt_key_size: u32,
    flags: u32,
    file_name: [u8; 64],
    crypt_name: [u8; 64],
    encrypt_key: [u8; 32],
    init: [u64; 2],
}

/// `struct loop_config`.
#[repr(C)]
struct Config {
    fd: u32,
    block_size: u32,
    info: Info,
    reserved: [u64; 8],
}

/// A read-only device over `file`, with logical blocks of `block_size` bytes. It goes away by itself
/// when the last one that has it open or mounted lets go. With `direct` the file is read past the
/// page cache where its file system can do that.
pub fn attach_read_only(
    file: BorrowedFd<'_>,
    block_size: u32,
    direct: bool,
) -> io::Result<OwnedFd> {
    let control = open("/dev/loop-control")?;
    // Another may configure the free device first; then the next one is tried.
    for _ in 0..64 {
        // SAFETY: the request takes no argument.
        let number = unsafe { libc::ioctl(control.as_raw_fd(), LOOP_CTL_GET_FREE) };
        if number < 0 {
            return Err(io::Error::last_os_error());
        }
        let device = open(&format!("/dev/loop{number}"))?;
        match configure(&device, file, block_size, direct) {
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) => {}
            Err(error) => return Err(error),
            Ok(()) => return Ok(device),
        }
    }
    Err(io::Error::from_raw_os_error(libc::EBUSY))
}

fn open(path: &str) -> io::Result<OwnedFd> {
    let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, rustix::fs::Mode::empty())?)
}

fn configure(
    device: &OwnedFd,
    file: BorrowedFd<'_>,
    block_size: u32,
    direct: bool,
) -> io::Result<()> {
    let direct = if direct { LO_FLAGS_DIRECT_IO } else { 0 };
    let config = Config {
        fd: u32::try_from(file.as_raw_fd()).map_err(io::Error::other)?,
        block_size,
        info: Info {
            device: 0,
            inode: 0,
            rdevice: 0,
            offset: 0,
            size_limit: 0,
            number: 0,
            encrypt_type: 0,
            encrypt_key_size: 0,
            flags: LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR | direct,
            file_name: [0; 64],
            crypt_name: [0; 64],
            encrypt_key: [0; 32],
            init: [0; 2],
        },
        reserved: [0; 8],
    };
    // SAFETY: `config` is a whole struct loop_config and lives through the call.
    let result = unsafe { libc::ioctl(device.as_raw_fd(), LOOP_CONFIGURE, &raw const config) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
