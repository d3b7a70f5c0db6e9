//! Stacks of layers, written as text, and the tree that comes out.

use super::*;
use teu_tar::{Contents, Time};

/// One entry a word: `dir/`, `file`, `link>target`, `hard=target`, `-gone`, `dir/!` (opaque).
fn layer(text: &str) -> LayerIndex {
    let entry = |word: &str| {
        let bytes = |text: &str| text.as_bytes().to_vec();
        let (path, kind) = if let Some(path) = word.strip_prefix('-') {
            (path, Kind::Whiteout)
        } else if let Some(path) = word.strip_suffix('!') {
            (path, Kind::Opaque)
        } else if let Some((path, target)) = word.split_once('>') {
            (path, Kind::Symlink { target: bytes(target) })
        } else if let Some((path, target)) = word.split_once('=') {
            (path, Kind::HardLink { target: bytes(target) })
        } else if let Some(path) = word.strip_suffix('/') {
            (path, Kind::Directory)
        } else {
            (word, Kind::File(Contents { size: 0, offset: 0, extents: None }))
        };
        let path = bytes(path.trim_end_matches('/'));
        let (mtime, xattrs) = (Time::default(), vec![]);
        Entry { path, kind, mode: 0o700, uid: 0, gid: 0, mtime, xattrs }
    };
    LayerIndex { archive_size: 0, entries: text.split_whitespace().map(entry).collect() }
}

/// `file#<names>@<layer>` for a file, `dir/<mode>` for a directory; in order of paths.
fn tree(layers: &[&str]) -> String {
    let mut tree = Tree::new();
    for (number, text) in layers.iter().enumerate() {
        if let Err(error) = tree.add_layer(u32::try_from(number).unwrap(), layer(text)) {
            return error.to_string();
        }
    }
    let mut out = Vec::new();
    let mut todo = vec![(String::new(), ROOT)];
    while let Some((path, id)) = todo.pop() {
        for (name, &child) in tree.children(id).into_iter().flatten() {
            let path = format!("{path}{}", String::from_utf8_lossy(name));
            let inode = tree.inode(child);
            match &inode.body {
                Body::Directory { .. } => {
                    out.push(format!("{path}/{:o}", inode.mode));
                    todo.push((format!("{path}/"), child));
                }
                Body::Symlink { target } => {
                    out.push(format!("{path}>{}", String::from_utf8_lossy(target)));
                }
                _ => out.push(format!("{path}#{}@{}", inode.names, inode.layer)),
            }
        }
    }
    out.sort();
    out.join(" ")
}

#[track_caller]
fn check(layers: &[&str], expected: &str) {
    assert_eq!(tree(layers), expected, "for {layers:?}");
}

#[test]
fn one_layer() {
    check(&["a/ a/b c>a"], "a/700 a/b#1@0 c>a");
    check(&["a/b/c"], "a/755 a/b/755 a/b/c#1@0");
    check(&["a/b a/"], "a/700 a/b#1@0");
    check(&["a a/"], "a/700");
    check(&["a/b a"], "a#1@0");
}

#[test]
fn whiteouts_reach_below_only() {
    check(&["a/b a/c", "-a/b"], "a/755 a/c#1@0");
    check(&["a/b a/c", "-a"], "");
    check(&["a/b", "a/b -a/b"], "a/755 a/b#1@1");
    check(&["a/b", "a/c -a"], "a/755 a/c#1@1");
    check(&["a/b a/c", "a/d a/!"], "a/755 a/d#1@1");
    check(&["a/b a/c", "! d"], "d#1@1");
    check(&["a", "-b/c -a/b -b"], "a#1@0");
    check(&["a>b b/c", "-a/c"], "a>b b/755 b/c#1@0");
    check(&["a", "-a", "b"], "b#1@2");
}

#[test]
fn what_lies_above_replaces() {
    check(&["a/b", "a"], "a#1@1");
    check(&["a", "a/"], "a/700");
    check(&["a/ a/b", "a/c"], "a/700 a/b#1@0 a/c#1@1");
    check(&["a>b b/x", "a/"], "a/700 b/755 b/x#1@0");
}

#[test]
fn links_on_the_way() {
    // Of the same layer: followed, inside the root.
    check(&["b/ a>b a/c"], "a>b b/700 b/c#1@0");
    check(&["b/c/ a>/b/../b/./c/ a/d"], "a>/b/../b/./c/ b/755 b/c/700 b/c/d#1@0");
    check(&["a>../../.. a/c"], "a>../../.. c#1@0");
    check(&["a>b a/c"], "`a/c` lies behind a symbolic link that leads nowhere");
    check(&["a>b b>a a/c"], "`a/c` lies behind a symbolic link that leads nowhere");
    check(&["a a/b"], "`a/b` lies below something that is no directory");
    check(&["b a>b a/c"], "`a/c` lies below something that is no directory");
    // Of a layer below: replaced, as overlayfs shows it.
    check(&["usr/ lib>usr", "lib/x"], "lib/755 lib/x#1@1 usr/700");
    check(&["lib", "lib/x"], "lib/755 lib/x#1@1");
}

#[test]
fn hard_links() {
    check(&["a b=a"], "a#2@0 b#2@0");
    check(&["a b=a", "-a"], "b#1@0");
    check(&["a", "b=a"], "a#2@0 b#2@0");
    check(&["a", "a b=a"], "a#2@1 b#2@1");
    check(&["a b=a", "a"], "a#1@1 b#1@0");
    check(&["a a=a"], "a#1@0");
    check(&["d/a e>d b=e/a"], "b#2@0 d/755 d/a#2@0 e>d");
    check(&["l>nowhere m=l"], "l>nowhere m>nowhere");
    check(&["a=b"], "`a` is a hard link to `b`, which is not in this layer or one below");
    check(&["a", "-a b=a"], "`b` is a hard link to `a`, which is not in this layer or one below");
    check(&["a/ b=a"], "`b` is a hard link to `a`, a directory");
    check(&["x b="], "`b` is a hard link to ``, a directory");
}

#[test]
fn paths_through_many_links_end() {
    let long = format!("l>{}", "d/../".repeat(700));
    let entries: Vec<String> = (0..20_000).map(|n| format!("l/{n}/x")).collect();
    let text = format!("d/ {long} {}", entries.join(" "));
    assert_eq!(tree(&[&text]), "the image has too many paths through symbolic links");
}
