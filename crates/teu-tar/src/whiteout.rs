//! `.wh.` names: how a layer says what of the layers below is gone.
//!
//! Source: OCI image specification, layer.md, "Whiteouts". Other names that begin with `.wh..wh.` are
//! leavings of aufs and mean nothing.

use crate::entry::{Entry, Kind};
use crate::path::split;

const PREFIX: &[u8] = b".wh.";
const META_PREFIX: &[u8] = b".wh..wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";

/// The entry as a layer means it; `None` for what a layer does not mean at all.
pub(crate) fn recognise(mut entry: Entry) -> Option<Entry> {
    // 0:0 is how overlayfs itself writes a whiteout: out of a layer it would hide what is below.
    if entry.kind == (Kind::Character { major: 0, minor: 0 }) {
        return None;
    }
    let (parent, name) = split(&entry.path);
    if !name.starts_with(PREFIX) {
        // Nothing can lie in a directory of aufs's leavings either.
        let inside =
            entry.path.split(|&byte| byte == b'/').any(|name| name.starts_with(META_PREFIX));
        return (!inside).then_some(entry);
    }
    let (path, kind) = if name == OPAQUE {
        (parent.to_vec(), Kind::Opaque)
    } else if name.starts_with(META_PREFIX) {
        return None;
    } else {
        let gone = &name[PREFIX.len()..];
        if matches!(gone, b"" | b"." | b"..") {
            return None;
        }
        let slash = if parent.is_empty() { &b""[..] } else { b"/" };
        ([parent, slash, gone].concat(), Kind::Whiteout)
    };
    entry.path = path;
    entry.kind = kind;
    entry.xattrs.clear();
    Some(entry)
}

#[test]
fn whiteouts() {
    let recognised = |path: &str, kind: Kind| {
        let entry = Entry {
            path: path.into(),
            kind,
            mode: 0,
            uid: 0,
            gid: 0,
            mtime: crate::Time::default(),
            xattrs: vec![],
        };
        recognise(entry).map(|entry| (String::from_utf8(entry.path).unwrap(), entry.kind))
    };
    let file = || Kind::Fifo;
    assert_eq!(recognised("a/.wh.b", file()), Some(("a/b".into(), Kind::Whiteout)));
    assert_eq!(recognised(".wh.b", file()), Some(("b".into(), Kind::Whiteout)));
    assert_eq!(recognised("a/.wh..wh..opq", file()), Some(("a".into(), Kind::Opaque)));
    assert_eq!(recognised(".wh..wh..opq", file()), Some(("".into(), Kind::Opaque)));
    assert_eq!(recognised("a/.wh.", file()), None);
    assert_eq!(recognised("a/.wh..", file()), None);
    assert_eq!(recognised("a/.wh...", file()), None);
    assert_eq!(recognised(".wh..wh.plnk/1.2", file()), None);
    assert_eq!(recognised("a.wh.b", file()), Some(("a.wh.b".into(), Kind::Fifo)));
    assert_eq!(recognised("a", Kind::Character { major: 0, minor: 0 }), None);
}
