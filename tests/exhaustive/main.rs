//! Native tests with minutes of CPU: every fault, every interleaving, random walks, spoiled inputs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests fail by panics and have clocks of their own"
)]

mod corpora;
mod crashes;
mod dodging;
mod faults;
mod races;
mod security;
#[path = "../common/test_log.rs"]
mod test_log;
mod walks;
mod witness;
