//! The OCI runtime specification's `config.json`.

mod resources;
pub use resources::*;
