//! teu-runtime.
