//! The whole program, by subject. Each test has a state root of its own, says in its name what a user may
//! count on, and looks only at what a user can see.
//!
//! Letters and numbers in comments (`N4`, `C7`) are the rows of the mission that a test proves.

mod bad_input;
mod bad_starts;
mod boot;
mod cgroups;
mod commit;
mod containers;
mod copy;
mod deaths;
mod debian;
mod diff;
mod events;
mod execs;
mod export;
mod files;
mod fsck;
mod health;
mod images;
mod inspect;
mod kernel;
mod keyboard;
mod logs;
mod namespaces;
mod nested;
mod network;
mod pause;
mod prune;
mod pull;
mod remembered;
mod restart;
mod rights;
mod run;
mod run_flags;
mod stats;
mod streams;
mod terminal;
mod tools;
mod two_at_once;
mod update;
mod volumes;
