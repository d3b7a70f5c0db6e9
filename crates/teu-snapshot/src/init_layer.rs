//! What every container hangs its own mounts on, part of the image's root: docker's init layer.
//!
//! Made once with the root, not by each start in the writable layer: there it would cost a copy of /etc for
//! each container, and show up in `diff` and `commit`, which must not know of it.

use crate::tree::{Body, Inode, InodeId, ROOT, Tree};
use std::collections::BTreeMap;
use teu_tar::{Contents, Time};

const DIRECTORIES: [&[u8]; 4] = [b"dev", b"etc", b"proc", b"sys"];
/// Below /etc; each is covered by a file of the container's own.
const FILES: [&[u8]; 3] = [b"hostname", b"hosts", b"resolv.conf"];

impl Tree {
    /// Adds what the image does not have. What it has stays, whatever it is.
    pub(crate) fn add_init_layer(&mut self) {
        for name in DIRECTORIES {
            let body = Body::Directory { children: BTreeMap::new(), parent: ROOT };
            self.add_missing(ROOT, name, 0o755, body);
        }
        let Some(etc) = self.child(ROOT, b"etc").filter(|&id| self.children(id).is_some()) else {
            return;
        };
        for name in FILES {
            let contents = Contents { size: 0, offset: 0, extents: None };
            self.add_missing(etc, name, 0o644, Body::File { layer: 0, contents });
        }
        let target = b"/proc/mounts".to_vec();
        self.add_missing(etc, b"mtab", 0o777, Body::Symlink { target });
    }

    fn add_missing(&mut self, directory: InodeId, name: &[u8], mode: u32, body: Body) {
        // A tree has at most `INODES_MAX` inodes and these few: their number fits.
        let Ok(id) = InodeId::try_from(self.inodes.len()) else { return };
        let Body::Directory { children, .. } = &mut self.inode_mut(directory).body else { return };
        if children.contains_key(name) {
            return;
        }
        children.insert(name.into(), id);
        let (mtime, xattrs) = (Time::default(), Vec::new());
        self.inodes.push(Inode { body, mode, uid: 0, gid: 0, mtime, xattrs, names: 1, layer: 0 });
    }
}

#[test]
fn what_the_image_has_stays() {
    use teu_tar::{Entry, Kind, LayerIndex};
    let entry = |path: &str, kind| Entry {
        path: path.into(),
        kind,
        mode: 0o700,
        uid: 7,
        gid: 7,
        mtime: Time::default(),
        xattrs: Vec::new(),
    };
    let link = |target: &str| Kind::Symlink { target: target.into() };
    let tree_of = |entries| {
        let mut tree = Tree::new();
        tree.add_layer(0, LayerIndex { archive_size: 0, entries }).unwrap();
        tree.add_init_layer();
        tree
    };
    let tree = tree_of(vec![entry("etc/hosts", link("/elsewhere")), entry("dev", Kind::Fifo)]);
    let etc = tree.child(ROOT, b"etc").unwrap();
    let hosts = tree.inode(tree.child(etc, b"hosts").unwrap());
    assert!(matches!(&hosts.body, Body::Symlink { target } if target == b"/elsewhere"));
    assert!(tree.child(etc, b"hostname").is_some());
    assert_eq!(tree.inode(tree.child(ROOT, b"dev").unwrap()).uid, 7);
    // A link that leads out of the image is not followed, and nothing is put in its place.
    let tree = tree_of(vec![entry("etc", link("/tmp"))]);
    let etc = tree.child(ROOT, b"etc").unwrap();
    assert!(matches!(tree.inode(etc).body, Body::Symlink { .. }));
    assert!(tree.child(ROOT, b"proc").is_some());
}
