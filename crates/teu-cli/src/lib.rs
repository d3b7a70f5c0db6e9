//! teu-cli.
