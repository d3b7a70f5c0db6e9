//! Why an archive is refused.

/// What is wrong with an archive, and at which byte. Names are shown cut and escaped: they come
/// from the archive.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TarError {
    /// The bytes at a header's place are no header.
    #[error("no tar header at byte {offset}: {why}")]
    BadHeader {
        /// Where the header begins.
        offset: u64,
        /// What does not fit.
        why: &'static str,
    },
    /// The archive ends in the middle of something.
    #[error("the archive ends at byte {offset}, in the middle of {what}")]
    Truncated {
        /// Where it ends.
        offset: u64,
        /// What is cut.
        what: &'static str,
    },
    /// A pax header or GNU long name that is no such thing, or is too long.
    #[error("bad extended header at byte {offset}: {why}")]
    BadExtended {
        /// Where the header of what it belongs to begins.
        offset: u64,
        /// What does not fit.
        why: &'static str,
    },
    /// A name that cannot be a file's.
    #[error("`{name}` cannot be a path in a layer: {why}")]
    BadPath {
        /// The name, escaped and cut.
        name: String,
        /// What does not fit.
        why: &'static str,
    },
    /// A sparse file whose pieces do not fit into it.
    #[error("bad sparse file at byte {offset}: {why}")]
    BadSparse {
        /// Where its header begins.
        offset: u64,
        /// What does not fit.
        why: &'static str,
    },
    /// A kind of member that has no place in a layer.
    #[error("`{name}` is of tar type `{kind}`, which has no place in a layer")]
    UnknownKind {
        /// The name, escaped and cut.
        name: String,
        /// The type byte, escaped.
        kind: String,
    },
    /// More entries than any file system tree of this world.
    #[error("the archive has more than {limit} entries")]
    TooMany {
        /// How many are accepted.
        limit: usize,
    },
}

/// A name out of an archive, fit to be shown.
pub(crate) fn shown(name: &[u8]) -> String {
    let cut = &name[..name.len().min(200)];
    let mut text = cut.escape_ascii().to_string();
    if cut.len() < name.len() {
        text.push('…');
    }
    text
}
