//! What a plan names, opened.
