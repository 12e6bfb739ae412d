//! Records of operators and operation: audit, policies, external account keys, notices, limits, counts.

pub mod audit;
pub mod external_key;
pub mod limit;
pub mod metrics;
pub mod notice;
pub mod policies;
pub mod proof;
