//! teu-engine.
