//! The same for a container that has a whole copy of its image in place of an upper: both trees are compared.
//!
//! A file counts as changed when its type, rights, owner, size, device or time are others, as docker's
//! driver vfs has it.

use super::{ChangeKind, Walk, differs, look, place};
use std::collections::BTreeSet;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use teu_kernel::openat;
use teu_kernel::stat::Stat;

impl Walk<'_> {
    /// The directory `path` of the copy. `in_lower`: the image has one there, too.
    pub(super) fn whole_directory(&mut self, path: &[u8], in_lower: bool) -> io::Result<()> {
        let mut names = self.names(self.upper, path)?;
        if in_lower {
            names.extend(self.names(self.lower, path)?);
        }
        for name in names {
            let child = if path.is_empty() { name } else { [path, b"/", name.as_slice()].concat() };
            let below = if in_lower { look(self.lower, &child)? } else { None };
            match (look(self.upper, &child)?, below) {
                (Some(now), below) => self.whole_child(child, now, below)?,
                (None, Some(_)) => self.push(child, ChangeKind::Deleted, false, false),
                // Gone while it was looked for.
                (None, None) => {}
            }
        }
        Ok(())
    }

    fn whole_child(&mut self, path: Vec<u8>, now: Stat, below: Option<Stat>) -> io::Result<()> {
        let kind = if below.is_some() { ChangeKind::Changed } else { ChangeKind::Added };
        if !now.is_directory() {
            let holds_a_mount = now.is_file() && now.size == 0 && self.places.contains(&path);
            let keep = match &below {
                Some(below) => is_another(&now, below),
                None => !holds_a_mount,
            };
            if keep {
                self.push(path, kind, false, false);
            }
            return Ok(());
        }
        let covers = below.is_some_and(|below| below.is_directory());
        let at = self.list.len();
        self.push(path.clone(), kind, false, false);
        self.whole_directory(&path, covers)?;
        let is_alone = self.list.len() == at + 1;
        let keep = match below {
            _ if !is_alone => true,
            None => !self.places.contains(&path),
            Some(below) => differs(&now, &below, self.holds_a_mount(&path)),
        };
        if !keep {
            self.list.truncate(at);
        }
        Ok(())
    }

    fn names(&self, top: &std::fs::File, path: &[u8]) -> io::Result<BTreeSet<Vec<u8>>> {
        let Some(open) = place(top, path)? else { return Ok(BTreeSet::new()) };
        let names = openat::names(open.as_fd())?;
        Ok(names.into_iter().map(|name| name.as_bytes().to_vec()).collect())
    }
}

fn is_another(now: &Stat, below: &Stat) -> bool {
    differs(now, below, false) || now.size != below.size || now.device != below.device
}
