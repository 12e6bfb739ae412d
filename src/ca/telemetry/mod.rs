//! Log lines, metrics, and failures for operators.

pub mod counts;
pub mod events;
pub mod exposition;
pub mod failures;
pub mod series;
