//! What a path says beyond where it leads: docker's rules, pure.

use crate::EngineError;
use std::path::{Component, Path, PathBuf};

/// A path as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asserted {
    /// From the root on, `.`, `..` and empty parts worked off.
    pub plain: PathBuf,
    slash: bool,
    dot: bool,
}

impl Asserted {
    pub(super) fn of(path: &str) -> Asserted {
        Asserted {
            plain: plain(&Path::new("/").join(path)),
            slash: path.ends_with('/'),
            dot: path.trim_end_matches('/').rsplit('/').next() == Some("."),
        }
    }

    /// `x/` and `x/.` can only be directories.
    pub(super) fn is_directory(&self) -> bool {
        self.slash || self.dot
    }

    /// What it is called in an archive; `.`: what is in it, without itself.
    pub(super) fn name(&self) -> String {
        if self.dot {
            return ".".to_string();
        }
        self.plain.file_name().map_or("/".to_string(), |name| name.to_string_lossy().into_owned())
    }
}

/// Lexically, as docker does before it looks at anything.
pub(super) fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::from("/");
    for component in path.components() {
        match component {
            Component::Normal(name) => plain.push(name),
            Component::ParentDir => drop(plain.pop()),
            _ => {}
        }
    }
    plain
}

/// Where a copy goes: the directory, and its name in it.
pub(super) fn place(
    target: &Path,
    is_directory_there: bool,
    is_there: bool,
    asked: &Asserted,
    source_is_directory: bool,
    name: &str,
) -> Result<(PathBuf, String), EngineError> {
    if is_directory_there {
        return Ok((target.to_path_buf(), name.to_string()));
    }
    if is_there && source_is_directory {
        return Err(EngineError::bad("cannot copy directory"));
    }
    if !source_is_directory && asked.is_directory() {
        return Err(EngineError::bad(if is_there {
            "not a directory"
        } else {
            "no such directory"
        }));
    }
    let parent = target.parent().unwrap_or(Path::new("/")).to_path_buf();
    let own = target.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok((parent, own))
}

#[test]
fn what_paths_say() {
    let of = |path: &str| {
        let asked = Asserted::of(path);
        (asked.plain.display().to_string(), asked.name(), asked.is_directory())
    };
    let is = |plain: &str, name: &str, directory| (plain.to_string(), name.to_string(), directory);
    assert_eq!(of("/a/b"), is("/a/b", "b", false));
    assert_eq!(of("a/b/"), is("/a/b", "b", true));
    assert_eq!(of("/a/b/."), is("/a/b", ".", true));
    assert_eq!(of("/a/../../b/./"), is("/b", ".", true));
    assert_eq!(of("/"), is("/", "/", true));
    assert_eq!(of("."), is("/", ".", true));
}

#[test]
fn where_copies_go() {
    let check = |target: &str, there: Option<bool>, source_is_directory, expected: &str| {
        let asked = Asserted::of(target);
        let got = place(
            &asked.plain,
            there == Some(true),
            there.is_some(),
            &asked,
            source_is_directory,
            "src",
        );
        let got = got.map_or_else(
            |error| error.to_string(),
            |(directory, name)| format!("{} {name}", directory.display()),
        );
        assert_eq!(got, expected, "{target}");
    };
    check("/d", Some(true), false, "/d src");
    check("/d", Some(true), true, "/d src");
    check("/d/f", Some(false), false, "/d f");
    check("/d/f", Some(false), true, "cannot copy directory");
    check("/d/new", None, true, "/d new");
    check("/d/new/", None, true, "/d new");
    check("/d/new", None, false, "/d new");
    check("/d/new/", None, false, "no such directory");
}
