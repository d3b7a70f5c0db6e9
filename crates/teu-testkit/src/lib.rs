//! What tests share: throwaway directories, and a loud word when a machine lacks something.
#![allow(clippy::print_stderr, reason = "a skip must be seen")]

mod need;
mod registry;
mod temp;

pub use need::{Need, have};
pub use registry::{Registry, RegistryOptions};
pub use temp::TempDir;
