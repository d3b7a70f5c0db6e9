//! teu-network.
