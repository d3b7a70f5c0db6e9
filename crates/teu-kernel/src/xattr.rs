//! Extended attributes of what a path names, links not followed: `lsetxattr(2)`, `lgetxattr(2)`,
//! `llistxattr(2)`.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::path::Path;

/// Gives `path` the attribute `name`.
pub fn set(path: &Path, name: &CStr, value: &[u8]) -> io::Result<()> {
    Ok(rustix::fs::lsetxattr(path, name, value, rustix::fs::XattrFlags::empty())?)
}

/// The value of an attribute.
pub fn get(path: &Path, name: &CStr) -> io::Result<Vec<u8>> {
    let mut value = vec![0; 65_536];
    let length = rustix::fs::lgetxattr(path, name, &mut value[..])?;
    value.truncate(length);
    Ok(value)
}

/// The names of all attributes.
pub fn list(path: &Path) -> io::Result<Vec<Vec<u8>>> {
    let mut names = vec![0; 65_536];
    let length = rustix::fs::llistxattr(path, &mut names[..])?;
    let names = names[..length].split(|&byte| byte == 0);
    Ok(names.filter(|name| !name.is_empty()).map(<[u8]>::to_vec).collect())
}

/// The attributes of an open file, of one that is open as a mere name (`O_PATH`) too, sorted by name. What the file
/// system does not have, or vanishes meanwhile, is left out.
pub fn all_of(file: BorrowedFd<'_>) -> io::Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    let mut few = [0u8; 512];
    let names = match rustix::fs::listxattr(&*path, &mut few[..]) {
        Ok(length) => few[..length].to_vec(),
        Err(rustix::io::Errno::RANGE) => {
            let mut many = vec![0; 65_536];
            let length = rustix::fs::listxattr(&*path, &mut many[..])?;
            many.truncate(length);
            many
        }
        Err(rustix::io::Errno::OPNOTSUPP) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let mut found = Vec::new();
    for name in names.split(|&byte| byte == 0).filter(|name| !name.is_empty()) {
        let mut value = vec![0; 65_536];
        match rustix::fs::getxattr(&*path, name, &mut value[..]) {
            Ok(length) => {
                value.truncate(length);
                found.push((name.to_vec(), value));
            }
            Err(rustix::io::Errno::NODATA | rustix::io::Errno::OPNOTSUPP) => {}
            Err(error) => return Err(error.into()),
        }
    }
    found.sort();
    Ok(found)
}

/// Gives an open file, or one open as a mere name, an attribute.
pub fn set_on(file: BorrowedFd<'_>, name: &[u8], value: &[u8]) -> io::Result<()> {
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    Ok(rustix::fs::setxattr(&*path, name, value, rustix::fs::XattrFlags::empty())?)
}

#[test]
fn an_attribute_comes_back() {
    let path = std::env::temp_dir().join(format!("teu-xattr-{}", std::process::id()));
    std::fs::write(&path, "").unwrap();
    match set(&path, c"user.teu", b"\0x") {
        Ok(()) => {
            assert_eq!(get(&path, c"user.teu").unwrap(), b"\0x");
            assert_eq!(list(&path).unwrap(), [b"user.teu"]);
        }
        // A tmpfs has no such attributes everywhere.
        Err(error) => assert_eq!(error.raw_os_error(), Some(libc::EOPNOTSUPP)),
    }
    std::fs::remove_file(&path).unwrap();
}
