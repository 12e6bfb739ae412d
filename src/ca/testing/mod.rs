//! A whole CA in one process, for tests, with a strict client.
//!
//! Its host has maps for storage, a clock set by hand, a scripted network and injectable faults.
//!
//! Test support panics when it cannot do its work.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "only tests run this; a failure should end them where it happens"
)]

mod answered;
mod bookmarks;
mod bucket;
mod client;
mod counts;
mod csr;
mod executor;
mod faults;
pub mod fuzz;
mod host;
mod invariants;
mod issuers;
mod log;
mod network;
mod operations;
mod receiver;
mod releases;
mod running;
mod secrets;
mod test_cas;
mod witness;
mod world;

pub use answered::Answered;
pub use answered::check_problem;
pub use bucket::Objects;
pub use client::{Client, Proof, challenge, form, new_key, weak_key};
pub use csr::CsrShape;
pub use executor::{Race, poll_some};
pub use faults::Fault;
pub use host::WorldPorts;
pub use invariants::{Snapshot, check_all, check_key_works, violations};
pub use network::Network;
pub use operations::{OperationFault, Operations};
pub use receiver::{Delivered, Receiver};
pub use secrets::Secrets;
pub use test_cas::MadeTestCa;
pub use witness::TestWitness;
pub use world::{BASE, START, World};
