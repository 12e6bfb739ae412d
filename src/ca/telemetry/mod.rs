//! Lines and counts for the operator.

pub mod counts;
pub mod events;
