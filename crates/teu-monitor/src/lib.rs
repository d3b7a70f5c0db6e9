//! The process that stays: one beside each container, parent of its first process and of every exec.
//!
//! ```text
//!  command ── socketpair ──► monitor ── clone ──► container's first process
//!  command ── monitor.sock ──► │  ◄── FIFOs, pipe, terminal ──┘
//!                              ├──► log, exit.json
//!                              └──► `teu after-exit ID`, when nobody else is there
//! ```
//! It carries bytes, keeps the log, sends signals, waits for ends and tells them. It decides nothing and does
//! no engine work. It is this same binary under another name ([`MONITOR_NAME`]), with one thread, a `poll(2)`
//! loop, and about 100 KiB of memory of its own.
//!
//! # A container's directory below /run
//!
//! ```text
//! monitor.sock    where commands connect; nobody listens: the monitor ended or was killed
//! monitor.json    what another monitor needs to take over; locked by the one that is there
//! stdout stderr   FIFOs that the container holds for reading and writing: it never gets SIGPIPE
//! health.json     what its health checks found
//! exit.json       how it ended
//! ```
//! `docs/formats/monitor.md` describes the files and the conversation.
//!
//! # Who owns a container when
//!
//! Until [`Link::recorded`] a start is the command's: if its connection ends before, the monitor kills the
//! process. From then on the container is the monitor's. When it ends, one connected command is told to
//! do what follows, and answers [`Link::released`]; if there is none, or its connection ends before, the
//! monitor starts [`StartRequest::after_exit`]. Instead of releasing, that command may ask the monitor to
//! keep the time until the next start ([`Link::again`]), or send that start at once.
//!
//! # Invariants
//!
//! - The monitor waits for nobody but `poll(2)`: every descriptor of its own is nonblocking, and what a visitor
//!   does not take is bounded.
//! - Output is in the log before it is sent to anybody. Whoever is attached before the start gets every
//!   byte; who does not read stops the container, and loses nothing.
//! - `exit.json` is there before anybody is told.

mod adopt;
mod again;
mod attach;
mod client;
mod end;
mod error;
mod exec;
mod exit;
#[doc(hidden)]
pub mod foreign;
mod health;
pub mod log;
mod monitor;
mod open_files;
mod protocol;
mod request;
mod session;
mod start;
mod stay;
mod visitor;

pub use client::{
    BadDetachKeys, Cloned, DetachKeys, Exited, Link, MONITOR_NAME, Pump, PumpEnd, Started, adopt,
    connect, spawn, spawn_binary,
};
pub use error::MonitorError;
pub use exit::{EXIT_VERSION, Exit, Sent};
pub use health::HealthPlan;
pub use log::{LogConfig, LogOptions, LogReader, LogSink, Tail, Timestamp};
pub use request::{
    Attach, Command, ExecAbout, ExecRequest, ExecState, FdUse, PROTOCOL_VERSION, Refusal,
    StartRequest, Stdio, Target,
};
pub use stay::stay;
pub use teu_oci::runtime::NamespaceKind;
