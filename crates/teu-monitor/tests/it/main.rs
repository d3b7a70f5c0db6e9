//! The monitor with real containers: busybox on a directory, no network.

mod container;

mod attach;
mod end;
mod exec;
mod logs;
mod memory;
mod speed;
mod terminal;
