//! Records of a ledger: entries, CRLs, the inventory.

pub mod census;
pub mod compromise;
pub mod crl;
pub mod entry;
pub mod inventory;
pub mod prune;
