//! Which groups there are below a parent: for `fsck`, never on the way of a start.

use crate::kill::children;
use crate::{CgroupError, Group, Layout};
use std::collections::BTreeSet;

/// The names of all groups below `parent` that begin with `prefix`, in whichever hierarchy: a crash
/// leaves a group in some of them. A parent that is not there has none.
pub fn list_groups(
    layout: &Layout,
    parent: &str,
    prefix: &str,
) -> Result<BTreeSet<String>, CgroupError> {
    // Any name will do: only the parent counts.
    let place = Group::open(layout, parent, "x")?;
    let mut names = BTreeSet::new();
    for hierarchy in &layout.hierarchies {
        for child in children(&place.parent_dir_in(hierarchy))? {
            let name = child.file_name().and_then(|name| name.to_str());
            names.extend(name.filter(|name| name.starts_with(prefix)).map(String::from));
        }
    }
    Ok(names)
}
