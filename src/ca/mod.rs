//! The requests: what each ACME resource does, over the ports that the host gives.
//!
//! A request enters at [`front::handler::Front`] (stateless), which answers what needs no state and passes the rest to
//! the partition that owns the answer, a [`runtime::partition::Partition`]. There the logic is synchronous over a
//! transaction; asynchronous steps come before and between transactions. Rooms use those below them only.

pub mod account;
pub mod config;
pub mod dispatch;
pub mod documents;
pub mod front;
pub mod health;
pub mod http;
pub mod issuance_policy;
pub mod ledger;
pub mod notices;
pub mod operator_api;
pub mod partitions;
pub mod runtime;
pub mod telemetry;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod witness;
