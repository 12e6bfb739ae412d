//! Feeds `selvedge::ca::testing::fuzz::times`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| selvedge::ca::testing::fuzz::times(data));
