//! teu-tar.
