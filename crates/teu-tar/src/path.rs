//! Names as an archive writes them, made plain.
//!
//! Lexically, as docker does (`filepath.Clean`): `./a//b/../c` is `a/c`, `/a` is `a`, `/../a` is `a`,
//! and a relative name that climbs out of the root is refused.

use crate::TarError;
use crate::error::shown;

/// `NAME_MAX`: the longest name that a directory can hold.
const COMPONENT_MAX: usize = 255;
/// `PATH_MAX` without its end: the longest path that a system call takes.
const PATH_MAX: usize = 4095;

/// The plain form of `name`. The root is the empty path.
pub(crate) fn plain(name: &[u8]) -> Result<Vec<u8>, TarError> {
    let bad = |why| TarError::BadPath { name: shown(name), why };
    let absolute = name.first() == Some(&b'/');
    let mut path: Vec<u8> = Vec::with_capacity(name.len());
    for component in name.split(|&byte| byte == b'/') {
        match component {
            b"" | b"." => {}
            b".." => match path.iter().rposition(|&byte| byte == b'/') {
                Some(slash) => path.truncate(slash),
                None if !path.is_empty() => path.clear(),
                None if absolute => {}
                None => return Err(bad("it leads out of the root")),
            },
            _ if component.len() > COMPONENT_MAX => {
                return Err(bad("one of its names is longer than 255 bytes"));
            }
            _ if component.contains(&0) => return Err(bad("it contains a zero byte")),
            _ => {
                if !path.is_empty() {
                    path.push(b'/');
                }
                path.extend_from_slice(component);
            }
        }
    }
    if path.len() > PATH_MAX {
        return Err(bad("it is longer than 4,095 bytes"));
    }
    Ok(path)
}

/// The last name of a plain path, and what is before it.
pub(crate) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|&byte| byte == b'/') {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (b"", path),
    }
}

#[cfg(test)]
#[track_caller]
fn check(given: &str, expected: &str) {
    let got = plain(given.as_bytes())
        .map_or_else(|_| "refused".into(), |path| String::from_utf8(path).unwrap());
    assert_eq!(got, expected, "for `{given}`");
}

#[test]
fn paths() {
    check("a", "a");
    check("./a//b/", "a/b");
    check("/a", "a");
    check(".", "");
    check("./", "");
    check("/", "");
    check("a/../b", "b");
    check("a/b/../../c", "c");
    check("/../../a", "a");
    check("..", "refused");
    check("../a", "refused");
    check("a/../../b", "refused");
    check("...", "...");
    check("a\0b", "refused");
    check(&"n".repeat(256), "refused");
    check(&"n".repeat(255), &"n".repeat(255));
    check(&"n/".repeat(2049), "refused");
}
