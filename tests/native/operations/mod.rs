//! The operations API over a whole CA in one process, every answer held against docs/openapi.json.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    dead_code,
    reason = "tests; what is shared is not used by all"
)]

mod access;
mod accounts;
mod audit;
mod auth;
mod bodies;
mod calendar;
mod certificates;
#[path = "../common/contract.rs"]
mod contract;
mod decisions;
mod desk;
mod document;
mod inventory;
mod keys;
mod logs;
mod notices;
#[path = "../common/operating.rs"]
mod operating;
mod orders;
mod policies;
mod replacements;
mod revocations;
