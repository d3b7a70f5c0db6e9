//! Measures teu beside others.
fn main() {}
