//! Between clone and exec.
