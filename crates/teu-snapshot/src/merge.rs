//! Layers laid over each other: whiteouts first, then entries in their order.
//!
//! The rules are those by which docker unpacks a layer into a directory of its own and overlayfs
//! shows the stack, except where a layer could not be unpacked that way at all:
//!
//! - A whiteout takes away what the layers *below* have, wherever in the archive it stands.
//! - A directory over a directory keeps what is in it and gets the new one's owner, mode and times;
//!   anything over anything else replaces it.
//! - A parent that no entry names keeps its attributes if it is a directory below; else it is made
//!   (root, 0755, 1970), also in the place of a link or file of the layers below. A link of the *same*
//!   layer is followed, inside the root.
//! - A hard link's target is looked up in the tree as it stands, layers below included.

use crate::tree::{Body, Inode, InodeId, ROOT, Tree};
use std::collections::BTreeMap;
use teu_tar::{Entry, Kind, LayerIndex};

/// More inodes than any image has; each costs some 200 bytes while a root is built.
const INODES_MAX: usize = 4 << 20;
/// Steps that the links of one layer may cost altogether: a layer of links to long paths of links
/// would otherwise keep the merge busy for days.
const LINK_STEPS_MAX: u32 = 1_000_000;
/// All extended attributes of one file: what an inode of the index can say is little more.
const XATTRS_MAX: usize = 200 << 10;
/// The kernel's own limit for one path.
const LINKS_MAX: u32 = 40;

/// Why a layer cannot be laid over those below it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MergeError {
    /// A path goes through something that is no directory.
    #[error("`{path}` lies below something that is no directory")]
    NotADirectory {
        /// The entry, escaped.
        path: String,
    },
    /// A path goes through symbolic links that lead nowhere, or in a circle.
    #[error("`{path}` lies behind a symbolic link that leads nowhere")]
    BadLink {
        /// The entry, escaped.
        path: String,
    },
    /// A hard link to something that is not there.
    #[error("`{path}` is a hard link to `{target}`, which is not in this layer or one below")]
    NoTarget {
        /// The entry, escaped.
        path: String,
        /// What it links to, escaped.
        target: String,
    },
    /// A hard link to a directory.
    #[error("`{path}` is a hard link to `{target}`, a directory")]
    DirectoryTarget {
        /// The entry, escaped.
        path: String,
        /// What it links to, escaped.
        target: String,
    },
    /// A file whose contents are not where the index says.
    #[error("the contents of `{path}` lie outside the layer's archive")]
    OutsideArchive {
        /// The entry, escaped.
        path: String,
    },
    /// Too much of something.
    #[error("the image has too many {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
    },
}

impl Tree {
    /// Lays `index`, the layer `number` from below, over what is there.
    pub(crate) fn add_layer(&mut self, number: u32, index: LayerIndex) -> Result<(), MergeError> {
        for entry in &index.entries {
            match entry.kind {
                Kind::Whiteout => self.white_out(&entry.path),
                Kind::Opaque => self.empty(&entry.path),
                _ => {}
            }
        }
        let mut layer = Layer { tree: self, number, link_steps: LINK_STEPS_MAX, last_parent: None };
        for entry in index.entries {
            if !matches!(entry.kind, Kind::Whiteout | Kind::Opaque) {
                layer.check_contents(&entry, index.archive_size)?;
                layer.add(entry)?;
            }
        }
        Ok(())
    }

    /// The inode at `path`, reached through directories only.
    fn find(&self, path: &[u8]) -> Option<InodeId> {
        components(path).try_fold(ROOT, |directory, name| self.child(directory, name))
    }

    fn white_out(&mut self, path: &[u8]) {
        let (parent, name) = split(path);
        if let Some(parent) = self.find(parent) {
            self.remove(parent, name);
        }
    }

    fn empty(&mut self, path: &[u8]) {
        let Some(directory) = self.find(path) else { return };
        if let Body::Directory { children, .. } = &mut self.inode_mut(directory).body {
            let children = std::mem::take(children);
            self.forget_names(children.into_values().collect());
        }
    }

    /// Takes a name away, and all that lies below it.
    fn remove(&mut self, directory: InodeId, name: &[u8]) {
        if let Body::Directory { children, .. } = &mut self.inode_mut(directory).body
            && let Some(child) = children.remove(name)
        {
            self.forget_names(vec![child]);
        }
    }

    fn forget_names(&mut self, mut gone: Vec<InodeId>) {
        while let Some(id) = gone.pop() {
            let inode = self.inode_mut(id);
            inode.names = inode.names.saturating_sub(1);
            if let Body::Directory { children, .. } = &mut inode.body {
                gone.extend(std::mem::take(children).into_values());
            }
        }
    }
}

/// A layer while it is laid over a tree.
struct Layer<'t> {
    tree: &'t mut Tree,
    number: u32,
    link_steps: u32,
    /// Entries of one directory follow each other: its path need not be walked each time. Forgotten
    /// whenever a directory or link is replaced.
    last_parent: Option<(Vec<u8>, InodeId)>,
}

/// A name that is still to be walked, and whether it came out of a symbolic link.
type Step = (Vec<u8>, bool);

impl Layer<'_> {
    /// Offsets come from a file on disk: they are checked once, here.
    fn check_contents(&self, entry: &Entry, archive_size: u64) -> Result<(), MergeError> {
        let Kind::File(contents) = &entry.kind else { return Ok(()) };
        let inside = |offset: u64, length: u64| {
            offset.checked_add(length).is_some_and(|end| end <= archive_size)
        };
        let good = match &contents.extents {
            None => contents.offset.is_multiple_of(512) && inside(contents.offset, contents.size),
            Some(extents) => extents.iter().all(|extent| inside(extent.offset, extent.length)),
        };
        if good { Ok(()) } else { Err(MergeError::OutsideArchive { path: shown(&entry.path) }) }
    }

    fn add(&mut self, entry: Entry) -> Result<(), MergeError> {
        let xattrs = entry.xattrs.into_iter().filter(|xattr| is_kept(&xattr.name, &xattr.value));
        let mut inode = Inode {
            body: Body::Fifo,
            mode: entry.mode,
            uid: entry.uid,
            gid: entry.gid,
            mtime: entry.mtime,
            xattrs: xattrs.collect(),
            names: 1,
            layer: self.number,
        };
        if inode.xattrs.iter().map(|xattr| xattr.name.len() + xattr.value.len() + 8).sum::<usize>()
            > XATTRS_MAX
        {
            return Err(MergeError::TooMany { what: "extended attributes on one file" });
        }
        if entry.path.is_empty() {
            if entry.kind == Kind::Directory {
                self.describe(ROOT, inode);
            }
            return Ok(());
        }
        let (parent_path, name) = split(&entry.path);
        let parent = self.parent(parent_path, &entry.path)?;
        inode.body = match entry.kind {
            Kind::HardLink { target } => return self.hard_link(parent, name, &target, &entry.path),
            Kind::Directory => {
                let there = self.tree.child(parent, name);
                if let Some(there) = there.filter(|&id| self.tree.children(id).is_some()) {
                    self.describe(there, inode);
                    return Ok(());
                }
                Body::Directory { children: BTreeMap::new(), parent }
            }
            Kind::File(contents) => Body::File { layer: self.number, contents },
            Kind::Symlink { target } => Body::Symlink { target },
            Kind::Character { major, minor } => Body::Character { major, minor },
            Kind::Block { major, minor } => Body::Block { major, minor },
            Kind::Fifo | Kind::Whiteout | Kind::Opaque => Body::Fifo,
        };
        self.put(parent, name, inode).map(drop)
    }

    /// Gives a directory that is there the attributes of its new entry.
    fn describe(&mut self, directory: InodeId, new: Inode) {
        let old = self.tree.inode_mut(directory);
        let body = std::mem::replace(&mut old.body, Body::Fifo);
        *old = Inode { body, ..new };
    }

    fn put(&mut self, parent: InodeId, name: &[u8], inode: Inode) -> Result<InodeId, MergeError> {
        if self.tree.inodes.len() >= INODES_MAX {
            return Err(MergeError::TooMany { what: "files" });
        }
        let id = InodeId::try_from(self.tree.inodes.len())
            .map_err(|_| MergeError::TooMany { what: "files" })?;
        self.tree.inodes.push(inode);
        self.name(parent, name, id);
        Ok(id)
    }

    /// Lets `name` stand for `id`, whatever it stood for.
    fn name(&mut self, parent: InodeId, name: &[u8], id: InodeId) {
        if let Some(there) = self.tree.child(parent, name) {
            if matches!(self.tree.inode(there).body, Body::Directory { .. } | Body::Symlink { .. })
            {
                self.last_parent = None;
            }
            self.tree.remove(parent, name);
        }
        if let Body::Directory { children, .. } = &mut self.tree.inode_mut(parent).body {
            children.insert(name.into(), id);
        }
    }

    fn hard_link(
        &mut self,
        parent: InodeId,
        name: &[u8],
        target: &[u8],
        path: &[u8],
    ) -> Result<(), MergeError> {
        let missing = || MergeError::NoTarget { path: shown(path), target: shown(target) };
        let (target_parent, target_name) = split(target);
        let directory = self.walk(target_parent, path, true)?.ok_or_else(missing)?;
        let found = if target.is_empty() {
            ROOT
        } else {
            self.tree.child(directory, target_name).ok_or_else(missing)?
        };
        if self.tree.children(found).is_some() {
            return Err(MergeError::DirectoryTarget { path: shown(path), target: shown(target) });
        }
        // GNU tar writes a file that it meets twice as a link to itself.
        if self.tree.child(parent, name) == Some(found) {
            return Ok(());
        }
        self.name(parent, name, found);
        self.tree.inode_mut(found).names += 1;
        Ok(())
    }

    fn parent(&mut self, parent: &[u8], path: &[u8]) -> Result<InodeId, MergeError> {
        match &self.last_parent {
            Some((known, id)) if known == parent => Ok(*id),
            _ => {
                // A missing directory is made, so there is one.
                let id = self.walk(parent, path, false)?.unwrap_or(ROOT);
                self.last_parent = Some((parent.to_vec(), id));
                Ok(id)
            }
        }
    }

    /// The directory at `path`. Only to look: `None` where there is none, and every link is followed.
    /// Else missing directories are made, and only links of this layer are followed.
    fn walk(
        &mut self,
        path: &[u8],
        of: &[u8],
        only_look: bool,
    ) -> Result<Option<InodeId>, MergeError> {
        let mut steps: Vec<Step> =
            components(path).rev().map(|name| (name.to_vec(), false)).collect();
        let (mut here, mut links) = (ROOT, 0);
        while let Some((name, from_link)) = steps.pop() {
            if from_link {
                self.link_steps = self
                    .link_steps
                    .checked_sub(1)
                    .ok_or(MergeError::TooMany { what: "paths through symbolic links" })?;
                if name == b".." {
                    if let Body::Directory { parent, .. } = self.tree.inode(here).body {
                        here = parent;
                    }
                    continue;
                }
            }
            let bound = only_look || from_link;
            let child = self.tree.child(here, &name);
            here = match child.map(|id| (id, self.tree.inode(id))) {
                Some((id, Inode { body: Body::Directory { .. }, .. })) => id,
                Some((_, Inode { body: Body::Symlink { target }, layer, .. }))
                    if bound || *layer == self.number =>
                {
                    links += 1;
                    if links > LINKS_MAX {
                        return Err(MergeError::BadLink { path: shown(of) });
                    }
                    let start = if target.starts_with(b"/") { ROOT } else { here };
                    steps.extend(link_components(target).rev().map(|name| (name.to_vec(), true)));
                    start
                }
                None if only_look => return Ok(None),
                None if from_link => return Err(MergeError::BadLink { path: shown(of) }),
                Some((_, inode)) if bound || inode.layer == self.number => {
                    return Err(MergeError::NotADirectory { path: shown(of) });
                }
                // Nothing there, or a link or file of a layer below.
                _ => self.put(here, &name, Inode::implied(here, self.number))?,
            };
        }
        Ok(Some(here))
    }
}

/// Attributes that a root takes over from its layers: all that the kernel knows, except those with
/// which overlayfs marks its own files, and access lists that are none.
fn is_kept(name: &[u8], value: &[u8]) -> bool {
    const OVERLAY: [&[u8]; 2] = [b"trusted.overlay.", b"user.overlay."];
    const KNOWN: [&[u8]; 3] = [b"user.", b"trusted.", b"security."];
    if OVERLAY.iter().any(|prefix| name.starts_with(prefix)) {
        return false;
    }
    if matches!(name, b"system.posix_acl_access" | b"system.posix_acl_default") {
        // struct posix_acl_xattr_header: version 2; entries of eight bytes.
        return value.starts_with(&[2, 0, 0, 0]) && value.len() % 8 == 4;
    }
    KNOWN.iter().any(|prefix| name.len() > prefix.len() && name.starts_with(prefix))
}

fn components(path: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    path.split(|&byte| byte == b'/').filter(|name| !name.is_empty())
}

fn link_components(target: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    components(target).filter(|name| *name != b".")
}

fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|&byte| byte == b'/') {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (b"", path),
    }
}

fn shown(path: &[u8]) -> String {
    path[..path.len().min(200)].escape_ascii().to_string()
}

#[cfg(test)]
mod tests;
