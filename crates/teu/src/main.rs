//! Chooses the door.
fn main() {}
