//! Operations: what whoever runs the CA asks of it, over HTTP and authenticated (docs/openapi.json).
//!
//! The front knows who asks ([`operator`]), reads what is asked ([`routes`]), and asks the partitions that have it. What
//! changes something stands in the audit record before and after ([`audit`]). What a partition is asked for is an
//! [`operation::Operation`]; its answer is the JSON that the API shows.

pub use crate::ca::operator_api::dispatch::answer;
