//! Feeds `selvedge::ca::testing::fuzz::routes`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| selvedge::ca::testing::fuzz::routes(data));
