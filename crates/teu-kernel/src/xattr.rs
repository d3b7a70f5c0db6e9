//! Extended attributes of what a path names, links not followed: `lsetxattr(2)`, `lgetxattr(2)`,
//! `llistxattr(2)`.

use std::ffi::CStr;
use std::io;
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
