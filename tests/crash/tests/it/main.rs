//! SIGKILL at a system call: of the command alone, or of every process of teu's at once.
//!
//! For each verb: kill at the Nth system call, then `teu ps -a` and the same verb again must succeed, and
//! when everything is removed the machine must hold nothing of this state root. N runs over a sample that
//! a printed seed chooses; `TEU_CRASH=all` (`cargo xtask long crash`) takes every N until the verb gets through.
#![allow(clippy::print_stdout, reason = "the seed and the counts are told")]

mod bench;
mod leaks;
mod sweep;
