//! Issuance by ACME for a name that an operator pre-authorises.

pub mod acme;
pub mod csr;
pub mod steps;
