//! Records of a ledger: entries, CRLs, the inventory.

pub mod census;
pub mod compromise;
pub mod cosigning;
pub mod crl;
pub mod entry;
pub mod imported;
pub mod inventory;
pub mod log;
pub mod log_tail;
pub mod prune;
