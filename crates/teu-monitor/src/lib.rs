//! The process that stays.

mod client;
mod error;
mod exit;
pub mod log;
mod protocol;
mod request;

pub use client::*;
pub use error::MonitorError;
pub use exit::Exit;
pub use request::{
    Attach, Command, ExecRequest, ExecState, FdUse, PROTOCOL_VERSION, Refusal, StartRequest, Stdio,
    Target,
};
