//! What tests share: throwaway directories, and a loud word when a machine lacks something.
#![allow(clippy::print_stderr, reason = "a skip must be seen")]

pub mod images;
mod machine;
mod need;
mod registry;
mod temp;
pub mod teu;
mod tty;

pub use machine::Machine;
pub use need::{Need, have};
pub use registry::{Registry, RegistryOptions};
pub use temp::TempDir;
pub use teu::Teu;
pub use tty::Tty;
