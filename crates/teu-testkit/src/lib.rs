//! teu-testkit.
