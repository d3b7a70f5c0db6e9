//! `rmi`: names first, then the image when it has none left. Rules and words are docker's
//! (moby, daemon/images/image_delete.go).

use crate::error::ImageError;
use crate::gc::{Collected, ImageUser};
use crate::layers::chain_id;
use crate::store::Store;
use std::collections::HashSet;
use std::fmt;
use teu_model::{DiffId, Digest, Reference};

/// One line of what `rmi` prints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removed {
    /// A name was taken away.
    Untagged(Reference),
    /// An image, or a layer under its chain id, is gone.
    Deleted(Digest),
}

/// As docker prints it.
impl fmt::Display for Removed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Removed::Untagged(name) => write!(f, "Untagged: {}", name.familiar()),
            Removed::Deleted(digest) => write!(f, "Deleted: {digest}"),
        }
    }
}

/// What a removal did.
#[derive(Clone, Debug, Default)]
pub struct Removal {
    /// What is printed, in order.
    pub lines: Vec<Removed>,
    /// What went from the disk; the roots of `chains` can go too.
    pub collected: Collected,
}

impl Store {
    /// Removes a name, or an image with its names. `users` tells all containers.
    pub fn remove(
        &self,
        what: &str,
        force: bool,
        users: &dyn Fn() -> Vec<ImageUser>,
    ) -> Result<Removal, ImageError> {
        let found = self.find(what, None)?;
        let image = found.image;
        let mut lines = Vec::new();
        {
            let _lock = self.lock_refs()?;
            let names = self.names_of_images()?.remove(&image.id).unwrap_or_default();
            let using: Vec<ImageUser> =
                users().into_iter().filter(|user| user.image == image.id).collect();
            let plan = plan(what, found.reference.as_ref(), &image.id, &names, &using, force)?;
            for name in plan.untag {
                if self.remove_name(&name)? {
                    lines.push(Removed::Untagged(name));
                }
            }
            if !plan.delete {
                return Ok(Removal { lines, collected: Collected::default() });
            }
            self.remove_image_record(&image.id)?;
            lines.push(Removed::Deleted(image.id.clone()));
        }
        let collected = self.gc(users)?;
        let gone: HashSet<&DiffId> = collected.layers.iter().collect();
        for count in (1..=image.layers.len()).rev() {
            if gone.contains(&image.layers[count - 1]) {
                lines.push(Removed::Deleted(chain_id(&image.layers[..count]).0));
            }
        }
        Ok(Removal { lines, collected })
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Plan {
    untag: Vec<Reference>,
    delete: bool,
}

/// What is to be done, or why it may not be.
fn plan(
    typed: &str,
    reference: Option<&Reference>,
    id: &Digest,
    names: &[Reference],
    using: &[ImageUser],
    force: bool,
) -> Result<Plan, ImageError> {
    let in_use = |can_be_forced: bool, why: String| {
        Err(ImageError::InUse { id: id.short(), can_be_forced, why })
    };
    let running = using.iter().find(|user| user.running);
    let stopped = using.iter().find(|user| !user.running);
    let Some(reference) = reference else {
        if let Some(user) = running {
            let container = &user.container;
            return in_use(false, format!("image is being used by running container {container}"));
        }
        if !force && !is_single(names) {
            return in_use(true, "image is referenced in multiple repositories".into());
        }
        if let Some(user) = stopped.filter(|_| !force) {
            let container = &user.container;
            return in_use(true, format!("image is being used by stopped container {container}"));
        }
        return Ok(Plan { untag: names.to_vec(), delete: true });
    };

    if !force
        && is_single(names)
        && let Some(user) = using.first()
    {
        let (name, container) = (typed.to_string(), user.container.clone());
        return Err(ImageError::NameInUse { name, container, id: id.short() });
    }
    // Found by NAME:TAG@DIGEST it is known by its digest alone.
    let name = match &reference.digest {
        Some(_) => Reference { tag: None, ..reference.clone() },
        None => reference.clone(),
    };
    let mut left: Vec<&Reference> = names.iter().filter(|&other| *other != name).collect();
    let mut untag = vec![name.clone()];
    let same_repository =
        |other: &Reference| other.registry == name.registry && other.repository == name.repository;
    // A digest is no name to keep an image by, once its repository has no tag for it.
    if name.digest.is_none()
        && !left.iter().any(|other| other.digest.is_none() && same_repository(other))
    {
        let (digests, others) = left.into_iter().partition(|other| same_repository(other));
        let digests: Vec<&Reference> = digests;
        untag.extend(digests.into_iter().cloned());
        left = others;
    }
    // With force a running container keeps the image as it does a stopped one: nameless.
    let delete = left.is_empty() && using.iter().all(|user| force && !user.running);
    Ok(Plan { untag, delete })
}

/// One tag at most, and all digests of the same repository.
fn is_single(names: &[Reference]) -> bool {
    let repository = |name: &Reference| (name.registry.clone(), name.repository.clone());
    let tags = names.iter().filter(|name| name.digest.is_none()).count();
    let repositories: HashSet<_> = names.iter().map(repository).collect();
    tags <= 1 && repositories.len() <= 1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `names` and `users` (`+` running) separated by blanks; what comes out as docker prints it.
    #[track_caller]
    fn check(typed: &str, names: &str, users: &str, force: bool, expected: &str) {
        let id = Digest::from_sha256([0xab; 32]);
        let names: Vec<Reference> =
            names.split_whitespace().map(|name| Reference::parse(name).unwrap()).collect();
        let using: Vec<ImageUser> = users
            .split_whitespace()
            .map(|user| ImageUser {
                image: id.clone(),
                container: user.trim_start_matches('+').into(),
                running: user.starts_with('+'),
            })
            .collect();
        let reference = (typed != "abab").then(|| Reference::parse(typed).unwrap());
        let got = match plan(typed, reference.as_ref(), &id, &names, &using, force) {
            Err(error) => error.to_string(),
            Ok(plan) => {
                let names: Vec<String> = plan.untag.iter().map(Reference::familiar_name).collect();
                format!("{}{}", names.join(" "), if plan.delete { " deleted" } else { "" })
            }
        };
        assert_eq!(got, expected, "rmi {typed} of {names:?}");
    }

    #[test]
    fn what_goes_and_what_stays() {
        let digest = format!("a@sha256:{}", "0".repeat(64));
        let both = format!("a:1 {digest}");
        check("a:1", "a:1", "", false, "a deleted");
        check("a:1", "a:1 b:1", "", false, "a");
        check("a:1", "a:1 a:2", "c1", false, "a");
        check("a:1", &both, "", false, "a a deleted");
        check("a:1", &format!("{both} a:2"), "", false, "a");
        check("abab", &both, "", false, "a a deleted");
        check("abab", "", "", false, " deleted");
        check("abab", "a:1 b:1", "", true, "a b deleted");
        check("a:1", "a:1", "c1", true, "a deleted");
        check("a:1", "a:1", "+c1", true, "a");
        check(
            "a:1",
            "a:1",
            "c1",
            false,
            "conflict: unable to remove repository reference \"a:1\" (must force) - \
             container c1 is using its referenced image abababababab",
        );
        check(
            "abab",
            "a:1 b:1",
            "",
            false,
            "conflict: unable to delete abababababab (must be forced) - \
             image is referenced in multiple repositories",
        );
        check(
            "abab",
            "a:1",
            "+c1",
            true,
            "conflict: unable to delete abababababab (cannot be forced) - \
             image is being used by running container c1",
        );
        check(
            "abab",
            "a:1",
            "c1",
            false,
            "conflict: unable to delete abababababab (must be forced) - \
             image is being used by stopped container c1",
        );
    }
}
