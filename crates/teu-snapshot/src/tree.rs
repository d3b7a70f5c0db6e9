//! A file system tree in memory: what a stack of layers amounts to.

use std::collections::BTreeMap;
use teu_tar::{Contents, Time, Xattr};

/// Numbers an inode of a [`Tree`].
pub(crate) type InodeId = u32;

/// The root directory: always the first.
pub(crate) const ROOT: InodeId = 0;

/// All inodes. One that no name leads to any more stays in the list and means nothing.
#[derive(Debug)]
pub(crate) struct Tree {
    pub inodes: Vec<Inode>,
}

/// A file of whatever kind.
#[derive(Debug)]
pub(crate) struct Inode {
    pub body: Body,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub mtime: Time,
    pub xattrs: Vec<Xattr>,
    /// How many names it has; of no meaning for a directory.
    pub names: u32,
    /// The layer that brought or last described it.
    pub layer: u32,
}

/// What kind, and what comes with that kind.
#[derive(Debug)]
pub(crate) enum Body {
    Directory { children: BTreeMap<Box<[u8]>, InodeId>, parent: InodeId },
    File { layer: u32, contents: Contents },
    Symlink { target: Vec<u8> },
    Character { major: u32, minor: u32 },
    Block { major: u32, minor: u32 },
    Fifo,
}

impl Tree {
    /// An empty root: of root, mode 0755, of 1970.
    pub(crate) fn new() -> Tree {
        Tree { inodes: vec![Inode::implied(ROOT, 0)] }
    }

    pub(crate) fn inode(&self, id: InodeId) -> &Inode {
        &self.inodes[id as usize]
    }

    pub(crate) fn inode_mut(&mut self, id: InodeId) -> &mut Inode {
        &mut self.inodes[id as usize]
    }

    pub(crate) fn children(&self, id: InodeId) -> Option<&BTreeMap<Box<[u8]>, InodeId>> {
        match &self.inode(id).body {
            Body::Directory { children, .. } => Some(children),
            _ => None,
        }
    }

    pub(crate) fn child(&self, directory: InodeId, name: &[u8]) -> Option<InodeId> {
        self.children(directory)?.get(name).copied()
    }

    /// Directories in the order in which their contents are laid out: each before what is in it.
    pub(crate) fn directories(&self) -> Vec<InodeId> {
        let mut found = vec![ROOT];
        let mut next = 0;
        while let Some(&id) = found.get(next) {
            let below = self.children(id).into_iter().flatten().map(|(_, &child)| child);
            found.extend(below.filter(|&child| self.children(child).is_some()));
            next += 1;
        }
        found
    }
}

impl Inode {
    /// A directory that lies on a path without having an entry of its own.
    pub(crate) fn implied(parent: InodeId, layer: u32) -> Inode {
        Inode {
            body: Body::Directory { children: BTreeMap::new(), parent },
            mode: 0o755,
            uid: 0,
            gid: 0,
            mtime: Time::default(),
            xattrs: Vec::new(),
            names: 1,
            layer,
        }
    }

    /// Type and permissions, as in `st_mode`.
    pub(crate) fn full_mode(&self) -> u32 {
        let kind = match self.body {
            Body::Directory { .. } => 0o040_000,
            Body::File { .. } => 0o100_000,
            Body::Symlink { .. } => 0o120_000,
            Body::Character { .. } => 0o020_000,
            Body::Block { .. } => 0o060_000,
            Body::Fifo => 0o010_000,
        };
        kind | self.mode
    }
}
