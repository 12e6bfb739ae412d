//! Validation: whether the holder of an account key controls an identifier.
//!
//! Protocol only. Network access goes through the port [`outbound::Outbound`]; pure functions judge the answers. ACME
//! records are unknown here: names, tokens and key authorizations are values, and `ca` turns an [`Outcome`] into
//! challenge state and problems.
//!
//! [`challenges`] has a module for each challenge type. [`caa`] checks whether the owner of a name lets this CA issue.

pub mod caa;
pub mod challenges;
pub mod cloudflare;
mod config;
pub mod dns;
#[cfg(test)]
pub(crate) mod fake;
pub mod guard;
pub mod http1;
pub mod issue_value;
#[cfg(test)]
mod network_faults;
pub mod outbound;
mod outcome;
pub mod probe;
pub mod quote;
pub mod reach;
mod subject;
pub mod target;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod tls;
pub mod txt;

pub use challenges::{Method, validate};
pub use config::Config;
pub use outcome::{Failure, FailureKind, Outcome};
pub use subject::{ExpectedRecord, Subject};

#[cfg(test)]
mod tests;
