//! The monitor with real containers: busybox on a directory, no network.

#![expect(clippy::print_stderr, reason = "figures are printed, to be seen with --nocapture")]

mod container;

mod attach;
mod cgroup;
mod end;
mod exec;
mod logs;
mod memory;
mod speed;
mod terminal;
