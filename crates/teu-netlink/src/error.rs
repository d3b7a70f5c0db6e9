//! Why the kernel did not do what a message asked.

use std::io;

/// A request that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetlinkError {
    /// The kernel refused one request.
    #[error("the kernel refused {request}{}", in_brackets(.said))]
    Refused {
        /// The request's kernel name.
        request: &'static str,
        /// The kernel's own words, where it has some (extended acknowledgement).
        said: Option<String>,
        /// The error number.
        source: io::Error,
    },
    /// The socket failed.
    #[error("cannot speak netlink with the kernel")]
    Socket {
        /// Why.
        source: io::Error,
    },
    /// An answer that does not follow netlink's format.
    #[error("the kernel's answer to {request} cannot be read")]
    Malformed {
        /// The request's kernel name.
        request: &'static str,
    },
    /// A request that does not fit its format (a length field of 16 bits).
    #[error("a netlink request is too long")]
    TooLong,
}

impl NetlinkError {
    /// The error number, where the kernel gave one.
    pub fn raw_os_error(&self) -> Option<i32> {
        match self {
            Self::Refused { source, .. } | Self::Socket { source } => source.raw_os_error(),
            Self::Malformed { .. } | Self::TooLong => None,
        }
    }
}

fn in_brackets(words: &Option<String>) -> String {
    words.as_ref().map(|words| format!(" (`{words}`)")).unwrap_or_default()
}
