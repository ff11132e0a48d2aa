//! Any bytes as a .x file, tidied and read again.

#![no_main]

#[allow(dead_code, reason = "the other target is in it, too")]
#[path = "../../tests/fuzz/targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::print(bytes));
