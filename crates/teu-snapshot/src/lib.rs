//! teu-snapshot.
