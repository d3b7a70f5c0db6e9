//! What the Open Container Initiative wrote down: formats of others, with their field names.
//!
//! Pure: types, their limits and their checks.

pub mod image;
pub mod runtime;
