//! Native tests with minutes of CPU: every fault, every interleaving, random walks, spoiled inputs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests fail by panics and have clocks of their own"
)]

#[allow(dead_code, reason = "the native tests use the rest")]
#[path = "../native/operations/backup.rs"]
mod backup;
#[path = "../common/contract.rs"]
mod contract;
mod corpora;
mod crashes;
mod dodging;
mod faults;
#[allow(dead_code, reason = "as above")]
#[path = "../native/operations/operator.rs"]
mod operator;
mod races;
mod restores;
mod security;
#[allow(dead_code, reason = "as above")]
#[path = "../native/operations/stored.rs"]
mod stored;
mod stored_backups;
#[path = "../common/test_log.rs"]
mod test_log;
mod walks;
mod witness;
