//! What a container wrote, line by line, as docker's `json-file` keeps it.
//!
//! ```text
//! log      {"log":"hello\n","stream":"stdout","time":"2026-11-21T10:38:31.5Z"}    grows
//! log.1    the file before it, complete                                             max_files - 1 of these
//! log.2
//! ```
//! A line longer than 16 KiB becomes several entries; only the last one's text ends in a line end. The
//! monitor writes ([`LogWriter`]), anybody reads ([`LogReader`]), no lock between them: an entry is
//! complete once its line end is there, and a file that was renamed is finished.

mod entry;
mod read;
mod send;
mod time;
mod write;

pub use entry::{Entry, Stream};
pub use read::{LogOptions, LogReader, Tail};
pub use send::LogSink;
pub use time::Timestamp;
pub use write::LogWriter;

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Where a log lies and how large it may grow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogConfig {
    /// The newest file; the older ones are beside it.
    pub path: PathBuf,
    /// A file that has reached this size is closed and the next begun.
    pub max_size_bytes: u64,
    /// How many files there are at most, the newest included.
    pub max_files: u32,
    /// Words that stand beside each entry: labels, variables, a tag.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub words: BTreeMap<String, String>,
    /// Where entries go as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sink: Option<LogSink>,
}

impl LogConfig {
    /// A log at `path` with the limits that hold when nobody says otherwise: three files of 10 MB.
    pub fn new(path: PathBuf) -> LogConfig {
        let words = BTreeMap::new();
        LogConfig { path, max_size_bytes: 10_000_000, max_files: 3, words, sink: None }
    }

    /// No file at all: entries go to `sink` only.
    pub fn unread(sink: LogSink) -> LogConfig {
        let path = PathBuf::from("/dev/null");
        LogConfig { max_size_bytes: u64::MAX, sink: Some(sink), ..LogConfig::new(path) }
    }
}

/// The `n`th file of the log at `path`; the 0th is the newest.
fn rotated(path: &Path, n: u32) -> PathBuf {
    if n == 0 {
        return path.to_path_buf();
    }
    let mut name = path.as_os_str().to_os_string();
    name.push(format!(".{n}"));
    PathBuf::from(name)
}
