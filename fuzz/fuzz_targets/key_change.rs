//! Feeds `selvedge::ca::testing::fuzz::key_change`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| selvedge::ca::testing::fuzz::key_change(data));
