//! The requests: what each ACME resource does, over the ports that the host gives.
//!
//! A request enters at [`front::Front`] (stateless), which answers what needs no state and passes the rest to the
//! partition that owns the answer, a [`cell::Cell`]. There the logic is synchronous over a transaction; the
//! asynchronous steps stand before and between transactions.

pub mod account;
pub mod address;
pub mod admin;
pub mod agreement;
pub mod alarm;
pub mod authority;
pub mod authorization;
pub mod binding;
pub mod blocked;
pub mod caa;
pub mod cell;
pub mod certificate;
pub mod challenge;
pub mod compromise;
pub mod crl;
mod delivery;
pub mod events;
pub mod external;
pub mod finalize;
pub mod front;
pub mod governing;
pub mod http;
pub mod issuers;
pub mod issuing;
pub mod jobs;
pub mod just_in_time;
pub mod key_change;
pub mod ladder;
pub mod landing;
pub mod ledger;
pub mod limiting;
pub mod limits;
pub mod lists;
pub mod memory;
pub mod message;
pub mod metrics;
pub mod new_key;
pub mod nonce_key;
pub mod order;
pub mod page;
pub mod pausing;
pub mod permission;
pub mod placing;
pub mod ports;
pub mod registration;
pub mod reminding;
pub mod renewal;
mod reuse;
pub mod revocation;
pub mod routes;
pub mod setting_names;
pub mod settings;
mod shadow;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod transport;
