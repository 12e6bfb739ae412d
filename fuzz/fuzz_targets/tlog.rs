//! Feeds `selvedge::ca::testing::fuzz::tlog`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| selvedge::ca::testing::fuzz::tlog(data));
