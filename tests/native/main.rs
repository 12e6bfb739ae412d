//! Fast tests without other programs: `cargo test --test native` is the loop of a change.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests fail by panics and have clocks of their own"
)]

mod checklist;
#[path = "../common/contract.rs"]
mod contract;
mod cosigning;
mod costs;
mod databases;
mod dependencies;
mod documents;
mod invariants;
mod jobs;
mod keeping;
mod layers;
mod log;
mod monitoring;
mod operations;
mod properties;
mod protocol;
mod schema;
mod security;
mod settings;
mod test_cas;
#[path = "../common/test_log.rs"]
mod test_log;
mod test_support;
mod troubleshooting;
mod validation_socket;
mod versions;
mod witness;
mod words;
