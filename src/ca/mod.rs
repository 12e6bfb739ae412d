//! The requests: what each ACME resource does, over the ports that the host gives.
//!
//! A request enters at [`front::Front`] (stateless), which answers what needs no state and passes the rest to the
//! partition that owns the answer, a [`cell::Cell`]. There the logic is synchronous over a transaction; the
//! asynchronous steps stand before and between transactions.

pub mod account;
pub mod config;
pub mod dispatch;
pub mod documents;
pub mod front;
pub mod http;
pub mod issuance_policy;
pub mod ledger;
pub mod notices;
pub mod operator_api;
pub mod partitions;
pub mod runtime;
pub mod telemetry;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
