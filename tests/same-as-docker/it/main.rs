//! One script, two programs: real docker (package `docker.io`) and teu must show the same.
//!
//! ```text
//!  behaviours/VERB.rs   scenes: a set-up, and lines of shell in which `docker` is either of the two
//!  behaviour.rs         plays a scene on both sides at once and compares line by line
//!  normal.rs            takes out what differs by nature: ids, times, the program's own name
//!  docker.rs            one dockerd for the program, in namespaces of its own
//!  flags.rs             every flag of `docker VERB --help` stands in `flag_table.rs`, and is what it says
//! ```
//! A difference that is wanted is a line too, `different(…, reason)`, and must still be one.

#![allow(clippy::print_stdout, reason = "the counts and times are told")]

mod behaviour;
mod behaviours;
mod docker;
mod flag_table;
mod flags;
mod normal;
