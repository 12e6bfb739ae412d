//! Records of operators and operation.
//!
//! Audit, policies, external account keys, notices, limits, counts, failures, test CAs and their faults.

pub mod approval;
pub mod audit;
pub mod backup;
pub mod external_key;
pub mod failure;
pub mod fault;
pub mod limit;
pub mod metrics;
pub mod migration;
pub mod notice;
pub mod policies;
pub mod proof;
pub mod recovery;
pub mod restore;
pub mod role;
pub mod test_ca;
