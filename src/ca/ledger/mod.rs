//! The ledger partition: entries, index, CRLs, replacements, expiry scan.

pub mod asks;
pub mod block_key;
pub mod bulk_revocation;
pub mod census;
pub mod cosigning;
pub mod crl;
pub mod entry;
pub mod expiry_scan;
pub mod filter;
pub mod index;
pub mod inventory;
pub mod issuer;
pub mod jobs;
pub mod kind;
pub mod log;
pub mod log_checkpoint;
pub mod log_entries;
pub mod log_reader;
pub mod log_summary;
pub mod pruning;
pub mod replacements;
pub mod restored;
pub mod revocation_request;
pub mod view;
mod witness_request;
mod witnessed;
