//! Log lines and metrics.

pub mod counts;
pub mod events;
