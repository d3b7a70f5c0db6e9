//! SIGKILL at a system call: of the command alone, or of every process of teu's at once.
//!
//! For each verb: kill at one of its system calls, then `teu ps -a` and the same verb again must succeed, and
//! when everything is removed the machine must hold nothing of this state root. The verb is traced once to
//! learn its system calls; a sample that a printed seed chooses is tried, or all of them with
//! `TEU_CRASH=all` (`cargo xtask long crash`).
#![allow(clippy::print_stdout, reason = "the seed and the counts are told")]

mod bench;
mod leaks;
mod load;
mod random;
mod sweep;
