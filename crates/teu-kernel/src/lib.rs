//! teu-kernel.
