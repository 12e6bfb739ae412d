//! The ledger partition: entries, index, CRLs, replacements, expiry scan.

pub mod bulk_revocation;
pub mod condemn;
pub mod crl;
pub mod entry;
pub mod expiry_scan;
pub mod filter;
pub mod index;
pub mod inventory;
pub mod issuer;
pub mod replacements;
pub mod revocation_request;
pub mod view;
