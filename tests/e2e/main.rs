//! End to end: the companion's `dev` with the wasm on workerd, its state on disk.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests fail by panics and wait for what really happens"
)]

mod backups;
mod bombs;
mod cold;
#[path = "../common/mod.rs"]
mod common;
mod cosigning;
mod databases;
mod dns;
mod doh;
mod faults;
mod hosts;
mod imports;
mod issuance;
mod keys;
mod kill;
mod limits;
mod log;
mod log_cost;
mod many;
mod observed;
mod openbao;
mod reach;
mod receivers;
mod recoveries;
mod release_fixture;
mod releases;
mod retrying_client;
mod revocations;
mod rows;
mod shim;
mod soak;
mod test_cas;
#[path = "../common/test_log.rs"]
mod test_log;
mod time;
mod tls_alpn;
mod transparency;
mod transport;
mod witness;
mod worker;
mod wrangler;
