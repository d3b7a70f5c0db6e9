//! Crash tests: `tests/it`. teu's processes are killed at their system calls, and what is left is looked at.
