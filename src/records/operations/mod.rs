//! What the operation of the CA stores: audit record, policies, external account keys, notices, limits, counts.

pub mod audit;
pub mod external_key;
pub mod limit;
pub mod metrics;
pub mod notice;
pub mod policies;
pub mod proof;
