//! Feeds `selvedge::ca::testing::fuzz::tls_certificate`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| selvedge::ca::testing::fuzz::tls_certificate(data));
