//! The requests: what each ACME resource does, over the ports that the host gives.
//!
//! A request enters at [`front::Front`] (stateless), which answers what needs no state and passes the rest to the
//! partition that owns the answer, a [`cell::Cell`]. There the logic is synchronous over a transaction; the
//! asynchronous steps stand before and between transactions.

pub mod account;
pub mod account_jobs;
pub mod admin;
pub mod agreement;
pub mod alarm;
pub mod authorization;
pub mod binding;
pub mod caa;
pub mod cell;
pub mod certificate;
pub mod challenge;
pub mod config;
pub mod crl;
pub mod documents;
pub mod finalize;
pub mod front;
pub mod governing;
pub mod http;
pub mod issuance_policy;
pub mod issuers;
pub mod issuing;
pub mod jobs;
pub mod just_in_time;
pub mod key_change;
pub mod ledger;
pub mod limiting;
pub mod lists;
pub mod metrics;
pub mod notices;
pub mod order;
pub mod partitions;
pub mod pausing;
pub mod permission;
pub mod placing;
pub mod registration;
pub mod renewal;
pub mod reuse;
pub mod revocation;
pub mod runtime;
pub mod shadow;
pub mod telemetry;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
pub mod transport;
