//! Gives `teu_fuzz::mountinfo` to libFuzzer.
#![no_main]
#![allow(missing_docs, reason = "the macro's")]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| teu_fuzz::mountinfo(bytes));
