//! The same script against real docker and against teu: what a user sees must be the same. See `it/main.rs`.
