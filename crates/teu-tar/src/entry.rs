//! One member of an archive: what it is called, what it is, where its bytes lie.

/// One member of a layer, its names made plain and checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Components joined by `/`, none of them empty, `.` or `..`, none longer than 255 bytes, no
    /// leading `/`; the empty path is the root itself. Bytes, as the kernel has them.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// Permissions with set-id and sticky bits: `07777` and nothing else.
    pub mode: u32,
    /// Owner, as the layer says: never shifted here.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Last change of its contents.
    pub mtime: Time,
    /// Extended attributes, sorted by name, each name once.
    pub xattrs: Vec<Xattr>,
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File(Contents),
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink {
        /// Where it leads, byte for byte; 1 to 4,095 bytes.
        target: Vec<u8>,
    },
    /// Another name of an entry that came earlier, in this layer or one below.
    HardLink {
        /// That entry's path, made plain as `Entry::path` is.
        target: Vec<u8>,
    },
    /// A character device.
    Character {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A block device.
    Block {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A named pipe.
    Fifo,
    /// `.wh.<name>`: whatever the layers below have at this path is gone. The path is that of what
    /// goes, without the prefix.
    Whiteout,
    /// `.wh..wh..opq`: whatever the layers below have in this directory is gone.
    Opaque,
}

/// Where a file's bytes lie in the raw archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// The file's size.
    pub size: u64,
    /// Offset of its first stored byte in the archive.
    pub offset: u64,
    /// For a file stored with holes: what is stored, in ascending order without overlaps. Everything
    /// else is zero. `None`: all of it is stored, in one piece at `offset`.
    pub extents: Option<Vec<Extent>>,
}

/// A stored piece of a sparse file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Where it belongs in the file.
    pub at: u64,
    /// Where it lies in the archive.
    pub offset: u64,
    /// How long it is.
    pub length: u64,
}

/// Seconds and nanoseconds since 1970, before it too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time {
    /// Seconds, rounded down.
    pub seconds: i64,
    /// 0 to 999,999,999, always forward from `seconds`.
    pub nanoseconds: u32,
}

/// An extended attribute.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Xattr {
    /// With its namespace: `security.capability`. 1 to 255 bytes.
    pub name: Vec<u8>,
    /// At most 65,535 bytes.
    pub value: Vec<u8>,
}

impl Kind {
    /// The file type bits of `stat(2)`; 0 for what is no file: hard links and whiteouts.
    pub fn type_bits(&self) -> u32 {
        match self {
            Kind::File(_) => 0o100_000,
            Kind::Directory => 0o040_000,
            Kind::Symlink { .. } => 0o120_000,
            Kind::Character { .. } => 0o020_000,
            Kind::Block { .. } => 0o060_000,
            Kind::Fifo => 0o010_000,
            Kind::HardLink { .. } | Kind::Whiteout | Kind::Opaque => 0,
        }
    }
}
