//! teu-image.
