//! teu-registry.
