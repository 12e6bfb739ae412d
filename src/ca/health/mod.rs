//! Findings about the CA with their severity, as pure functions of facts at a time.
//!
//! The Worker judges what it knows, for the API, the metrics and the page; `selvedge status` adds what is seen from
//! outside.

pub mod backups;
pub mod finding;
pub mod growth;
pub mod issuers;
pub mod operation;
pub mod outside;
pub mod witnesses;
