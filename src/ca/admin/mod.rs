//! Operations: what whoever runs the CA asks of it, over HTTP and authenticated (docs/openapi.json).
//!
//! The front knows who asks ([`operator`]), reads what is asked ([`routes`]), and asks the partitions that have it. What
//! changes something stands in the audit record before and after ([`audit`]). What a partition is asked for is an
//! [`operation::Operation`]; its answer is the JSON that the API shows.

pub mod accounts;
mod assertion;
pub mod audit;
mod body;
pub mod calendar;
pub mod certificates;
pub mod csv;
mod dispatch;
pub mod external_keys;
pub mod feed;
pub mod notices;
pub mod operator;
pub mod policies;
pub mod replacements;
pub mod revocations;
pub(super) mod state;

pub use dispatch::answer;
